"""What ``import graphdiff`` and its first look-up of a plugin cost beside xarray's, among 200 distributions.

``pip install -e ".[peers]"``, then ``python tests/benchmarks/start_up.py`` writes 200 ``*.dist-info`` folders
(half of them with entry points), puts them on the path, starts a fresh process for each measurement, the two
libraries in turn, and writes ``results/start_up.json``: medians in seconds, and ratios.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from graphdiff.bench.machine import description

RESULT = Path(__file__).with_name("results") / "start_up.json"
DISTRIBUTIONS, ROUNDS = 200, 21
# Both look up what comes along; xarray's engines are found by entry points too.
CONTESTANTS = {
    "graphdiff": ("import graphdiff", "graphdiff.layers.Linear"),
    "xarray": ("import xarray", "xarray.backends.plugins.get_backend('store')"),
}
PROGRAM = """
from time import perf_counter
start = perf_counter()
{}
imported = perf_counter()
{}
print(imported - start, perf_counter() - imported)
"""


def install(site, number):
    """A distribution as pip leaves it, without its modules."""
    folder = site / f"package_{number}-1.{number}.dist-info"
    folder.mkdir()
    about = f"Metadata-Version: 2.1\nName: package-{number}\nVersion: 1.{number}\n"
    needs = "".join(f"Requires-Dist: package-{k} >=1\n" for k in range(10))
    (folder / "METADATA").write_text(f"{about}{needs}\n" + "A line of its description.\n" * 100)
    (folder / "RECORD").write_text("".join(f"package_{number}/m{k}.py,sha256=0,0\n" for k in range(50)))
    if number % 2:
        scripts = f"[console_scripts]\npackage-{number} = package_{number}:main\n\n"
        (folder / "entry_points.txt").write_text(f"{scripts}[pytest11]\np{number} = package_{number}.p\n")


def seconds(contestant, site):
    """Of the import, and of the first look-up."""
    program = PROGRAM.format(*CONTESTANTS[contestant])
    variables = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    )
    return tuple(map(float, done.stdout.split()))


def main():
    with TemporaryDirectory() as folder:
        for number in range(DISTRIBUTIONS):
            install(Path(folder), number)
        for contestant in CONTESTANTS:  # writes the bytecode
            seconds(contestant, folder)
        rounds = [{c: seconds(c, folder) for c in CONTESTANTS} for _ in range(ROUNDS)]
    result = {"machine": description(gpu=False), "distributions": DISTRIBUTIONS, "rounds": ROUNDS}
    result["versions"] = {c: version(c) for c in CONTESTANTS}
    for place, what in enumerate(("import", "first_look_up")):
        found = {c: median(times[c][place] for times in rounds) for c in CONTESTANTS}
        ratio = median(times["graphdiff"][place] / times["xarray"][place] for times in rounds)
        result[what] = {**{c: round(value, 5) for c, value in found.items()}, "ratio": round(ratio, 3)}
        print(f"{what}: graphdiff / xarray = {ratio:.3f}", found)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
