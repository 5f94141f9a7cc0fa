"""Contract 1: a model release, with its manifest, content address and store, and the scorer of its answers."""

from model_release.errors import (
    GoldenMismatch,
    ReleaseCorrupt,
    ReleaseError,
    ReleaseMisplaced,
    ReleaseNotFound,
    StoreUnreachable,
)
from model_release.manifest import EngineVariant, FileEntry, Manifest, fill_manifest_files
from model_release.scoring.engine import Engine, OpenVINOEngine, available_cpus
from model_release.scoring.scorer import Encoding, Judgement, Scorer, Scores, calibrated
from model_release.store import Champion, ReleaseStore

__all__ = [
    "Champion",
    "Encoding",
    "Engine",
    "EngineVariant",
    "FileEntry",
    "GoldenMismatch",
    "Judgement",
    "Manifest",
    "OpenVINOEngine",
    "ReleaseCorrupt",
    "ReleaseError",
    "ReleaseMisplaced",
    "ReleaseNotFound",
    "ReleaseStore",
    "Scorer",
    "Scores",
    "StoreUnreachable",
    "available_cpus",
    "calibrated",
    "fill_manifest_files",
]
