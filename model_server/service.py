"""The data plane: validated texts in, logged and counted predictions out. Every transport answers through it."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model_release import Encoding, Scorer
from model_release.engine import FloatArray
from model_release.features import describe, sketch, text_hash
from model_server.batcher import Batcher
from model_server.errors import InvalidInput, TooLarge
from model_server.metrics import Metrics
from model_server.settings import ServerSettings
from model_server.timing import phase
from prediction_log import LogWriter, PredictionRecord, new_id

Truncation = Literal["head", "head_tail", "window", "error"]
TRUNCATIONS: tuple[Truncation, ...] = ("head", "head_tail", "window", "error")
MAX_WINDOWS = 32
# Shorter texts are tokenised on the event loop: a hop to another thread costs more than they do.
INLINE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text; `probability` is the calibrated P(positive)."""

    id: str
    label: str
    confidence: float
    probability: float
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and how: the log's source, the client's address, what to do with texts over the release's tokens."""

    source: str
    client: str | None = None
    truncation: Truncation | None = None


class InferenceService:
    """Answer texts with a loaded release: tokenise, queue, score, log, count."""

    def __init__(
        self, scorer: Scorer, batcher: Batcher, log: LogWriter, metrics: Metrics, settings: ServerSettings
    ) -> None:
        self.scorer, self.batcher, self.log, self.metrics = scorer, batcher, log, metrics
        self._settings = settings
        self._tokenisers = ThreadPoolExecutor(1, "tokeniser")

    async def predict(self, texts: Sequence[str], asked: Asked) -> list[Prediction]:
        """One prediction a text, in order; each stands in the log when this returns.

        Raises:
            InvalidInput, TooLarge: a text or an option is not acceptable; nothing was predicted.
            Overloaded, Unavailable: the server cannot take it now.
        """
        started = time.perf_counter()
        self._check(texts)
        with phase("tokenise"):
            if sum(map(len, texts)) <= INLINE_CHARACTERS:
                groups = self._encode(texts, asked.truncation)
            else:
                loop = asyncio.get_running_loop()
                groups = await loop.run_in_executor(self._tokenisers, self._encode, texts, asked.truncation)
        with phase("model"):
            rows = await self.batcher.submit([encoding for group in groups for encoding in group])
        logits, embedding = _per_text(rows, [len(group) for group in groups])
        return self._finish(texts, groups, logits, embedding, asked, started)

    def _check(self, texts: Sequence[str]) -> None:
        if not texts:
            raise InvalidInput("text: no text was given; send at least one")
        if len(texts) > self._settings.max_texts:
            raise TooLarge(f"text: {len(texts)} texts in one request; the limit is {self._settings.max_texts}")
        limit = self._settings.max_text_bytes
        for index, text in enumerate(texts):
            if not text.strip():
                raise InvalidInput(f"text[{index}] is empty; send some words")
            if len(text) * 4 > limit and (size := len(text.encode("utf-8", "replace"))) > limit:
                raise TooLarge(f"text[{index}] has {size} bytes; the limit is {limit}: send a part of it")

    def _encode(self, texts: Sequence[str], truncation: Truncation | None) -> list[list[Encoding]]:
        """The encodings of each text: one, or its windows."""
        if truncation == "window":
            groups = [self.scorer.encode_windows(text) for text in texts]
            for index, group in enumerate(groups):
                if len(group) > MAX_WINDOWS:
                    raise TooLarge(f"text[{index}] has {group[0].tokens} tokens, more than {MAX_WINDOWS} windows hold")
            return groups
        cut = "head" if truncation == "error" else truncation
        encodings = self.scorer.encode(texts, cut)
        for index, encoding in enumerate(encodings):
            if truncation == "error" and encoding.truncated:
                limit = self.scorer.manifest.max_tokens
                raise InvalidInput(
                    f"text[{index}] has {encoding.tokens} tokens, the model reads {limit}; "
                    "shorten it or set truncation to head, head_tail or window"
                )
        return [[encoding] for encoding in encodings]

    def _finish(
        self,
        texts: Sequence[str],
        groups: list[list[Encoding]],
        logits: FloatArray,
        embedding: FloatArray,
        asked: Asked,
        started: float,
    ) -> list[Prediction]:
        scorer = self.scorer
        margin, probability, label, confidence = scorer.finish(logits)
        sketches = sketch(embedding).astype("<f2")
        seconds = time.perf_counter() - started
        predictions = []
        for index, text in enumerate(texts):
            group = groups[index]
            prediction = Prediction(
                id=new_id(),
                label=scorer.manifest.labels[label[index]],
                confidence=float(confidence[index]),
                probability=float(probability[index]),
                tokens=group[0].tokens,
                truncated=group[0].truncated,
            )
            predictions.append(prediction)
            self.metrics.predicted(prediction.label, prediction.confidence)
            self.log.put(
                self._record(prediction, text, float(margin[index]), sketches[index].tobytes(), asked, seconds)
            )
        self.metrics.duration.observe(seconds)
        return predictions

    def _record(
        self, prediction: Prediction, text: str, margin: float, sketched: bytes, asked: Asked, seconds: float
    ) -> PredictionRecord:
        return PredictionRecord(
            id=prediction.id,
            release_id=self.scorer.release_id,
            label=prediction.label,
            probability=prediction.probability,
            confidence=prediction.confidence,
            margin=margin,
            tokens=prediction.tokens,
            truncated=prediction.truncated,
            latency_ms=seconds * 1000,
            source=asked.source,
            client=asked.client,
            text=text if self._settings.log_text == "full" else None,
            text_hash=text_hash(text),
            descriptors=describe(text),
            sketch=sketched,
        )

    def close(self) -> None:
        """Answer what is queued; then the engine's thread ends."""
        self.batcher.close()
        self._tokenisers.shutdown()


def _per_text(rows: list[tuple[FloatArray, FloatArray]], counts: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Logits f32[n, 2] and embeddings f32[n, h] of n texts; a text's windows are averaged."""
    logits, embedding = (np.stack(part) for part in zip(*rows, strict=True))
    if len(rows) == len(counts):
        return logits, embedding
    starts = np.cumsum([0, *counts[:-1]])
    sizes = np.array(counts, dtype=np.float32)[:, None]
    means = (np.add.reduceat(part, starts) / sizes for part in (logits, embedding))
    logits, embedding = (mean.astype(np.float32) for mean in means)
    return logits, embedding
