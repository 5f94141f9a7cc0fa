"""Load a release: verify, replay the golden inputs, warm. Only then may the server call itself ready."""

import time
from dataclasses import dataclass
from pathlib import Path

from model_release import Engine, ReleaseError, Scorer
from model_release.golden import read_golden, replay
from model_release.scorer import WIDTH_MULTIPLE, read_manifest
from model_server.errors import StartError
from model_server.settings import ServerSettings

_SPEED_TOKENS = 256


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A verified, warm release, the largest difference from its golden answers, the speed that its engine had first."""

    scorer: Scorer
    variant: str
    difference: float
    tokens_per_second: float


def load_release(settings: ServerSettings) -> LoadedRelease:
    """Load the settings' release.

    Raises:
        ReleaseError: the release is damaged, another one, or answers otherwise than when it was made.
    """
    path = settings.model_dir
    manifest = read_manifest(path, settings.release_id)
    variant = settings.variant or manifest.default_variant
    scorer = Scorer.load(
        path,
        variant=variant,
        threads=settings.engine_threads,
        streams=settings.engine_streams,
        engine=_torch_engine(path, variant, settings) if _kind(manifest.variants, variant) == "torch" else None,
        expect_id=settings.release_id,
    )
    serving = path / "serving" if (path / "serving").is_dir() else path
    difference = replay(scorer, read_golden(serving / "golden.json"), manifest.variants[variant].golden_tolerance)
    longest = manifest.max_tokens
    scorer.engine.warm([(1, min(tokens, longest)) for tokens in range(WIDTH_MULTIPLE, longest + 1, WIDTH_MULTIPLE)])
    tokens = min(_SPEED_TOKENS, longest)
    scorer.engine.warm([(1, tokens)])
    started = time.perf_counter()
    scorer.engine.warm([(1, tokens)])
    speed = tokens / (time.perf_counter() - started)
    return LoadedRelease(scorer, variant, difference, speed)


def _kind(variants: object, variant: str) -> str | None:
    entry = variants.get(variant) if isinstance(variants, dict) else None
    return None if entry is None else entry.kind


def _torch_engine(path: Path, variant: str, settings: ServerSettings) -> Engine:
    try:
        from model_server.engines.torch import TorchEngine
    except ImportError as error:
        raise StartError(
            f"variant {variant!r} needs torch ({error}): pip install 'sentiment-pipeline[serve,torch]'"
        ) from None
    folder = path / read_manifest(path).variants[variant].path
    if not folder.is_dir():
        raise ReleaseError(f"variant {variant!r} lies outside serving/: fetch the release's {folder.name}/ too")
    return TorchEngine(folder, settings.engine_threads)
