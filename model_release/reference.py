"""The reference sample: answers on a fixed held-out sample, with which drift detection compares traffic."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_release.errors import ReleaseCorrupt
from model_release.scoring.features import DESCRIPTORS, SKETCH_SIZE, describe, sketch, text_hash
from model_release.scoring.scorer import Scores

REFERENCE = "reference/reference.parquet"


@dataclass(frozen=True, slots=True)
class Reference:
    """n rows: text hashes, true labels i8, calibrated P(positive) f32, margins f32, token counts i32, whether the text
    was cut, sketches f16[n, 64], descriptors f64[n, len(DESCRIPTORS)]. The texts are not stored."""

    text_hash: list[str]
    label: npt.NDArray[np.int8]
    probability: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]
    sketch: npt.NDArray[np.float16]
    descriptors: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.text_hash)


def build_reference(scores: Scores, texts: Sequence[str], labels: npt.NDArray[np.integer]) -> Reference:
    """Make the reference from a scorer's answers to texts[n] with the true labels[n] (0 or 1)."""
    described = [describe(text) for text in texts]
    return Reference(
        text_hash=[text_hash(text) for text in texts],
        label=np.asarray(labels, dtype=np.int8),
        probability=scores.probability,
        margin=scores.margin,
        tokens=scores.tokens,
        truncated=scores.truncated,
        sketch=sketch(scores.embedding),
        descriptors=np.array([[row[name] for name in DESCRIPTORS] for row in described], dtype=np.float64),
    )


def write_reference(reference: Reference, path: Path) -> None:
    """Write Parquet: a sketch is 128 bytes of little-endian float16, and each descriptor is a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        field.name: getattr(reference, field.name)
        for field in fields(Reference)
        if field.name not in ("sketch", "descriptors")
    }
    raw = reference.sketch.astype("<f2").tobytes()
    size = SKETCH_SIZE * 2
    columns["sketch"] = pa.array([raw[i : i + size] for i in range(0, len(raw), size)], pa.binary(size))
    columns |= {name: reference.descriptors[:, index] for index, name in enumerate(DESCRIPTORS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_reference(path: Path) -> Reference:
    """Read what `write_reference` wrote.

    Raises:
        ReleaseCorrupt: not Parquet, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        column = {name: table[name].combine_chunks() for name in table.column_names}
        raw = b"".join(column["sketch"].to_pylist())
        return Reference(
            text_hash=column["text_hash"].to_pylist(),
            label=column["label"].to_numpy(),
            probability=column["probability"].to_numpy(),
            margin=column["margin"].to_numpy(),
            tokens=column["tokens"].to_numpy(),
            truncated=column["truncated"].to_numpy(zero_copy_only=False),
            sketch=np.frombuffer(raw, dtype="<f2").reshape(-1, SKETCH_SIZE).astype(np.float16),
            descriptors=np.stack([column[name].to_numpy() for name in DESCRIPTORS], axis=1),
        )
    except (OSError, KeyError, ValueError, pa.ArrowInvalid) as error:
        raise ReleaseCorrupt(f"{path} is not a reference sample: {error}") from None
