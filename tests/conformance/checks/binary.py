"""REST: the binary tensor data extension, in requests, in answers, and damaged."""

import json
import struct

from conformance.check import PRACTICE, PROTOCOL, Skipped, expect, group
from conformance.target import LENGTH_HEADER, Target, pack
from conformance.tensors import read, refused, same

check = group("REST: binary tensors", PROTOCOL)
NAME = "binary_tensor_data"
SECTION = "Binary tensor data extension"


def _names(target: Target) -> list[str]:
    """The outputs that are the same from request to request."""
    return [output["name"] for output in target.outputs if not output["name"].endswith("id")]


@check("binary.request", SECTION, NAME)
def request(target: Target) -> None:
    body, headers = target.binary(pack(target.texts), len(target.texts))
    names = [{"name": name} for name in _names(target)]
    asked, headers = target.binary(pack(target.texts), len(target.texts), outputs=names)
    same(read(target.send(asked, headers))[1], read(target.post(target.document(outputs=names)))[1])
    read(target.send(body, headers | {LENGTH_HEADER: str(len(body) - len(pack(target.texts)))}))


@check("binary.request.unicode", SECTION, NAME)
def unicode_request(target: Target) -> None:
    text = "Fünf Sterne 🎬 好看"
    names = [{"name": name} for name in _names(target)]
    body, headers = target.binary(pack([text]), 1, outputs=names)
    same(read(target.send(body, headers))[1], read(target.post(target.document([text], outputs=names)))[1])


@check("binary.answer.all", SECTION, NAME)
def answer_all(target: Target) -> None:
    """`binary_data_output` makes each output binary."""
    response = target.post(target.document(parameters={"binary_data_output": True}))
    head, values = read(response)
    expect(values, "the answer has no outputs")
    expect(LENGTH_HEADER in response.headers, f"the answer has no header {LENGTH_HEADER}")
    for output in head["outputs"]:
        expect("data" not in output, f"output {output['name']!r} came in JSON")


@check("binary.answer.each", SECTION, NAME)
def answer_each(target: Target) -> None:
    """Each output in binary, and beside it the others in JSON, says what it says in JSON."""
    names = _names(target)
    plain = read(target.post(target.document(outputs=[{"name": name} for name in names])))[1]
    for binary in names:
        outputs = [{"name": name, "parameters": {"binary_data": name == binary}} for name in names]
        head, values = read(target.post(target.document(outputs=outputs)))
        same(plain, values)
        for output in head["outputs"]:
            expect(("data" in output) == (output["name"] != binary), f"{binary!r} was requested in binary: {output}")


@check("binary.answer.order", SECTION, NAME)
def answer_order(target: Target) -> None:
    """Bytes follow the JSON in the order of its outputs: `read` cuts them so."""
    names = _names(target)[::-1]
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in names]
    plain = read(target.post(target.document(outputs=[{"name": name} for name in names])))[1]
    same(plain, read(target.post(target.document(outputs=outputs)))[1])


@check("binary.answer.taken-back", SECTION, NAME)
def taken_back(target: Target) -> None:
    """`binary_data: false` of an output wins over `binary_data_output: true` of the request."""
    name = _names(target)[0]
    outputs = [{"name": name, "parameters": {"binary_data": False}}]
    head, _ = read(target.post(target.document(outputs=outputs, parameters={"binary_data_output": True})))
    expect("data" in head["outputs"][0], f"output {name!r} came in binary")


@check("binary.header-of-json-only", SECTION, NAME)
def header_of_json(target: Target) -> None:
    body = json.dumps(target.document()).encode()
    read(target.send(body, {LENGTH_HEADER: str(len(body))}))


@check("binary.flags.malformed", SECTION, NAME, basis=PRACTICE)
def malformed_flags(target: Target) -> None:
    refused(target.post(target.document(parameters={"binary_data_output": "yes"})), 400)
    outputs = [{"name": target.outputs[0]["name"], "parameters": {"binary_data": 1}}]
    refused(target.post(target.document(outputs=outputs)), 400)


