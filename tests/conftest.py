"""What every test needs: hypothesis profiles.

    HYPOTHESIS_PROFILE=default    quick enough for every commit
    HYPOTHESIS_PROFILE=thorough   twenty times as much: before a release, or after the tree changed

No profile has a deadline: the first example compiles kernels.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("default", deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.register_profile(
    "thorough", deadline=None, max_examples=2000, suppress_health_check=SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
