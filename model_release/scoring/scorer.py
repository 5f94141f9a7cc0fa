"""The scorer: texts → tokens → engine → calibrated answers, for training, server and drift detection alike."""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from model_release.errors import ReleaseCorrupt, ReleaseError
from model_release.folder import ReleaseFolder
from model_release.manifest import Truncation
from model_release.scoring.engine import Engine, FloatArray, IntArray, OpenVINOEngine
from model_release.scoring.features import replace_surrogates
from model_release.scoring.spec import ScoringSpec
from model_release.scoring.tokens import TokenIds
from model_release.scoring.windows import window_starts

BoolArray = npt.NDArray[np.bool_]
WIDTH_MULTIPLE = 16
_FLOAT32 = struct.Struct("f")


@dataclass(frozen=True, slots=True)
class Encoding:
    """One text for the engine: ids with special tokens, the whole text's token count, whether it was cut."""

    ids: list[int]
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """Answers for n texts: logits f32[n, 2], embedding f32[n, h], and per text the margin (positive minus negative
    logit, uncalibrated), the calibrated P(positive), the label's index, the confidence in that label, token counts."""

    logits: FloatArray
    embedding: FloatArray
    margin: FloatArray
    probability: FloatArray
    label: IntArray
    confidence: FloatArray
    tokens: npt.NDArray[np.int32]
    truncated: BoolArray


class Judgement(NamedTuple):
    """The answer of one row: the margin (positive minus negative logit, uncalibrated), the calibrated P(positive), the
    label's index, the confidence in that label. The numbers are float32's."""

    margin: float
    probability: float
    label: int
    confidence: float


def calibrated(margin: float, temperature: float) -> float:
    """P(positive) = sigmoid(margin / temperature), to float32: temperature scaling of two logits (Guo et al., 2017)."""
    return _to_float32(1.0 / (1.0 + math.exp(min(-margin / temperature, 80.0))))


def _to_float32(value: float) -> float:
    rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return rounded


def cut(ids: list[int], limit: int, truncation: Truncation) -> list[int]:
    """Cut to at most `limit` ids: the head, or a quarter of them from the head and the rest from the tail.

    A review's verdict is often at its end, so both ends carry more information than as many tokens of the head (Sun et
    al., 2019, "How to fine-tune BERT for text classification", section 5.3.1).
    """
    if len(ids) <= limit:
        return ids
    head = limit if truncation == "head" else limit // 4
    return ids[:head] + ids[len(ids) - (limit - head) :]


