"""REST: the rules of datatypes, shapes and data, in requests and answers."""

import json
from typing import Any

from conformance.check import PRACTICE, PROTOCOL, check_each, expect, group
from conformance.target import Target
from conformance.tensors import DATATYPES, read, refused

check = group("REST: datatypes and shapes", PROTOCOL)
TYPES, TENSOR = "OIP, Tensor Data Types", "OIP REST, Request Input"
SAMPLES: dict[str, Any] = {name: 1.5 if "FP" in name or name == "BF16" else 1 for name in DATATYPES} | {"BOOL": True}


@check_each(check, "rest.datatype.{}", TYPES, [name for name in DATATYPES if name != "BYTES"], basis=PRACTICE)
def other_datatype(target: Target, datatype: str) -> None:
    """A well-formed tensor of a datatype that the model does not take."""
    tensor = target.tensor([""], datatype=datatype, data=[SAMPLES[datatype]])
    refused(target.post({"inputs": [tensor]}), 400)


@check("rest.datatype.unknown", TYPES, basis=PRACTICE)
def unknown_datatype(target: Target) -> None:
    for datatype in ("STRING", "bytes", "", 7, ["BYTES"], "TYPE_STRING"):
        refused(target.post({"inputs": [target.tensor(datatype=datatype)]}), 400)


@check_each(check, "rest.tensor.without-{}", TENSOR, ["name", "datatype", "shape", "data"])
def missing_field(target: Target, field: str) -> None:
    refused(target.post({"inputs": [target.tensor(**{field: None})]}), 400)


@check("rest.tensor.wrong-name", TENSOR, basis=PRACTICE)
def wrong_name(target: Target) -> None:
    refused(target.post({"inputs": [target.tensor(name="no-such-input")]}), 400)


@check("rest.data.wrong-types", "OIP REST, BYTES in JSON", basis=PRACTICE)
def wrong_types(target: Target) -> None:
    """BYTES in JSON are strings."""
    for value in (7, 1.5, True, {"b64": "YQ=="}, ["a"]):
        refused(target.post({"inputs": [target.tensor([""], data=[value])]}), 400)
    body = json.dumps({"inputs": [target.tensor(["x"])]}).replace('["x"]', "[null]").encode()
    refused(target.send(body), 400)


@check("rest.data.no-list", TENSOR, basis=PRACTICE)
def data_no_list(target: Target) -> None:
    for data in ("a text", 7, {"0": "a"}, True):
        refused(target.post({"inputs": [target.tensor(["x"], data=data)]}), 400)


@check("rest.shape.malformed", TENSOR, basis=PRACTICE)
def malformed_shape(target: Target) -> None:
    count = len(target.texts)
    for shape in (count, str(count), [], [str(count)], [float(count) + 0.5], [-1], [-count], [True], [[count]], {}):
        refused(target.post({"inputs": [target.tensor(shape=shape)]}), 400)


@check("rest.shape.other-count", TENSOR, basis=PRACTICE)
def other_count(target: Target) -> None:
    count = len(target.texts)
    for promised in (0, count - 1, count + 1, 2**31, 2**63, 10**30):
        shape = [promised, *target.shape(count)[1:]]
        refused(target.post({"inputs": [target.tensor(shape=shape)]}), 400, 413)


@check("rest.shape.other-rank", TENSOR, basis=PRACTICE)
def other_rank(target: Target) -> None:
    shape = [*target.shape(len(target.texts)), 2]
    refused(target.post({"inputs": [target.tensor(shape=shape)]}), 400)


@check("rest.outputs.json-values", TYPES)
def json_values(target: Target) -> None:
    """Every declared output, in JSON: `read` holds its values to its datatype and shape."""
    names = [output["name"] for output in target.outputs]
    head, values = read(target.post(target.document(outputs=[{"name": name} for name in names])))
    declared = {output["name"]: output["datatype"] for output in target.outputs}
    for output in head["outputs"]:
        expect(output["datatype"] == declared[output["name"]], f"{output['name']!r} is {output['datatype']}")
    expect(sorted(values) == sorted(names), f"asked for {names}, got {list(values)}")
