"""What ``import graphdiff`` and its first look-up of a plugin cost beside xarray's, among 200 distributions.

``pip install -e ".[peers]"``, then ``python tests/benchmarks/start_up.py`` writes 200 ``*.dist-info`` folders
(half of them with entry points), and one that brings a plugin for each, puts them on the path, starts a fresh
process for each measurement, all in turn, and writes ``results/start_up.json``: medians in seconds, ratios.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from graphdiff.bench.machine import description

RESULT = Path(__file__).with_name("results") / "start_up.json"
DISTRIBUTIONS, ROUNDS = 200, 15
LIBRARIES = ("graphdiff", "xarray")
# A look-up is the first in its process. xarray's own engines are in a table and not among the entry points.
LOOK_UPS = {
    "plugin": ("graphdiff.layers.Stranger", "xarray.backends.plugins.get_backend('stranger')"),
    "built_in": ("graphdiff.layers.Linear", "xarray.backends.plugins.get_backend('store')"),
}
# What a process cost -> whether it looked up a plugin or a built-in, and which of its seconds count.
FIGURES = {
    "import_and_first_look_up": ("plugin", sum),
    "import": ("plugin", itemgetter(0)),
    "first_look_up": ("plugin", itemgetter(1)),
    "first_look_up_of_a_built_in": ("built_in", itemgetter(1)),
}
PROGRAM = """
from time import perf_counter
start = perf_counter()
import {}
imported = perf_counter()
{}
print(imported - start, perf_counter() - imported)
"""
ENTRIES = """[graphdiff.layers]
Stranger = stranger_layer:Stranger

[xarray.backends]
stranger = stranger_engine:Stranger
"""
MODULES = {
    "stranger_layer": "from graphdiff import Module\nclass Stranger(Module): pass\n",
    "stranger_engine": "from xarray.backends import BackendEntrypoint\n"
    "class Stranger(BackendEntrypoint):\n"
    "    def open_dataset(self, filename_or_obj, *, drop_variables=None): pass\n",
}


def install(site, name, entries):
    """A distribution's metadata as pip leaves them."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    needs = "".join(f"Requires-Dist: package_{k} >=1\n" for k in range(10))
    (folder / "METADATA").write_text(f"{about}{needs}\n" + "A line of its description.\n" * 100)
    (folder / "RECORD").write_text("".join(f"{name}/m{k}.py,sha256=0,0\n" for k in range(50)))
    if entries:
        (folder / "entry_points.txt").write_text(entries)


def furnish(site):
    for number in range(DISTRIBUTIONS):
        name = f"package_{number}"
        entries = f"[console_scripts]\n{name} = {name}:main\n\n[pytest11]\n{name} = {name}.plugin\n"
        install(site, name, entries if number % 2 else "")
    install(site, "stranger", ENTRIES)
    for module, source in MODULES.items():
        (site / f"{module}.py").write_text(source)


def seconds(site, library, look_up):
    """Of the import, and of the first look-up."""
    program = PROGRAM.format(library, look_up)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(float, done.stdout.split()))


def measured(site):
    """For each round and kind of look-up, the pairs of seconds of both libraries."""

    def one_round():
        named = {what: zip(LIBRARIES, look_ups, strict=True) for what, look_ups in LOOK_UPS.items()}
        return {what: [seconds(site, *pair) for pair in pairs] for what, pairs in named.items()}

    one_round()  # writes the bytecode
    return [one_round() for _ in range(ROUNDS)]


def beside(rounds, look_up, figure):
    """The medians of both, and of the ratio."""
    pairs = [tuple(map(figure, one_round[look_up])) for one_round in rounds]
    own, theirs = (round(median(column), 6) for column in zip(*pairs, strict=True))
    return {"graphdiff": own, "xarray": theirs, "ratio": round(median(a / b for a, b in pairs), 3)}


def main():
    with TemporaryDirectory() as folder:
        furnish(Path(folder))
        rounds = measured(Path(folder))
    result = {
        "machine": description(gpu=False),
        "versions": {library: version(library) for library in LIBRARIES},
        "distributions": DISTRIBUTIONS,
        "rounds": ROUNDS,
    } | {what: beside(rounds, *where) for what, where in FIGURES.items()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for what in FIGURES:
        print(what, result[what])


if __name__ == "__main__":
    main()
