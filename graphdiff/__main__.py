"""``python -m graphdiff``."""

from graphdiff.cli import main

main(prog_name="graphdiff")
