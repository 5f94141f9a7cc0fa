"""The values of a release that its answers are computed with."""

from dataclasses import dataclass
from typing import Self

from model_release.manifest import Manifest, Truncation


@dataclass(frozen=True, slots=True)
class ScoringSpec:
    """Values that turn texts into calibrated answers; `Manifest` describes each.

    Attributes:
        release_id: empty while the release is being built.
    """

    labels: tuple[str, str]
    max_tokens: int
    truncation: Truncation
    hidden_size: int
    decision_threshold: float
    temperature: float = 1.0
    release_id: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the spec of a finished release."""
        return cls(
            labels=manifest.labels,
            max_tokens=manifest.max_tokens,
            truncation=manifest.truncation,
            hidden_size=manifest.hidden_size,
            decision_threshold=manifest.decision_threshold,
            temperature=manifest.temperature,
            release_id=manifest.release_id,
        )
