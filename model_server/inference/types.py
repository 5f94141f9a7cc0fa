"""Types of the data plane that transports and protocols pass around."""

from dataclasses import dataclass
from typing import Any, Literal

from model_server.access.keys import Key
from model_server.phases import Phases

Truncation = Literal["head", "head_tail", "window", "error"]
TRUNCATIONS: tuple[Truncation, ...] = ("head", "head_tail", "window", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """Parameters of a request that change its answer.

    Attributes:
        truncation: treatment of a text over the model's tokens; None for the release's own.
        explain: whether predictions carry token attributions.
    """

    truncation: Truncation | None = None
    explain: bool = False


DEFAULT = Options()


@dataclass(frozen=True, slots=True)
class Call:
    """Origin, options and limits of one request.

    Attributes:
        source: the interface, as the prediction log names it.
        client: the client's address, if the transport knows it.
        deadline: end of the request's time in monotonic seconds; None for no limit.
        key: the API key that pays for the texts; None where keys are off.
        phases: a list that the phases of the request are added to; None where nothing reads them.
    """

    source: str
    client: str | None = None
    options: Options = DEFAULT
    deadline: float | None = None
    key: Key | None = None
    phases: Phases | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text; `probability` is the calibrated P(positive)."""

    id: str
    label: str
    confidence: float
    probability: float
    tokens: int
    truncated: bool
    attributions: dict[str, Any] | None = None
