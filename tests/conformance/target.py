"""The server under test: its addresses, its metadata, and requests for its model."""

import functools
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

TEXTS = ("A warm, funny and moving film.", "Two dull hours that I will not get back.", "It has actors and a plot.")
LENGTH_HEADER = "Inference-Header-Content-Length"


def pack(texts: Sequence[str | bytes]) -> bytes:
    """A BYTES tensor in binary form: of each element its length as a little-endian uint32, and its bytes."""
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(struct.pack("<I", len(value)) + value for value in raw)


@dataclass
class Target:
    """A server by its addresses. What the kit must know of the model is read from its metadata where it is not given.

    `max_body_bytes`: the limit that the server states for a body; checks of limits are skipped where none is given.
    `assumed`: extensions that the server has but does not declare.
    `loading`, `overloadable`: other servers of the same kind, one that is still loading and one with a short queue.
    """

    rest: str
    grpc: str | None
    model: str
    input: str | None = None
    max_body_bytes: int | None = None
    timeout: float = 30.0
    loading: "Target | None" = None
    overloadable: "Target | None" = None
    texts: tuple[str, ...] = TEXTS
    assumed: tuple[str, ...] = ()

    @functools.cached_property
    def http(self) -> httpx.Client:
        """A client with a connection for each request, so that no check suffers from how the one before ended."""
        return httpx.Client(
            base_url=self.rest,
            timeout=self.timeout,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @functools.cached_property
    def server_metadata(self) -> dict[str, Any]:
        response = self.http.get("/v2")
        if response.status_code != 200:
            response = self.http.get("/v2/")
        return dict(response.json())

    @functools.cached_property
    def extensions(self) -> tuple[str, ...]:
        """The extensions that the server declares, and those assumed; only these where it cannot say."""
        try:
            return (*(self.server_metadata.get("extensions") or ()), *self.assumed)
        except (httpx.HTTPError, ValueError):
            return self.assumed

    @functools.cached_property
    def metadata(self) -> dict[str, Any]:
        return dict(self.http.get(f"/v2/models/{self.model}").json())

    @property
    def input_name(self) -> str:
        return self.input or str(self.metadata["inputs"][0]["name"])

    @property
    def declared_outputs(self) -> list[dict[str, Any]]:
        """Name, datatype and shape of each output that the model's metadata names."""
        return list(self.metadata.get("outputs") or ())

    @functools.cached_property
    def outputs(self) -> list[dict[str, Any]]:
        """The declared outputs; if an answer has none of them, the answer's outputs, so that a wrong declaration fails one check."""
        declared = self.declared_outputs
        response = self.post(self.document())
        answered = response.json()["outputs"] if response.status_code == 200 else []
        if not answered or {output["name"] for output in answered} & {output["name"] for output in declared}:
            return declared
        return [output | {"shape": [-1, *output["shape"][1:]]} for output in answered]

    @property
    def versions(self) -> list[str]:
        return list(self.metadata.get("versions") or ())

    @property
    def path(self) -> str:
        return f"/v2/models/{self.model}/infer"

    def shape(self, count: int) -> list[int]:
        """The input's shape for `count` texts: [n], or [n, 1] where the model says so."""
        inputs = self.metadata.get("inputs") or [{}]
        return [count, *[1] * (len(inputs[0].get("shape") or [-1]) - 1)]

    def tensor(self, texts: Sequence[str] | None = None, **changed: Any) -> dict[str, Any]:
        """The input as JSON; a field changed to None is left out."""
        texts = self.texts if texts is None else texts
        plain = {
            "name": self.input_name,
            "datatype": "BYTES",
            "shape": self.shape(len(texts)),
            "data": list(texts),
        }
        return {name: value for name, value in (plain | changed).items() if value is not None}

    def document(self, texts: Sequence[str] | None = None, **other: Any) -> dict[str, Any]:
        """A request as JSON."""
        return {"inputs": [self.tensor(texts)], **other}

    def binary(self, raw: bytes, count: int, **other: Any) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a request whose input is the binary tensor `raw`."""
        tensor = self.tensor(["x"] * count, data=None, parameters={"binary_data_size": len(raw)})
        head = json.dumps({"inputs": [tensor], **other}).encode()
        return head + raw, {LENGTH_HEADER: str(len(head))}

    def post(self, document: object, **options: Any) -> httpx.Response:
        """POST a JSON document to the model's infer."""
        return self.http.post(options.pop("path", self.path), json=document, **options)

    def send(self, body: bytes, headers: dict[str, str] | None = None, path: str | None = None) -> httpx.Response:
        """POST bytes as JSON or, where the headers tell of binary tensors, as these."""
        kind = "application/octet-stream" if LENGTH_HEADER in (headers or {}) else "application/json"
        return self.http.post(path or self.path, content=body, headers={"Content-Type": kind, **(headers or {})})
