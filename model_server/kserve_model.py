"""The predictor as a `kserve.Model`, for a stock `kserve.ModelServer`: beside other models, or as a base class.

    python -m model_server.kserve_model --model_name sentiment --model_dir releases/sentiment/releases/ID/serving

Importing this module imports KServe's SDK, which reads the program's arguments; the project's own server does neither.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeAlias

import kserve
from kserve import InferRequest, InferResponse
from kserve.model import InferenceVerb

from model_server.cli import one_process
from model_server.console_log import set_up
from model_server.errors import ClientGone, InvalidInput, ServingError, StartError
from model_server.inference.deadlines import HEADER, deadline_of
from model_server.inference.types import Call
from model_server.kserve_sdk.errors import as_kserves, as_ours, status_of
from model_server.kserve_sdk.exposition import show
from model_server.kserve_sdk.tensors import answer, options_of, texts_of, with_texts
from model_server.lifecycle.phase import Phase
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import Brought, ReleaseSwitch
from model_server.protocol import v1
from model_server.protocol.tensors import INPUT, output_types
from model_server.protocol.v2 import load_json
from model_server.server import LOG_FLUSH_SECONDS, open_log
from model_server.settings import ServerSettings
from sentiment_common.console import run

__all__ = ["SentimentModel", "texts_of", "with_texts"]

log = logging.getLogger("model_server")
_UNGUARDED = ("api_keys_file", "tls_cert_file", "hot_swap")
Payload: TypeAlias = dict[str, Any] | InferRequest
Headers = dict[str, str] | None


class SentimentModel(kserve.Model):  # type: ignore[misc]
    """A release behind KServe's own edges: its V1 over REST, its V2 over REST and gRPC.

    For each request KServe calls `preprocess`, then `predict` (for V1's `:explain` `explain`), then `postprocess`. Each
    takes and returns a dict for V1, an `InferRequest` or `InferResponse` for V2. A subclass may override any of them;
    `texts_of` and `with_texts` read and replace the texts of either form. `load`, `start_engine` and `stop` own the
    engine, the queue and the prediction log: a subclass that overrides one of these calls it too.

    Example:
        model = SentimentModel("sentiment", model_dir="serving")
        model.load()
        kserve.ModelServer().start([model])

    Args:
        name: its name in the protocols.
        settings: fields of `ServerSettings`, kept as `settings`; the others are read from the environment.

    Raises:
        StartError: a setting asks for a guard that KServe's edges do not have.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name)
        self.engine = True  # KServe runs `start_engine` beside its servers and ends when it has returned
        self.settings = ServerSettings(model_name=name, **settings)
        for field in _UNGUARDED:
            if getattr(self.settings, field):
                raise StartError(
                    f"{field.upper()} is set, and KServe's edges do not enforce it; "
                    "unset it, or serve the release by python -m model_server"
                )
        self._state: ServerState | None = None
        self._switch: ReleaseSwitch | None = None
        self._brought: Brought | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._calls = 0

    def load(self) -> bool:
        """Load the release: verify it, replay its golden inputs, warm its engine. Call it before `ModelServer.start`.

        KServe calls it again for requests while the model is not ready, which changes nothing.

        Raises:
            StartError, ReleaseError: the release cannot be served.
        """
        if self._state is None:
            # The log's migrations end the thread's event loop, which KServe asks the main thread for.
            with ThreadPoolExecutor(1) as aside:
                writer = aside.submit(open_log, self.settings).result()
            state = ServerState(self.settings, writer)
            switch = ReleaseSwitch(self.settings, state)
            self._brought = switch.bring()
            self._state, self._switch = state, switch
            show(self.name, state.metrics)
            self.ready = True
        return bool(self.ready)

    def start(self) -> None:
        """Do nothing: KServe's own `start` would mark a model ready that has no release."""

    async def start_engine(self) -> None:
        """Serve until `stop`, then answer accepted requests and flush the prediction log. KServe runs this task.

        Raises:
            StartError: `load` was not called.
        """
        state, switch = self._begin()
        await self._stopping.wait()
        # KServe stops its models before its gRPC server has drained.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self.settings.drain_seconds)
        await switch.close()
        await asyncio.to_thread(state.log.close, LOG_FLUSH_SECONDS)
        stats = state.log.stats()
        log.info("stopped: %d rows written, %d in the journal, %d lost", stats.written, stats.journal_rows, stats.lost)

    def stop(self) -> None:
        """End readiness; accepted requests are still answered."""
        super().stop()
        if self._state is not None:
            self._state.set_phase(Phase.DRAINING)
        if self._loop is not None:  # KServe calls this in a signal's handler
            self._loop.call_soon_threadsafe(self._stopping.set)

    def _begin(self) -> tuple[ServerState, ReleaseSwitch]:
        """Return the state and the switch; the first call on the event loop starts the queue and the log's writer."""
        if self._state is None or self._switch is None or self._brought is None:
            raise StartError(f"model {self.name!r} has no release; call its load() before ModelServer.start()")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            loaded = self._switch.begin(self._brought)
            self._state.log.start()
            release = loaded.scorer.release_id
            log.info("ready: release %s (%s), golden difference %.4f", release, loaded.variant, loaded.difference)
        return self._state, self._switch

    async def __call__(
        self, body: Any, headers: Headers = None, verb: InferenceVerb = InferenceVerb.PREDICT
    ) -> tuple[Any, dict[str, str]]:
        """Answer a request by preprocess, predict or explain, and postprocess; count it, and raise KServe's errors."""
        grpc = isinstance(body, InferRequest) and bool(body.from_grpc)
        route = ("v2-grpc" if grpc else "v2-rest") if isinstance(body, InferRequest) else "v1"
        state, started = self._begin()[0], time.perf_counter()
        error: Exception | None = None
        self._calls += 1
        self._idle.clear()
        try:
            if isinstance(body, bytes):  # KServe reads JSON only where the Content-Type says so
                body = load_json(body)
            if not isinstance(body, dict | InferRequest):
                raise InvalidInput("body is not an object; send {'instances': [...]}")
            given = dict(headers or {})
            if verb is InferenceVerb.EXPLAIN and headers:
                _keep_from_the_answer(headers)
            answered: tuple[Any, dict[str, str]] = await super().__call__(body, given, verb)
            return answered
        except asyncio.CancelledError:
            error = ClientGone("the call ended before its answer")
            raise
        except ServingError as caught:
            error = caught
            raise as_kserves(caught, grpc=grpc) from None
        except Exception as caught:
            error = as_ours(caught)
            raise
        finally:
            state.finished(route, status_of(error, grpc=grpc), started, error)
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def predict(self, payload: Payload, headers: Headers = None, response_headers: Headers = None) -> Any:
        """Return the answer of the release: V1's `{"predictions": [...]}`, or an `InferResponse`."""
        if isinstance(payload, InferRequest):
            return await self._v2(payload, headers, explain=False)
        return await self._v1(payload, headers, explain=False)

    async def explain(self, payload: Payload, headers: Headers = None) -> Any:
        """Return the answer of `predict` with V1's `explanations`, or with the output `attributions`."""
        if isinstance(payload, InferRequest):
            return await self._v2(payload, headers, explain=True)
        return await self._v1(payload, headers, explain=True)

    async def _v1(self, document: dict[str, Any], headers: Headers, *, explain: bool) -> dict[str, Any]:
        service, options = self._begin()[0].service(self.name), v1.read_options(document, explain=explain)
        call = Call("v1", None, options, _deadline(headers))
        return v1.write_response(await service.predict(v1.read_texts(document), call), explain=explain)

    async def _v2(self, request: InferRequest, headers: Headers, *, explain: bool) -> InferResponse:
        service = self._begin()[0].service(self.name, request.model_version)
        texts, options = texts_of(request), options_of(request)
        options = replace(options, explain=options.explain or explain)
        source = "v2-grpc" if request.from_grpc else "v2-rest"
        predictions = await service.predict(texts, Call(source, None, options, _deadline(headers)))
        return answer(request, predictions, self.name, service.scorer.release_id, options)

    def get_input_types(self) -> list[dict[str, Any]]:
        return [dict(INPUT)]

    def get_output_types(self) -> list[dict[str, Any]]:
        return output_types()


def _keep_from_the_answer(headers: dict[str, str]) -> None:
    """Remove headers that KServe would send back: it answers `:explain` with those of the request, even cookies.

    KServe reads the mode of a CloudEvent from the remaining headers.
    """
    for name in [name for name in headers if name != "content-type" and not name.startswith("ce-")]:
        del headers[name]


def _deadline(headers: Headers) -> float | None:
    return deadline_of((headers or {}).get(HEADER), time.monotonic())  # KServe does not pass on when the request began


def main() -> None:
    """Serve one release in a stock `kserve.ModelServer`; its own flags hold too."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser], description=main.__doc__)
    parser.set_defaults(model_name=None, http_port=None, grpc_port=None)
    parser.add_argument("--model_dir", help="the release, or its serving/ folder")
    parser.add_argument("--release_id", help="the id that it must have")
    parser.add_argument("--variant", help="in place of the default one")
    parser.add_argument("--engine_threads", type=int, help="0: the CPU quota")
    options, _ = parser.parse_known_args()
    one_process(options.workers)
    fields = ("http_port", "grpc_port", "model_dir", "release_id", "variant", "engine_threads")
    given = {field: value for field in fields if (value := getattr(options, field)) is not None}
    name = options.model_name or ServerSettings().model_name
    model = SentimentModel(name, **given)
    set_up(model.settings.log_format)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as `model_server.server.serve` has it
    model.load()
    kserve.ModelServer(model.settings.http_port, model.settings.grpc_port).start([model])


if __name__ == "__main__":
    run(main)
