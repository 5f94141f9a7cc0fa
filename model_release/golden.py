"""Golden inputs: texts with the answers that the release gave when it was built."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_release.errors import GoldenMismatch, ReleaseCorrupt
from model_release.manifest import invalid_field
from model_release.scoring.scorer import Scorer

MAX_TOKENS = 32


class GoldenSet(BaseModel):
    """Texts of at most 32 tokens with the calibrated P(positive) of `variant`, computed one text at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    variant: str
    tolerance: float = Field(gt=0, le=1)
    texts: tuple[str, ...] = Field(min_length=1)
    probabilities: tuple[float, ...]

    @model_validator(mode="after")
    def _one_answer_each(self) -> Self:
        if len(self.texts) != len(self.probabilities):
            raise ValueError(f"{len(self.texts)} texts but {len(self.probabilities)} probabilities")
        return self


def _cut(scorer: Scorer, text: str) -> str:
    encoding = scorer.tokenizer.encode(text, add_special_tokens=False)
    if len(encoding) <= MAX_TOKENS - 2:
        return text.strip()
    end = encoding.offsets[MAX_TOKENS - 3][1]
    return text[:end].rsplit(" ", 1)[0].strip()


def _answers(scorer: Scorer, texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    # One text at a time: a difference between batches must not count.
    logits = np.concatenate([scorer.forward([encoding])[0] for encoding in scorer.encode(texts)])
    return np.array([judgement.probability for judgement in scorer.finish(logits)], dtype=np.float32)


def build_golden(scorer: Scorer, texts: Sequence[str], variant: str, tolerance: float, limit: int = 100) -> GoldenSet:
    """Record the scorer's answers to at most `limit` distinct texts, each cut to 32 tokens at the end of a word."""
    short = list(dict.fromkeys(cut for text in texts if (cut := _cut(scorer, text))))[:limit]
    if not short:
        raise ValueError("golden inputs need at least one text that is not blank")
    answers = _answers(scorer, short)
    return GoldenSet(
        variant=variant,
        tolerance=tolerance,
        texts=tuple(short),
        probabilities=tuple(round(float(answer), 6) for answer in answers),
    )


def replay(scorer: Scorer, golden: GoldenSet, tolerance: float | None = None) -> float:
    """Answer the golden texts again; return the largest difference of P(positive).

    Raises:
        GoldenMismatch: the difference is over the tolerance, by default that of the set.
    """
    difference = np.abs(_answers(scorer, golden.texts) - np.array(golden.probabilities))
    worst = int(np.argmax(difference))
    allowed = tolerance or golden.tolerance
    if not difference[worst] <= allowed:
        raise GoldenMismatch(
            f"release {scorer.release_id} answers golden text {worst} with {golden.probabilities[worst]:.4f} "
            f"± {allowed} but this engine gave a difference of {difference[worst]:.4f}: wrong engine or damaged model"
        )
    return float(difference[worst])


def write_golden(golden: GoldenSet, path: Path) -> None:
    path.write_text(golden.model_dump_json(indent=1), "utf-8")


def read_golden(path: Path) -> GoldenSet:
    """Read `golden.json`; raise ReleaseCorrupt, which names the wrong field, for an invalid file."""
    try:
        return GoldenSet.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseCorrupt(f"{path} cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise ReleaseCorrupt(f"{path}: {invalid_field(error)}; publish the release again") from None
