"""OpenTelemetry traces, off unless the environment names where they go; its SDK is imported only then.

Spans are our own, in REST and gRPC alike, and hold nothing that a client wrote. FastAPI's own would hold query strings
and what exceptions say, and stay off because no provider is made the process's global one.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from model_server.errors import StartError
from sentiment_common.settings import environment as set_variables

if TYPE_CHECKING:
    from model_server.tracing.spans import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# Variable that may choose otherwise → what this server offers.
_OFFERED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}


def make_tracing(environment: Mapping[str, str] | None = None) -> "Tracing | None":
    """Traces as OpenTelemetry's own variables ask for them; None where they do not.

    Raises:
        StartError: they ask for what is not offered, or the extra is not installed.
    """
    if environment is None:
        environment = set_variables()
    variable = next((name for name in _ENDPOINTS if environment.get(name)), None)
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    if variable is None or off:
        return None
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", environment[variable]):
        raise StartError(
            f"{variable} is {environment[variable]!r}; give http://HOST:4318, a collector's OTLP over HTTP"
        )
    for name, offered in _OFFERED.items():
        if environment.get(name, offered) not in ("", offered):
            raise StartError(f"{name} is {environment[name]!r}; this server offers {offered}")
    try:
        from model_server.tracing.spans import Tracing, exporting
    except ImportError as error:
        said = f"{variable} is set and traces need OpenTelemetry ({error})"
        raise StartError(f"{said}: pip install 'sentiment-pipeline[serve,otel]', or unset it") from None
    try:
        return Tracing(exporting())
    except ValueError as error:  # a variable of the SDK that is no number
        raise StartError(f"OTEL_*: {error}") from None
