"""The choice between traces and none, by OpenTelemetry's own variables; the SDK is imported only when traces are on."""

import re
from collections.abc import Mapping

from model_server.errors import StartError
from model_server.tracing.off import Untraced
from sentiment_common.propagators import drop_missing_propagators
from sentiment_common.settings import environment as set_variables

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# Variable that may choose otherwise → what this server offers.
_OFFERED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}


def _wanted(environment: Mapping[str, str]) -> str | None:
    """Return the variable that turns traces on; None where they are off."""
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return None if off else next((name for name in _ENDPOINTS if environment.get(name)), None)


def make_tracing(environment: Mapping[str, str] | None = None) -> Untraced:
    """Make the tracing that OpenTelemetry's own variables ask for.

    Raises:
        StartError: a variable has a value that is not offered, or the extra is not installed.
    """
    if environment is None:
        environment = set_variables()
    variable = _wanted(environment)
    if variable is None:
        return Untraced()
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", environment[variable]):
        raise StartError(
            f"{variable} is {environment[variable]!r}; give http://HOST:4318, a collector's OTLP over HTTP"
        )
    for name, offered in _OFFERED.items():
        if environment.get(name, offered) not in ("", offered):
            raise StartError(f"{name} is {environment[name]!r}; this server offers {offered}")
    if wrong := drop_missing_propagators():
        raise StartError(f"{wrong}; install the package of that propagator, or set tracecontext,baggage")
    try:
        from model_server.tracing.edges import Traced  # the SDK: an extra, and a third of a second

        return Traced()
    except ImportError as error:
        message = f"{variable} is set and traces need OpenTelemetry ({error})"
        raise StartError(f"{message}: pip install 'sentiment-pipeline[serve,otel]', or unset it") from None
    except Exception as error:  # any error at the SDK's import or set-up comes from its variables
        raise StartError(f"{_blamed(environment, str(error))}: {str(error).rstrip('.')}; correct or unset it") from None


def _blamed(environment: Mapping[str, str], message: str) -> str:
    """Return the variable that the SDK's message names, or else all that are set."""
    names = sorted(name for name in environment if name.startswith("OTEL_") and name not in _ENDPOINTS)
    return ", ".join([name for name in names if name in message] or names) or "OTEL_*"
