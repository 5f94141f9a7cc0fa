"""The classification extension, over REST and gRPC: `<score>:<index>[:<label>]`, the highest first."""

import re
from typing import Any

import grpc

from conformance.calls import infer, infer_request
from conformance.calls import read as read_rpc
from conformance.check import PRACTICE, PROTOCOL, Skipped, expect, group
from conformance.target import Target
from conformance.tensors import read, refused

check = group("Classification", PROTOCOL)
NAME, SECTION = "classification", "Classification extension"
_CLASS = re.compile(r"^(-?[0-9.]+(?:e-?[0-9]+)?):([0-9]+)(?::(.+))?$")


def _scores(target: Target) -> tuple[str, int]:
    """Name and classes of an output of scores: the first one of floats with a row a text."""
    for output in target.outputs:
        if output["datatype"] in ("FP32", "FP64") and len(output["shape"]) == 2 and output["shape"][1] > 0:
            return output["name"], output["shape"][1]
    raise Skipped("no output holds scores of a fixed number of classes")


def _asked(name: str, count: Any, **parameters: Any) -> list[dict[str, Any]]:
    return [{"name": name, "parameters": {"classification": count, **parameters}}]


def _right(values: list[Any], scores: list[float], rows: int, classes: int, count: int) -> None:
    expect(len(values) == rows * count, f"{rows} texts and {count} classes gave {len(values)} values")
    for row in range(rows):
        found = []
        for value in values[row * count : (row + 1) * count]:
            parts = _CLASS.match(str(value))
            expect(parts, f"{value!r} is not of the form score:index:label")
            found.append((float(parts[1]), int(parts[2])))  # type: ignore[index]
        own = scores[row * classes : (row + 1) * classes]
        expect(found == sorted(found, key=lambda pair: -pair[0]), f"{found} is not from the highest down")
        for score, index in found:
            expect(abs(own[index] - score) < 0.02, f"class {index} has the score {own[index]}, classified as {score}")
        expect(len({index for _, index in found}) == count, f"a class stands twice in {found}")


@check("classification.rest", SECTION, NAME)
def rest(target: Target) -> None:
    name, classes = _scores(target)
    rows = len(target.texts)
    scores = read(target.post(target.document(outputs=[{"name": name}])))[1][name]
    for count in range(1, classes + 1):
        for binary in ({}, {"binary_data": True}):
            head, values = read(target.post(target.document(outputs=_asked(name, count, **binary))))
            output = head["outputs"][0]
            expect(output["datatype"] == "BYTES", f"a classified output is of {output['datatype']}; expected BYTES")
            expect(output["shape"] == [rows, count], f"shape {output['shape']}; expected {[rows, count]}")
            _right(values[name], scores, rows, classes, count)


@check("classification.rest.more-than-there-are", SECTION, NAME, basis=PRACTICE)
def more(target: Target) -> None:
    name, classes = _scores(target)
    _, values = read(target.post(target.document(outputs=_asked(name, classes + 5))))
    expect(len(values[name]) == len(target.texts) * classes, f"{len(values[name])} values")


@check("classification.rest.malformed", SECTION, NAME, basis=PRACTICE)
def malformed(target: Target) -> None:
    name, _ = _scores(target)
    for count in (0, -1, "2", 1.5, True, [1]):
        refused(target.post(target.document(outputs=_asked(name, count))), 400)
    words = [output["name"] for output in target.outputs if output["datatype"] == "BYTES"]
    for other in words[:1]:
        refused(target.post(target.document(outputs=_asked(other, 1))), 400)


@check("classification.grpc", SECTION, NAME)
def rpc(target: Target) -> None:
    name, classes = _scores(target)
    scores = read_rpc(infer(target, infer_request(target, outputs=[name])))[name]
    for count in range(1, classes + 1):
        request = infer_request(target, outputs=[name])
        request.outputs[0].parameters["classification"].int64_param = count
        response = infer(target, request)
        expect(response.outputs[0].datatype == "BYTES", f"a classified output is of {response.outputs[0].datatype}")
        _right(read_rpc(response)[name], scores, len(target.texts), classes, count)
    request = infer_request(target, outputs=[name])
    request.outputs[0].parameters["classification"].int64_param = -1
    infer(target, request, grpc.StatusCode.INVALID_ARGUMENT)
