"""Answers as values, read by the protocol's rules; a broken rule is a failure that names the tensor."""

import json
import math
import struct
from typing import Any

import httpx

from conformance.check import Failed, expect, shorten
from conformance.target import LENGTH_HEADER

# Datatype → bytes of an element and its code in `struct`; BYTES and BF16 have none.
SIZES: dict[str, tuple[int, str]] = {
    "BOOL": (1, "?"),
    "UINT8": (1, "B"),
    "UINT16": (2, "H"),
    "UINT32": (4, "I"),
    "UINT64": (8, "Q"),
    "INT8": (1, "b"),
    "INT16": (2, "h"),
    "INT32": (4, "i"),
    "INT64": (8, "q"),
    "FP16": (2, "e"),
    "FP32": (4, "f"),
    "FP64": (8, "d"),
}
DATATYPES = (*SIZES, "BF16", "BYTES")
Values = dict[str, list[Any]]


def flat(data: object) -> list[Any]:
    """A tensor's values, flat or nested, in row-major order."""
    return [value for part in data for value in flat(part)] if isinstance(data, list) else [data]


def _is_of(value: object, datatype: str) -> bool:
    if datatype == "BOOL":
        return isinstance(value, bool)
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype.startswith(("INT", "UINT")):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def from_json(output: dict[str, Any]) -> list[Any]:
    """The values of an output in JSON, checked against its datatype and shape."""
    values, name = flat(output["data"]), output["name"]
    for value in values:
        expect(_is_of(value, output["datatype"]), f"output {name!r} of {output['datatype']} holds {shorten(value)}")
    count = math.prod(output["shape"])
    expect(len(values) == count, f"output {name!r} of shape {output['shape']} holds {len(values)} values")
    return values


def from_binary(datatype: str, count: int, raw: bytes, name: str) -> list[Any]:
    """`count` values of a binary tensor, which must be all of `raw`; BYTES are text."""
    if datatype != "BYTES":
        expect(datatype in SIZES, f"output {name!r} has the datatype {datatype!r}")
        size, code = SIZES[datatype]
        expect(len(raw) == size * count, f"output {name!r}: {count} of {datatype} are {size * count} bytes: {len(raw)}")
        return list(struct.unpack(f"<{count}{code}", raw))
    values, position = [], 0
    while position < len(raw):
        expect(position + 4 <= len(raw), f"output {name!r} ends inside the length of element {len(values)}")
        (size,) = struct.unpack_from("<I", raw, position)
        expect(position + 4 + size <= len(raw), f"output {name!r} ends inside element {len(values)}")
        values.append(raw[position + 4 : position + 4 + size].decode())
        position += 4 + size
    expect(len(values) == count, f"output {name!r} promises {count} elements, its bytes hold {len(values)}")
    return values


def read(response: httpx.Response) -> tuple[dict[str, Any], Values]:
    """An answer's JSON, and the values of its outputs by name, in order."""
    last = response.text.strip().rpartition("\n")[2]  # of a traceback, the line that says what happened
    expect(response.status_code == 200, f"answered {response.status_code} {shorten(last)}; expected 200")
    length = response.headers.get(LENGTH_HEADER)
    size = int(length) if length else len(response.content)
    head, rest = json.loads(response.content[:size]), response.content[size:]
    values: Values = {}
    for output in head["outputs"]:
        for key in ("name", "datatype", "shape"):
            expect(key in output, f"output {shorten(output)} has no {key}")
        if "data" in output:
            values[output["name"]] = from_json(output)
            continue
        count = output.get("parameters", {}).get("binary_data_size")
        expect(isinstance(count, int), f"output {output['name']!r} has neither data nor binary_data_size")
        values[output["name"]] = from_binary(
            output["datatype"], math.prod(output["shape"]), rest[:count], output["name"]
        )
        rest = rest[count:]
    expect(not rest, f"{len(rest)} bytes follow the last binary output")
    return head, values


def same(one: Values, other: Values, tolerance: float = 0.02) -> None:
    """Fail unless two answers say the same; scores may move a little with the batch they were computed in."""
    expect(list(one) == list(other), f"one answer has the outputs {list(one)}, the other {list(other)}")
    for name in one:
        first, second = one[name], other[name]
        if any(isinstance(value, float) for value in first):
            close = len(first) == len(second) and all(
                abs(a - b) <= tolerance for a, b in zip(first, second, strict=True)
            )
            expect(close, f"output {name!r} differs: {shorten(first)} and {shorten(second)}")
        else:
            expect(first == second, f"output {name!r} differs: {shorten(first)} and {shorten(second)}")


def read_or_refused(response: httpx.Response, *statuses: int) -> None:
    """Fail unless it is a whole answer, or refused as `refused` says."""
    if response.status_code == 200:
        read(response)
    else:
        refused(response, *statuses)


def refused(response: httpx.Response, *statuses: int) -> str:
    """Fail unless it is one of these statuses with `{"error": "..."}`; the message."""
    status, wanted = response.status_code, " or ".join(map(str, statuses))
    expect(status >= 400, f"answered {status} {shorten(response.text)}; expected {wanted}")
    try:
        document = response.json()
    except ValueError:
        raise Failed(f"{status}, and the error's body is not JSON: {shorten(response.text)}") from None
    message = document.get("error") if isinstance(document, dict) else None
    expect(
        isinstance(message, str) and message,
        f"{status}, and its body is {shorten(document)}; expected {{'error': '...'}}",
    )
    expect(status in statuses, f"answered {status} {shorten(message)}; expected {wanted}")
    return str(message)
