"""Stands in for the ``dot`` program: DOT text on stdin, a picture on stdout, through pygraphviz.

Run as a script, ``python _pygraphviz_child.py SITE -Tsvg [-Gdpi=160]``, where SITE is the folder that holds
the pygraphviz package. The layout runs inside this process, which may be killed or crash without harm.
"""

from __future__ import annotations

import sys

CANNOT_LOAD = 3
"""The exit status when pygraphviz is there but unusable; stderr says why."""


def main() -> int:
    site, format, *options = sys.argv[1:]
    sys.path.append(site)
    try:
        import pygraphviz

        if int(pygraphviz.__version__.partition(".")[0]) < 2:
            raise ImportError(f"pygraphviz {pygraphviz.__version__} is too old, 2.0 bundles Graphviz")
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_LOAD
    try:
        graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
        picture = graph.draw(prog="dot", format=format.removeprefix("-T"), args=" ".join(options))
    except ValueError as error:  # Graphviz has written the details to stderr itself
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
