"""The parameters of a request that change its answer, read alike from V2, V1 and `/predict`."""

from collections.abc import Mapping

from model_server.errors import InvalidInput
from model_server.inference.types import DEFAULT, TRUNCATIONS, Options
from sentiment_common.json_terms import json_text, json_type

_OFFERED = ("truncation", "explain")
CONTENT_TYPE = "content_type"
# Codecs of MLServer's clients that leave strings unchanged; its other codecs encode them.
_TEXT_TYPES = ("str", "np", "pd", "hf", "raw")
# Parameters of the protocol's extensions that client libraries add; they change nothing for this model.
_HARMLESS = frozenset({"binary_data_output", "priority", "timeout", "sequence_id", "sequence_start", "sequence_end"})


def parse_options(parameters: object, where: str = "parameters") -> Options:
    """Return the options among a request's parameters; raise InvalidInput for an unknown parameter or value."""
    if parameters is None:
        return DEFAULT
    if not isinstance(parameters, Mapping):
        raise InvalidInput(f"{where} is {json_type(parameters)}; send an object")
    for name in parameters:
        if name not in _OFFERED and name not in _HARMLESS and name != CONTENT_TYPE:
            raise InvalidInput(
                f"{where}.{name} is unknown; there is: truncation ({', '.join(TRUNCATIONS)}), explain (true, false)"
            )
    check_content_type(parameters, where)
    truncation = parameters.get("truncation")
    if truncation is not None and truncation not in TRUNCATIONS:
        raise InvalidInput(f"{where}.truncation is {json_text(truncation)}; choose one of {', '.join(TRUNCATIONS)}")
    return Options(truncation, _flag(parameters.get("explain", False), f"{where}.explain"))


def check_content_type(parameters: Mapping[str, object], where: str) -> None:
    """Refuse a codec of MLServer that encodes texts, such as `base64`.

    Raises:
        InvalidInput: names the parameter and the accepted codecs.
    """
    value = parameters.get(CONTENT_TYPE)
    if value is not None and value not in _TEXT_TYPES:
        taken = ", ".join(_TEXT_TYPES)
        raise InvalidInput(f"{where}.{CONTENT_TYPE} is {json_text(value)}; send plain texts, which are one of {taken}")


def _flag(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):  # gRPC clients that send every parameter as a string
        return value == "true"
    raise InvalidInput(f"{where} is {json_text(value)}; send true or false")
