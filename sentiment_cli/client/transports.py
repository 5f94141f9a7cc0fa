"""Synchronous clients of the model server: one class per transport, each with `predict(texts) -> answers`.

A client holds one connection and serves one thread.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from sentiment_cli.client import wire
from sentiment_cli.client.wire import LENGTH_HEADER, Answer
from sentiment_cli.errors import ServerAnswer

TIMEOUT_SECONDS = 30.0


class Client(Protocol):
    """The interface that all transports share."""

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """Return one answer per text, in order.

        Raises:
            ServerAnswer: the server refused the request or could not be reached.
        """
        ...

    def close(self) -> None: ...


class _Rest:
    def __init__(self, url: str, model: str = "sentiment", timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.infer_path = f"/v2/models/{model}/infer"
        self._http = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)

    def post(self, path: str, **content: Any) -> httpx.Response:
        """POST, and return a successful response.

        Raises:
            ServerAnswer: the server refused the request or could not be reached.
        """
        try:
            response = self._http.post(path, **content)
        except httpx.HTTPError as error:
            raise ServerAnswer(f"POST {self.url}{path}: {_reason(error)}") from None
        if response.is_error:
            reason = response.text.strip()[:500] or response.reason_phrase
            raise ServerAnswer(f"POST {self.url}{path} answered {response.status_code}: {reason}", response.status_code)
        return response

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class RestJson(_Rest):
    """V2 REST with JSON tensors."""

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        headers = {"Content-Type": "application/json"}
        return wire.read_response(
            self.post(self.infer_path, content=wire.json_request(texts), headers=headers).content, None
        )


class RestBinary(_Rest):
    """V2 REST with binary tensors in requests and answers."""

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        body, header_length = wire.binary_request(texts)
        headers = {"Content-Type": "application/octet-stream", LENGTH_HEADER: str(header_length)}
        response = self.post(self.infer_path, content=body, headers=headers)
        length = response.headers.get(LENGTH_HEADER)
        return wire.read_response(response.content, int(length) if length else None)


class Predict(_Rest):
    """The friendly `POST /predict`: one text per request."""

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Answer:
        answer = self.post("/predict", json={"text": text, "return_probabilities": True}).json()
        positive = answer["probabilities"]["positive"]
        return Answer(answer["label"], answer["confidence"], positive, answer["prediction_id"])


class Grpc:
    """V2 gRPC (`inference.GRPCInferenceService`) over one plaintext channel."""

    def __init__(self, target: str, model: str = "sentiment", timeout: float = TIMEOUT_SECONDS) -> None:
        import grpc

        from model_server.rpc.messages import pb
        from sentiment_cli.client.rpc import method

        self.target, self.model, self.timeout = target, model, timeout
        self._grpc, self._messages = grpc, pb
        self._channel = grpc.insecure_channel(target)
        self._infer = method(self._channel, "ModelInfer")

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        messages = self._messages
        tensor = messages.ModelInferRequest.InferInputTensor(name="text", datatype="BYTES", shape=[len(texts)])
        tensor.contents.bytes_contents.extend(text.encode() for text in texts)
        outputs = [messages.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in wire.OUTPUTS]
        request = messages.ModelInferRequest(model_name=self.model, inputs=[tensor], outputs=outputs)
        try:
            response = self._infer(request, timeout=self.timeout)
        except self._grpc.RpcError as error:
            code = error.code().name
            raise ServerAnswer(f"gRPC {self.target} answered {code}: {error.details()}", code) from None
        return wire.answers(_grpc_outputs(response))

    def close(self) -> None:
        self._channel.close()


def _grpc_outputs(response: Any) -> dict[str, Any]:
    import numpy as np

    outputs: dict[str, Any] = {}
    for index, tensor in enumerate(response.outputs):
        shape = tuple(tensor.shape)
        if response.raw_output_contents:
            outputs[tensor.name] = wire.decode_tensor(tensor.datatype, shape, response.raw_output_contents[index])
        elif tensor.datatype == "BYTES":
            words = [value.decode() for value in tensor.contents.bytes_contents]
            outputs[tensor.name] = np.array(words, dtype=object).reshape(shape)
        else:
            outputs[tensor.name] = np.array(tensor.contents.fp32_contents, dtype=np.float32).reshape(shape)
    return outputs


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no server answers there"
    return str(error) or type(error).__name__


TRANSPORTS = ("rest-json", "rest-binary", "grpc", "predict")


def connect(transport: str, http_url: str, grpc_target: str, model: str = "sentiment") -> Client:
    """Open a client of one of `TRANSPORTS`."""
    match transport:
        case "rest-json":
            return RestJson(http_url, model)
        case "rest-binary":
            return RestBinary(http_url, model)
        case "grpc":
            return Grpc(grpc_target, model)
        case "predict":
            return Predict(http_url, model)
    raise ValueError(f"{transport!r} is not one of {TRANSPORTS}")
