"""Systems to check."""

from drift_systems import release, scorer, system

__all__ = ["release", "scorer", "system"]
