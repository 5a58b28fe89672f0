"""The benchmark suite: whole training steps, graphdiff's and its peers', measured side by side in one run.

Every contestant gets the same weights and batches in a process of its own. They are taken in turn (A B A B),
so that what else the machine does hits all alike; what counts is the ratio, round by round. Losses are
compared before anything is timed.
"""

from graphdiff.bench.run import QUICK, Plan, bench

__all__ = ["QUICK", "Plan", "bench"]
