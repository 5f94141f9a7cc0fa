"""The manifest of a release: a canonical JSON document whose hash is the release's id."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from model_release.errors import ReleaseCorrupt
from sentiment_common.intervals import Interval

MANIFEST = "manifest.json"
SERVING = "serving/"  # the part that a predictor needs
SERVING_MANIFEST = f"{SERVING}{MANIFEST}"
ID_LENGTH = 16
_MANIFESTS = frozenset({MANIFEST, SERVING_MANIFEST})

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fact = str | int | float | bool | None
Truncation = Literal["head", "head_tail"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Part):
    """One file of the release: its path relative to the release's root, its size in bytes, its sha256."""

    path: str
    size: int = Field(ge=0)
    sha256: Sha256

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or str(pure) != path or "\\" in path:
            raise ValueError(f"{path!r} is not a plain path inside the release")
        return path


class EngineVariant(_Part):
    """One way to run the model: where its files are and how near its answers must come to the golden ones."""

    path: str
    kind: Literal["openvino", "torch"]
    precision: Literal["int8", "bf16", "fp32"]
    golden_tolerance: float = Field(gt=0, le=1)


class Manifest(_Part):
    """Schema of `manifest.json`. The id is not a field, but computed from the canonical form."""

    schema_version: Literal[1] = 1
    name: Name
    created_at: str
    base_model: str
    labels: tuple[str, str]
    max_tokens: int = Field(ge=8)
    truncation: Truncation = "head"
    hidden_size: int = Field(ge=1)
    variants: dict[str, EngineVariant]
    default_variant: str
    decision_threshold: float = Field(gt=0, lt=1)
    temperature: float = Field(gt=0)
    metrics: dict[str, Interval]
    facts: dict[str, Fact]
    data_fingerprint: Sha256
    git_commit: str | None
    mlflow_run_id: str | None
    files: tuple[FileEntry, ...]

    @model_validator(mode="after")
    def _default_is_a_variant(self) -> Self:
        if self.default_variant not in self.variants:
            raise ValueError(f"default_variant {self.default_variant!r} is not one of {sorted(self.variants)}")
        paths = [entry.path for entry in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("files names a path twice")
        return self

    def canonical(self) -> bytes:
        """Return the bytes of the file: JSON with sorted keys and no spaces, in UTF-8, without a newline at the end."""
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def release_id(self) -> str:
        """First 16 hex digits of the sha256 of the canonical form."""
        return hashlib.sha256(self.canonical()).hexdigest()[:ID_LENGTH]

    @classmethod
    def parse(cls, raw: bytes, source: str) -> Self:
        """Read a manifest from its bytes.

        Raises:
            ReleaseCorrupt: not JSON, not of the schema (the field is named), or not the canonical form.
        """
        try:
            manifest = cls.model_validate_json(raw)
        except ValidationError as error:
            raise ReleaseCorrupt(f"{source}: {invalid_field(error)}; publish the release again") from None
        if manifest.canonical() != raw:
            raise ReleaseCorrupt(f"{source} was edited or re-formatted: its bytes are not the canonical form")
        return manifest


def invalid_field(error: ValidationError) -> str:
    """Name the first invalid field of a JSON document, and the reason."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fill_manifest_files(folder: Path, manifest: Manifest) -> Manifest:
    """Return the manifest with `files` made from the files in `folder`, except the manifests themselves."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [(path, path.relative_to(folder).as_posix()) for path in paths]
    entries = tuple(
        FileEntry(path=name, size=path.stat().st_size, sha256=sha256_of(path))
        for path, name in names
        if name not in _MANIFESTS
    )
    return manifest.model_copy(update={"files": entries})


def verify_files(root: Path, entries: Iterable[FileEntry], strip: str = "") -> None:
    """Check that each entry's file is in `root` and has the recorded size and sha256.

    `strip` is a prefix of the entries' paths that `root` includes already (`serving/` in a predictor).

    Raises:
        ReleaseCorrupt: a file is missing or differs; the message names it.
    """
    for entry in entries:
        path = root / entry.path.removeprefix(strip)
        if not path.is_file():
            raise ReleaseCorrupt(f"{path} is missing from the release; fetch or publish it again")
        if path.stat().st_size != entry.size:
            raise ReleaseCorrupt(
                f"{path} has {path.stat().st_size} bytes, the manifest states {entry.size}; fetch or publish it again"
            )
        if sha256_of(path) != entry.sha256:
            raise ReleaseCorrupt(f"{path} was changed: its sha256 is not the manifest's; fetch or publish it again")
