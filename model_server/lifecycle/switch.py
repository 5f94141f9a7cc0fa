"""Switching between releases while serving. Requests in flight end with the release that they began with."""

import asyncio
import logging
import tempfile
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from model_release import ReleaseError, ReleaseNotFound, ReleaseStore, StoreUnreachable
from model_release.folder import parts_of
from model_release.manifest import SERVING
from model_server.batching.admission import DrainRate, Limits
from model_server.batching.batcher import Batcher
from model_server.errors import LoadFailed, NotFound, NotOffered, StartError, Unavailable
from model_server.inference.data_plane import InferenceService
from model_server.inference.outcome import run
from model_server.lifecycle.background import Background, Interrupted
from model_server.lifecycle.garbage import settle
from model_server.lifecycle.loading import LoadedRelease, load_release, release_to_fetch
from model_server.lifecycle.phase import Phase
from model_server.lifecycle.state import ServerState
from model_server.settings import ServerSettings

log = logging.getLogger("model_server")
STOPPING = "the server is stopping; ask another replica"
_IDLE_SECONDS = 0.05
T = TypeVar("T")
Brought = tuple[LoadedRelease, tempfile.TemporaryDirectory[str] | None]


class ReleaseSwitch:
    """Load, swap and unload the release of the one model.

    A release is verified, its golden inputs replayed and its engine warmed while the former release still answers; only
    then do new requests go to it. The former release ends with its last request. Both are in memory meanwhile.
    """

    def __init__(self, settings: ServerSettings, state: ServerState) -> None:
        self._settings, self._state = settings, state
        self._working = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._background = Background()
        self._fetching: tempfile.TemporaryDirectory[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # of a release that was fetched
        self._name = settings.model_name  # in the store

    async def start(self) -> LoadedRelease:
        """Load the settings' release.

        Raises:
            StartError, ReleaseError: the release cannot be served.
            Interrupted: the server is stopping.
        """
        async with self._working:
            return self.begin(await self._background.run(self.bring, _discard))

    def begin(self, brought: Brought) -> LoadedRelease:
        """Answer with the first release, which `bring` has loaded; called on the event loop that serves."""
        loaded, folder = brought
        self._name = loaded.name
        settle()
        self._serve(loaded, folder)
        return loaded

    async def load(self, name: str, release: str | None = None) -> str:
        """Serve another release, or the present content of `MODEL_DIR`; return its id.

        A load that has begun runs to its end, even if its caller leaves.

        Args:
            release: its id or the beginning of its id, in the store `RELEASES_URI`; None for `MODEL_DIR`.

        Raises:
            NotOffered: hot swap is off, or no store is configured.
            NotFound: the model or the release does not exist.
            LoadFailed: the release is damaged or gives other answers than when it was made; the former one stays.
            Unavailable: another load is in progress, the store does not answer, or the server is stopping.
        """
        return await self._exclusive(name, self._load(release))

    async def unload(self, name: str) -> None:
        """Serve nothing: not ready, until the next load. Raises as `load`."""
        await self._exclusive(name, self._unload())

    async def _exclusive(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            if not self._settings.hot_swap:
                raise NotOffered("models are loaded and unloaded by starting and stopping servers; HOT_SWAP is off")
            self._state.check(name)
            if self._state.phase is Phase.DRAINING:
                raise Unavailable(STOPPING)
            if self._working.locked():
                raise Unavailable("a release is being loaded or unloaded already; try again when it is done")
        except BaseException:
            work.close()
            raise
        return await asyncio.shield(asyncio.ensure_future(self._alone(work)))

    async def _alone(self, work: Coroutine[Any, Any, T]) -> T:
        async with self._working:
            return await work

    async def _load(self, release: str | None) -> str:
        folder: tempfile.TemporaryDirectory[str] | None = None
        try:
            loaded, folder = await self._background.run(partial(self.bring, release), _discard)
            if self._state.phase is Phase.DRAINING:
                loaded.scorer.engine.close()
                raise Unavailable(STOPPING)
        except BaseException as error:
            self._state.metrics.loads.labels("failed").inc()
            log.error("load failed, and the former release still answers: %s", error)
            if folder is not None:
                folder.cleanup()
            raise _for_client(error) from None
        self._serve(loaded, folder)
        self._state.metrics.loads.labels("loaded").inc()
        release_id = loaded.scorer.release_id
        log.info("load: release %s (%s), golden difference %.4f", release_id, loaded.variant, loaded.difference)
        return release_id

    def bring(self, release: str | None = None) -> Brought:
        """Load a release of the store, or that of MODEL_DIR; return it with the folder of a fetched one.

        Raises:
            StartError, ReleaseError: the release cannot be served.
        """
        wanted = (self._name, release) if release is not None else release_to_fetch(self._settings)
        if wanted is None:
            return load_release(self._settings), None
        folder = self._fetching = tempfile.TemporaryDirectory(prefix="release-", ignore_cleanup_errors=True)
        try:
            return load_release(self._fetch(*wanted, Path(folder.name))), folder
        except BaseException:
            folder.cleanup()
            raise
        finally:
            self._fetching = None

    def _fetch(self, name: str, release: str, folder: Path) -> ServerSettings:
        """Fetch a release of the store; return the settings that load it from the folder."""
        settings = self._settings
        if settings.releases_uri is None:
            raise NotOffered("this server has no store of releases; set RELEASES_URI, or load without naming a release")
        store = ReleaseStore(settings.releases_uri)
        release_id = store.resolve(name, release)
        manifest = store.manifest(name, release_id)
        entry = manifest.variants.get(settings.variant or manifest.default_variant)
        path = store.fetch(name, release_id, folder, parts_of(entry) if entry else (SERVING,))
        return settings.model_copy(update={"model_dir": path, "release_id": release_id})

    def _serve(self, loaded: LoadedRelease, folder: tempfile.TemporaryDirectory[str] | None) -> None:
        settings, state = self._settings, self._state
        batcher = Batcher(
            partial(run, loaded.scorer),
            max_tokens=settings.max_batch_tokens,
            limits=Limits(settings.max_queue_texts, settings.max_wait_seconds),
            on_batch=state.metrics.batch,
            on_refused=state.metrics.refused,
            rate=DrainRate(settings.max_batch_tokens, settings.max_batch_tokens / loaded.tokens_per_second),
            streams=settings.engine_streams,
        )
        former, self._folder, left = state.current, folder, self._folder
        state.serve(InferenceService(loaded.scorer, batcher, state.log, state.metrics, settings), loaded.variant)
        self._retire(former, left)

    async def _unload(self) -> None:
        former, self._folder, left = self._state.current, None, self._folder
        self._state.unload()
        self._retire(former, left)
        self._state.metrics.loads.labels("unloaded").inc()
        log.info("unload: no release answers until the next load")

    def _retire(self, service: InferenceService | None, folder: tempfile.TemporaryDirectory[str] | None) -> None:
        if service is not None:
            task = asyncio.create_task(_end(service, folder))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def stop(self) -> None:
        """Interrupt a load in progress; its thread is abandoned, since nothing ends a stalled read."""
        self._background.stop()

    async def close(self) -> bool:
        """End the current release and the retiring ones, after their queued requests.

        Returns:
            Whether an interrupted load still runs. The files that it fetched are deleted.
        """
        async with self._working:
            self._retire(self._state.current, self._folder)
        await asyncio.gather(*self._retiring)
        if (folder := self._fetching) is not None:
            await asyncio.to_thread(folder.cleanup)
        return self._background.running


async def _end(service: InferenceService, folder: tempfile.TemporaryDirectory[str] | None) -> None:
    """Wait for the last request of a service, then release its memory, its thread and its files."""
    await asyncio.sleep(_IDLE_SECONDS)  # a request may have found the service and not begun
    while service.active:
        await asyncio.sleep(_IDLE_SECONDS)
    await asyncio.to_thread(service.close)
    service.scorer.engine.close()
    if folder is not None:
        await asyncio.to_thread(folder.cleanup)
    del service  # a local name would keep it from the collection
    settle()


def _discard(brought: Brought) -> None:
    """Close the engine and delete the files of a load that was interrupted."""
    loaded, folder = brought
    loaded.scorer.engine.close()
    if folder is not None:
        folder.cleanup()


def _for_client(error: BaseException) -> BaseException:
    """Translate a release's error for the client."""
    match error:
        case ReleaseNotFound():
            return NotFound(str(error))
        case Interrupted():
            return Unavailable(STOPPING)
        case StoreUnreachable():
            return Unavailable(f"{error}; the former release still answers")
        case ReleaseError() | StartError():
            return LoadFailed(f"{error}; the former release still answers")
    return error
