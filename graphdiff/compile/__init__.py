"""From a function to one optimised graph to an executable: trace, passes, hand-over to the backend."""

from graphdiff.compile.function import Compiled, compile
from graphdiff.compile.trace import make_graph

__all__ = ["Compiled", "compile", "make_graph"]
