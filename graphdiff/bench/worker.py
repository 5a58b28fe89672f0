"""One contestant in a process of its own: makes its step, then takes turns as it is told."""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(contestant: str, workload: str) -> None:
    """Answer each line of standard input, a number of steps, with the seconds that each took."""
    from graphdiff.bench.contestants import CONTESTANTS
    from graphdiff.bench.workloads import WORKLOADS

    start = time.perf_counter()
    step = CONTESTANTS[contestant](WORKLOADS[workload])
    losses = [step() for _ in range(3)]
    _say(losses=losses, ready=time.perf_counter() - start)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - begin)
        _say(seconds=seconds, peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
