"""Loading of a release: verify it, replay its golden inputs, warm its engine. Only then is the server ready."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_release import Engine, Manifest, Scorer
from model_release.folder import ReleaseFolder
from model_release.golden import read_golden, replay
from model_release.scoring.engine import OpenVINOEngine, available_cpus
from model_release.scoring.scorer import WIDTH_MULTIPLE
from model_server.errors import StartError
from model_server.settings import ServerSettings

log = logging.getLogger("model_server")
_SPEED_TOKENS = 256
# The batching policy and `scorer.pad` allow about 80 shapes at the default budget. All kernels must fit:
# preparing one again costs milliseconds.
KERNELS_KEPT = 512


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A verified, warm release.

    Attributes:
        name: the model's name in the store.
        difference: the largest difference from its golden answers.
        tokens_per_second: the engine's speed in the warm-up.
    """

    name: str
    scorer: Scorer
    variant: str
    difference: float
    tokens_per_second: float


def load_release(settings: ServerSettings) -> LoadedRelease:
    """Load the settings' release.

    Raises:
        ReleaseError: the release is damaged, has another id, or gives other answers than when it was made.
        StartError: its variant's engine is not available here.
    """
    release = ReleaseFolder(settings.model_dir)
    manifest = release.manifest(settings.release_id)
    variant = settings.variant or manifest.default_variant
    scorer = Scorer.load(
        release.path, variant=variant, make_engine=_maker(manifest, variant, settings), expect_id=settings.release_id
    )
    difference = replay(scorer, read_golden(release.golden), manifest.variants[variant].golden_tolerance)
    longest = manifest.max_tokens
    # The longest first: the other widths then reuse its buffers, which saves memory.
    widths = reversed(range(WIDTH_MULTIPLE, longest + WIDTH_MULTIPLE, WIDTH_MULTIPLE))
    scorer.engine.warm([(1, min(width, longest)) for width in widths])
    tokens = min(_SPEED_TOKENS, longest)
    started = time.perf_counter()
    scorer.engine.warm([(1, tokens)])
    speed = settings.engine_streams * tokens / (time.perf_counter() - started)
    return LoadedRelease(manifest.name, scorer, variant, difference, speed)


def _maker(manifest: Manifest, variant: str, settings: ServerSettings) -> Callable[[Path], Engine] | None:
    """Return the maker of the variant's engine; None for an unknown variant, which the scorer reports."""
    entry = manifest.variants.get(variant)
    if entry is None:
        return None
    if entry.kind == "torch":
        return _torch_maker(manifest, variant, settings)
    if settings.device == "cuda":
        raise StartError(f"DEVICE=cuda: variant {variant!r} runs on the CPU; set VARIANT=torch, or DEVICE=auto")
    streams, threads = settings.engine_streams, settings.engine_threads or available_cpus()
    if streams > threads:
        raise StartError(
            f"ENGINE_STREAMS={streams}: the engine has {threads} threads; give each stream at least one thread"
        )
    return lambda folder: OpenVINOEngine(folder, entry.precision, threads, streams, KERNELS_KEPT)


def _torch_maker(manifest: Manifest, variant: str, settings: ServerSettings) -> Callable[[Path], Engine]:
    if settings.engine_streams > 1:
        raise StartError(f"ENGINE_STREAMS={settings.engine_streams}: torch runs one batch at a time; leave it at 1")
    try:
        from model_server.engines.buckets import make_buckets
        from model_server.engines.torch import TorchEngine, choose_device
    except ImportError as error:
        raise StartError(
            f"variant {variant!r} needs torch ({error}): pip install 'sentiment-pipeline[serve,torch]'"
        ) from None
    on_cuda = choose_device(settings.device).type == "cuda"
    buckets = make_buckets(manifest.max_tokens, settings.max_batch_tokens) if on_cuda else ()

    def make(folder: Path) -> Engine:
        started = time.perf_counter()
        engine = TorchEngine(
            folder,
            device=settings.device,
            dtype=settings.dtype,
            threads=settings.engine_threads,
            buckets=buckets,
        )
        line = "engine: torch on %s, %d CUDA graphs, %.1f s"
        log.info(line, engine.device, len(buckets), time.perf_counter() - started)
        return engine

    return make


def release_to_fetch(settings: ServerSettings) -> tuple[str, str] | None:
    """Return name and id of the release in MODEL_DIR if its variant's files must come from the store; else None.

    KServe's initialiser brings `serving/`, which holds only the default variant.

    Raises:
        ReleaseError: MODEL_DIR holds no release, or one with another id.
        StartError: the files are missing and no store is configured.
    """
    release = ReleaseFolder(settings.model_dir)
    manifest = release.manifest(settings.release_id)
    entry = manifest.variants.get(settings.variant or manifest.default_variant)
    if entry is None or release.holds(entry):
        return None
    if settings.releases_uri is None:
        raise StartError(
            f"variant {settings.variant!r} lies outside serving/ and {release.file(entry.path)} is missing; set "
            "RELEASES_URI to fetch it, or set MODEL_DIR to the release's root with that folder"
        )
    return manifest.name, manifest.release_id
