"""Systems to check."""

from kit.drift_systems import release, scorer, system

__all__ = ["release", "scorer", "system"]
