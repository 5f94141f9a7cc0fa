"""OpenTelemetry's propagators, which MLflow imports whether anything is traced or not."""

import os
from collections.abc import MutableMapping

VARIABLE = "OTEL_PROPAGATORS"


def drop_missing_propagators(environment: MutableMapping[str, str] = os.environ) -> str | None:
    """Leave OTEL_PROPAGATORS out of the environment where it names a propagator that is not installed, such as `b3`.

    OpenTelemetry's own import fails on it, and with it the import of every package that imports OpenTelemetry.

    Returns:
        What is wrong with the variable; None where nothing is, or OpenTelemetry is not installed.
    """
    try:
        import opentelemetry.propagate  # noqa: F401
    except ImportError:
        return None
    except Exception as error:  # its loader raises what it likes
        wrong = f"{VARIABLE} is {environment.get(VARIABLE)!r}: {str(error).rstrip('.')}"
        environment.pop(VARIABLE, None)
        return wrong
    return None
