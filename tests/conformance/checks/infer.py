"""REST: inference with JSON tensors: ids, outputs, parameters, order and count."""

from conformance.check import PRACTICE, PROTOCOL, expect, group, shorten
from conformance.target import Target
from conformance.tensors import Values, read, read_or_refused, refused, same

check = group("REST: infer", PROTOCOL)
REQUEST, RESPONSE = "OIP REST, Inference Request", "OIP REST, Inference Response"


def _stable(values: Values) -> Values:
    """Without the outputs that are new with every request, such as ids."""
    return {name: value for name, value in values.items() if not name.endswith("id")}


@check("rest.infer", RESPONSE)
def infer(target: Target) -> None:
    response = target.post(target.document())
    head, values = read(response)
    expect(response.headers["content-type"].startswith("application/json"), f"is {response.headers['content-type']!r}")
    expect(head.get("model_name") == target.model, f"model_name is {shorten(head.get('model_name'))}")
    expect(values, "the answer has no outputs")
    for name in values:
        shape = next(output["shape"] for output in head["outputs"] if output["name"] == name)
        expect(shape and shape[0] == len(target.texts), f"{len(target.texts)} texts gave {name!r} of shape {shape}")


@check("rest.infer.declared-outputs", RESPONSE)
def declared(target: Target) -> None:
    """Each output of an answer is one that the metadata declares, with its datatype and a shape that fits."""
    known = {output["name"]: output for output in target.declared_outputs}
    for output in read(target.post(target.document()))[0]["outputs"]:
        expect(output["name"] in known, f"output {output['name']!r} is not in the metadata")
        declaration = known[output["name"]]
        expect(
            output["datatype"] == declaration["datatype"],
            f"{output['name']!r} is {output['datatype']}, not {declaration}",
        )
        fits = len(output["shape"]) == len(declaration["shape"]) and all(
            expected in (-1, size) for size, expected in zip(output["shape"], declaration["shape"], strict=True)
        )
        expect(fits, f"{output['name']!r} has the shape {output['shape']}, the metadata says {declaration['shape']}")


@check("rest.id.echoed", RESPONSE)
def id_echoed(target: Target) -> None:
    head, _ = read(target.post(target.document(id="a-1")))
    expect(head.get("id") == "a-1", f"id 'a-1' came back as {shorten(head.get('id'))}")


@check("rest.id.any-string", RESPONSE)
def id_any(target: Target) -> None:
    for given in ("ünï 🎬", "x" * 300):
        head, _ = read(target.post(target.document(id=given)))
        expect(head.get("id") == given, f"id {shorten(given)} came back as {shorten(head.get('id'))}")


@check("rest.id.absent", RESPONSE, basis=PRACTICE)
def id_absent(target: Target) -> None:
    head, _ = read(target.post(target.document()))
    expect("id" not in head, f"no id was sent, and {shorten(head.get('id'))} came back")


@check("rest.id.not-a-string", REQUEST, basis=PRACTICE)
def id_wrong(target: Target) -> None:
    for given in (7, ["a"], {"a": 1}, True):
        refused(target.post(target.document(id=given)), 400)


@check("rest.order-and-count", RESPONSE)
def order(target: Target) -> None:
    """Rows answer the texts in their order: turned round, and one by one, they say the same."""
    _, forward = read(target.post(target.document()))
    _, backward = read(target.post(target.document(target.texts[::-1])))
    count = len(target.texts)

    def both(row: int) -> tuple[tuple[Values, int], tuple[Values, int]]:
        return (forward, row), (backward, count - 1 - row)

    for name, values in _stable(forward).items():
        width = len(values) // count
        for row, text in enumerate(target.texts):
            own, turned = (one[name][width * at : width * (at + 1)] for one, at in both(row))
            same({name: own}, {name: turned})
            same({name: own}, {name: read(target.post(target.document([text])))[1][name]})


@check("rest.outputs.each", "OIP REST, Request Output")
def outputs_each(target: Target) -> None:
    for output in target.outputs:
        _, values = read(target.post(target.document(outputs=[{"name": output["name"]}])))
        expect(list(values) == [output["name"]], f"asked for {output['name']!r}, got {list(values)}")


@check("rest.outputs.order", "OIP REST, Request Output")
def outputs_order(target: Target) -> None:
    names = [output["name"] for output in target.outputs][::-1]
    _, values = read(target.post(target.document(outputs=[{"name": name} for name in names])))
    expect(sorted(values) == sorted(names), f"asked for {names}, got {list(values)}")


@check("rest.outputs.none", "OIP REST, Request Output", basis=PRACTICE)
def outputs_none(target: Target) -> None:
    """An empty list of outputs requests all of them."""
    expect(read(target.post(target.document(outputs=[])))[1], "the answer has no outputs")


@check("rest.outputs.unknown", "OIP REST, Request Output", basis=PRACTICE)
def outputs_unknown(target: Target) -> None:
    refused(target.post(target.document(outputs=[{"name": "no-such-output"}])), 400)


@check("rest.outputs.malformed", "OIP REST, Request Output", basis=PRACTICE)
def outputs_malformed(target: Target) -> None:
    for outputs in ("label", {"name": "label"}, [7], [{}], [{"name": 7}], [{"name": None}]):
        refused(target.post(target.document(outputs=outputs)), 400)


@check("rest.parameters.empty", "OIP REST, Parameters")
def parameters_empty(target: Target) -> None:
    document = target.document(parameters={})
    document["inputs"][0]["parameters"] = {}
    read(target.post(document))


@check("rest.parameters.unknown", "OIP REST, Parameters", basis=PRACTICE)
def parameters_unknown(target: Target) -> None:
    """A parameter that the server does not know is ignored or refused, and never a crash."""
    read_or_refused(target.post(target.document(parameters={"no_such_parameter": 3})), 400)


@check("rest.parameters.malformed", "OIP REST, Parameters", basis=PRACTICE)
def parameters_malformed(target: Target) -> None:
    for parameters in (7, "a", ["a"], True):
        refused(target.post(target.document(parameters=parameters)), 400)


@check("rest.texts.unicode", "OIP REST, BYTES in JSON")
def unicode_texts(target: Target) -> None:
    texts = ["Fünf Sterne 🎬👍🏽", "好看的电影", "a\u0301\u202e\ufeff.", "a\u0000b", "\U0010ffff x"]
    _, values = read(target.post(target.document(texts)))
    expect(all(len(value) % len(texts) == 0 for value in values.values()), "rows are missing")
