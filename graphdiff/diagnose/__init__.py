"""Looking into a computation: where numbers went bad, what they are like, what they cost.

Nothing here runs unless it is asked for.
"""

from graphdiff.diagnose.numbers import Numbers, profile, statistics
from graphdiff.diagnose.report import Report, diagnose

__all__ = ["Numbers", "Report", "diagnose", "profile", "statistics"]
