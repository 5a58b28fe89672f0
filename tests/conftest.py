"""How much the property-based tests try: ``HYPOTHESIS_PROFILE=campaign`` for a long search."""

import os

from hypothesis import HealthCheck, settings

# Reproducible: the same examples every time, and none remembered from earlier runs.
settings.register_profile(
    "ci",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("campaign", parent=settings.get_profile("ci"), max_examples=400, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