def pad(encodings: Sequence[Encoding], pad_id: int = 0, limit: int | None = None) -> tuple[IntArray, IntArray]:
    """Return token ids and attention mask i64[b, s] of one batch; s is a multiple of 16 unless that is over `limit`.

    The engine keeps compiled kernels for each shape. With a shape for every length its memory grows by a gigabyte, and
    it is no faster.
    """
    longest = max(len(encoding.ids) for encoding in encodings)
    width = -(-longest // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
    if limit is not None:
        width = max(longest, min(width, limit))
    ids = np.full((len(encodings), width), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    return ids, mask


def length_batches(lengths: Sequence[int], batch_tokens: int, batch_rows: int = 0) -> Iterator[list[int]]:
    """Yield indices in batches of similar length, longest first, each of at most `batch_tokens` with its padding.

    `batch_rows` also limits the rows of a batch; 0 means no limit.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // lengths[order[start]])
        size = min(size, batch_rows or size)
        yield order[start : start + size]
        start += size


class Scorer:
    """A loaded release. `encode` and `finish` are thread-safe; `forward` is for one thread per engine stream."""

    def __init__(self, spec: ScoringSpec, tokenizer: Tokenizer, engine: Engine) -> None:
        self.spec = spec
        self.release_id = spec.release_id
        self.tokenizer = tokenizer
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.engine = engine
        specials = tokenizer.encode("", add_special_tokens=True).ids
        if len(specials) != 2:
            raise ReleaseCorrupt(f"tokenizer.json adds {len(specials)} special tokens to a text; BERT's form adds 2")
        self._first, self._last = specials
        self._ids = TokenIds(tokenizer)
        self._pad = tokenizer.token_to_id("[PAD]") or 0

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        variant: str | None = None,
        threads: int = 0,
        make_engine: Callable[[Path], Engine] | None = None,
        expect_id: str | None = None,
        verify: bool = True,
    ) -> Self:
        """Load from a release's root or from its `serving/` folder alone.

        Args:
            variant: a key of the manifest's variants; None means the default variant.
            threads: engine threads; 0 means the CPU quota.
            make_engine: makes the engine from the variant's folder, instead of OpenVINO's with one stream.
            expect_id: id that this release must have.
            verify: compare the variant's files with the manifest's sha256.

        Raises:
            ReleaseCorrupt: a file is missing or differs, or the id is another one.
            ReleaseError: the release has no such variant.
        """
        release = ReleaseFolder(path)
        manifest = release.manifest(expect_id)
        chosen = variant or manifest.default_variant
        if chosen not in manifest.variants:
            known = ", ".join(sorted(manifest.variants))
            raise ReleaseError(f"release {manifest.release_id} has no variant {chosen!r}; it has {known}")
        entry = manifest.variants[chosen]
        if verify:
            release.verify(manifest, chosen)
        folder = release.file(entry.path)
        if make_engine is not None:
            engine = make_engine(folder)
        elif entry.kind == "openvino":
            engine = OpenVINOEngine(folder, entry.precision, threads)
        else:
            raise ReleaseError(f"variant {chosen!r} needs an engine of kind {entry.kind}; this one runs OpenVINO")
        return cls(ScoringSpec.of(manifest), load_tokenizer(release.tokenizer), engine)

    def encode(self, texts: Sequence[str], truncation: Truncation | None = None) -> list[Encoding]:
        """Tokenise, and cut longer texts by `truncation`, or else by the release's truncation."""
        clean = [replace_surrogates(text) for text in texts]
        limit = self.spec.max_tokens - 2
        part = truncation or self.spec.truncation
        encodings = []
        for whole in self._ids(clean):
            count = len(whole)
            ids = [self._first, *cut(whole, limit, part), self._last]
            encodings.append(Encoding(ids, count + 2, count > limit))
        return encodings

    def encode_windows(self, text: str, overlap: float = 0.25) -> list[Encoding]:
        """Tokenise a text into windows of the release's max tokens, which share `overlap` of their tokens."""
        (ids,) = self._ids([replace_surrogates(text)])
        limit = self.spec.max_tokens - 2
        starts = window_starts(len(ids), limit, overlap)
        return [Encoding([self._first, *ids[at : at + limit], self._last], len(ids) + 2, False) for at in starts]

    def forward(self, encodings: Sequence[Encoding]) -> tuple[FloatArray, FloatArray]:
        """Return logits f32[b, 2] and embedding f32[b, h] of one padded batch."""
        return self.engine.forward(*pad(encodings, self._pad, self.spec.max_tokens))

    def finish(self, logits: FloatArray) -> list[Judgement]:
        """Compute the answers of n rows from logits f32[n, 2].

        The loop is faster than numpy: a batch has few rows, and after a forward pass, which evicts numpy's code from
        the caches, numpy's dozen calls take four times as long.
        """
        temperature, threshold = self.spec.temperature, _to_float32(self.spec.decision_threshold)
        judgements = []
        for margin in (logits[:, 1] - logits[:, 0]).tolist():
            probability = calibrated(margin, temperature)
            positive = probability >= threshold
            confidence = probability if positive else _to_float32(1.0 - probability)
            judgements.append(Judgement(margin, probability, int(positive), confidence))
        return judgements

    def score(
        self,
        texts: Sequence[str],
        *,
        batch_tokens: int = 4096,
        on_progress: Callable[[int], None] | None = None,
    ) -> Scores:
        """Answer n texts, batched by length; `on_progress` receives the size of each finished batch."""
        encodings = self.encode(texts)
        count = len(encodings)
        logits = np.empty((count, 2), dtype=np.float32)
        embedding = np.empty((count, self.spec.hidden_size), dtype=np.float32)
        for batch in length_batches([len(encoding.ids) for encoding in encodings], batch_tokens):
            logits[batch], embedding[batch] = self.forward([encodings[index] for index in batch])
            if on_progress:
                on_progress(len(batch))
        margin, probability, label, confidence = np.array(self.finish(logits), np.float32).reshape(count, 4).T
        tokens = np.array([encoding.tokens for encoding in encodings], dtype=np.int32)
        truncated = np.array([encoding.truncated for encoding in encodings], dtype=np.bool_)
        return Scores(logits, embedding, margin, probability, label.astype(np.int64), confidence, tokens, truncated)


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a `tokenizer.json`; raise ReleaseCorrupt if it is not a tokenizer."""
    try:
        return Tokenizer.from_str(path.read_text("utf-8"))
    except OSError as error:
        raise ReleaseCorrupt(f"{path} cannot be read ({error.strerror})") from None
    except Exception as error:  # the library raises a plain Exception for a bad document
        raise ReleaseCorrupt(f"{path} is not a tokenizer: {error}") from None
