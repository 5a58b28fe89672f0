"""The main job: a lecture's circuit taken apart, then a network trained on handwritten digits."""

from graphdiff.demo.run import run

__all__ = ["run"]
