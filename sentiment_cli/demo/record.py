"""The demo's results as plain data: the source of the printed account and of `summary.json`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class StageRecord:
    """One stage: outcome (`done`, `failed`, `interrupted`, `not reached`), seconds, peak memory, one line of detail."""

    name: str
    title: str
    outcome: str = "not reached"
    seconds: float = 0.0
    peak_mib: float = 0.0
    detail: str = ""
    log: str | None = None


@dataclass(slots=True)
class TransportRecord:
    """Requests of one transport; latencies in milliseconds, measured by the client."""

    transport: str
    requests: int
    texts: int
    failed: int
    p50_ms: float
    p95_ms: float


@dataclass(slots=True)
class AgreementRecord:
    """The same texts by every transport: the largest difference of P(positive), and whether all labels agree."""

    texts: int
    largest_difference: float
    labels_agree: bool
    by_transport: dict[str, float]


@dataclass(slots=True)
class DriftRecord:
    """One drift check: the expected verdict, its verdict and reason, and its report's address."""

    traffic: str
    expected: str
    verdict: str
    reason: str
    rows: int
    report: str | None
    seconds: float


@dataclass(slots=True)
class Expectation:
    """A condition that must hold at the end of the demo."""

    name: str
    met: bool
    found: str


@dataclass(slots=True)
class DemoRecord:
    """The whole demo. `outcome` is `ok`, `failed` (a stage or an expectation) or `interrupted`."""

    started: str
    stages: list[StageRecord]
    settings: dict[str, Any] = field(default_factory=dict)
    outcome: str = "failed"
    error: str | None = None
    seconds: float = 0.0
    peak_mib: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    release_id: str | None = None
    release_uri: str | None = None
    base_model: str | None = None
    default_variant: str | None = None
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    ready_seconds: float | None = None
    agreement: AgreementRecord | None = None
    transports: list[TransportRecord] = field(default_factory=list)
    texts_sent: int = 0
    rows_logged: int = 0
    drift: list[DriftRecord] = field(default_factory=list)
    shutdown_seconds: float | None = None
    expectations: list[Expectation] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")