@check("binary.header.wrong", SECTION, NAME, basis=PRACTICE)
def wrong_header(target: Target) -> None:
    body, headers = target.binary(pack(target.texts), len(target.texts))
    right = int(headers[LENGTH_HEADER])
    for wrong in ("-1", "x", "", "1.5", "0x10", str(len(body) + 1), "9" * 400, str(right - 1), str(right + 1)):
        refused(target.send(body, {LENGTH_HEADER: wrong}), 400)
    refused(target.send(body), 400)


@check("binary.size.wrong", SECTION, NAME, basis=PRACTICE)
def wrong_size(target: Target) -> None:
    raw = pack(target.texts)
    for size in (0, len(raw) - 1, len(raw) + 1, -1, 2**63, "12", 1.5, True, None):
        tensor = target.tensor(data=None, parameters={"binary_data_size": size})
        head = json.dumps({"inputs": [tensor]}).encode()
        refused(target.send(head + raw, {LENGTH_HEADER: str(len(head))}), 400)


@check("binary.body.cut", SECTION, NAME, basis=PRACTICE)
def cut_body(target: Target) -> None:
    raw = pack(target.texts)
    body, headers = target.binary(raw, len(target.texts))
    for cut in (1, 3, len(raw) // 2, len(raw) - 1, len(raw)):
        refused(target.send(body[:-cut], headers), 400)


@check("binary.elements.damaged", SECTION, NAME, basis=PRACTICE)
def damaged(target: Target) -> None:
    """The sizes agree with the body, but the elements inside do not."""
    count = len(target.texts)
    good = pack(target.texts)
    for raw in (
        good[:-1],  # the last element ends too soon
        good + b"\0",  # a length of one byte
        good + pack(["more"]),  # an element too many
        pack(target.texts[1:]),  # one too few
        struct.pack("<I", 2**32 - 1) + good[4:],
        struct.pack("<I", 2**31) + good[4:],
        b"",
    ):
        body, headers = target.binary(raw, count)
        refused(target.send(body, headers), 400)


@check("binary.elements.not-utf8", SECTION, NAME, basis=PRACTICE)
def not_utf8(target: Target) -> None:
    """A text model takes UTF-8: other bytes are a client error."""
    for raw in (b"\xff\xfe", b"fine \xed\xa0\xbd film", b"\xc0\x80"):
        body, headers = target.binary(pack([raw]), 1)
        refused(target.send(body, headers), 400)


@check("binary.data-twice", SECTION, NAME, basis=PRACTICE)
def twice(target: Target) -> None:
    raw = pack(target.texts)
    tensor = target.tensor(parameters={"binary_data_size": len(raw)})
    head = json.dumps({"inputs": [tensor]}).encode()
    refused(target.send(head + raw, {LENGTH_HEADER: str(len(head))}), 400)


@check("binary.bytes-without-a-tensor", SECTION, NAME, basis=PRACTICE)
def stray(target: Target) -> None:
    head = json.dumps(target.document()).encode()
    refused(target.send(head + b"abcd", {LENGTH_HEADER: str(len(head))}), 400)


@check("shared-memory.undeclared", "System shared memory extension", basis=PRACTICE)
def shared_memory(target: Target) -> None:
    """Where it is not declared, a region is refused: an answer that goes nowhere would be worse."""
    if "system_shared_memory" in target.extensions:
        return
    parameters = {"shared_memory_region": "region", "shared_memory_byte_size": 64}
    refused(target.post({"inputs": [target.tensor(data=None, parameters=parameters)]}), 400)
    outputs = [{"name": target.outputs[0]["name"], "parameters": parameters}]
    refused(target.post(target.document(outputs=outputs)), 400)


@check("binary.raw", "Binary tensor data extension, raw binary request: the body is the one text", NAME, basis=PRACTICE)
def raw(target: Target) -> None:
    """A server need not offer it; one that does must not take the first four bytes for a length."""
    text = "A warm and funny film."
    response = target.send(text.encode(), {LENGTH_HEADER: "0"})
    if response.status_code == 400:
        raise Skipped("raw binary requests are not offered")
    same(read(response)[1], read(target.post(target.document([text])))[1])
