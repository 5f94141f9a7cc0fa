"""The data plane: validated texts in, logged and counted predictions out. Every transport answers through it."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from model_release import Encoding, Scorer
from model_release.scoring.features import describe, sketch, text_hash
from model_release.scoring.tokens import INLINE_CHARACTERS
from model_server.access.keys import Key
from model_server.batching.batcher import Batcher
from model_server.errors import DeadlineExceeded, InvalidInput, Overloaded, TooLarge
from model_server.inference.cache import AnswerCache, text_key
from model_server.inference.deadlines import within
from model_server.inference.explain import explain, read_text
from model_server.inference.outcome import Outcome, Row, pooled
from model_server.inference.types import Call, Options, Prediction
from model_server.metrics import Metrics
from model_server.settings import ServerSettings
from prediction_log import LogWriter, PredictionRecord, new_id

Answer = tuple[Encoding, Outcome]  # a text's first encoding, which has the counts of all its tokens, and its outcome

_CLOCKS_APART = 0.05  # s; a gRPC client's deadline began before it is read here, and its end of the call cancels ours


class InferenceService:
    """Answer texts with a loaded release: tokenise, queue, score, log, count."""

    def __init__(
        self, scorer: Scorer, batcher: Batcher[Row], log: LogWriter, metrics: Metrics, settings: ServerSettings
    ) -> None:
        self.scorer, self.batcher, self.log, self.metrics = scorer, batcher, log, metrics
        self._settings = settings
        size = settings.cache_answers
        self._cache: AnswerCache[Answer] | None = AnswerCache(size, metrics.cached) if size else None
        self.active = 0  # requests that are being answered
        self._tokenisers = ThreadPoolExecutor(1, "tokeniser")

    async def predict(self, texts: Sequence[str], call: Call) -> list[Prediction]:
        """Return one prediction for each text, in order; each has been handed to the log.

        Raises:
            InvalidInput, TooLarge: a text or an option is not acceptable; nothing was predicted.
            Overloaded, Unavailable: the server has no room now.
            DeadlineExceeded: the deadline passed before the answer.
        """
        self.active += 1
        try:
            if call.deadline is None:
                return await self._predict(texts, call)
            return await self._in_time(texts, call, call.deadline)
        finally:
            self.active -= 1

    async def _in_time(self, texts: Sequence[str], call: Call, deadline: float) -> list[Prediction]:
        """Predict within the deadline; count the texts of a request that has no answer by then."""
        try:
            async with within(deadline):
                return await self._predict(texts, call)
        except DeadlineExceeded:
            self.metrics.refused("deadline", len(texts))
            raise
        except asyncio.CancelledError:
            if time.monotonic() >= deadline - _CLOCKS_APART:
                self.metrics.refused("deadline", len(texts))
            raise

    async def _predict(self, texts: Sequence[str], call: Call) -> list[Prediction]:
        started = time.perf_counter()
        self._check(texts, call.options)
        if call.key is not None:
            self._charge(call.key, len(texts))
            self.metrics.key_texts.labels(call.key.entry.name).inc(len(texts))
        if self._cache is not None and not call.options.explain:
            answers = await self._from_cache(self._cache, texts, call)
            return self._finish(texts, answers, call, time.perf_counter() - started, None)
        groups, rows = await self._score(texts, range(len(texts)), call, call.deadline)
        seconds = time.perf_counter() - started
        explanations = await self._explain(texts, groups, rows, call) if call.options.explain else None
        return self._finish(texts, self._answers(groups, rows), call, seconds, explanations)

    def _charge(self, key: Key, texts: int) -> None:
        try:
            key.charge(texts, time.monotonic())
        except Overloaded:  # other requests used up the key's limit since the edge checked it
            self.metrics.rejected.labels("rate_limit").inc()
            raise

    async def _score(
        self, texts: Sequence[str], positions: Sequence[int], call: Call, deadline: float | None
    ) -> tuple[list[list[Encoding]], list[Row]]:
        """Tokenise and run the texts at these positions; return the encodings of each, and the rows of all."""
        self.batcher.check(len(positions), deadline)  # before it costs the time to tokenise
        began = time.monotonic()
        if sum(len(texts[at]) for at in positions) <= INLINE_CHARACTERS:  # a hop to another thread costs more
            groups = self._encode(texts, positions, call.options)
        else:
            loop = asyncio.get_running_loop()
            groups = await loop.run_in_executor(self._tokenisers, self._encode, texts, positions, call.options)
        if call.phases is not None:
            call.phases.append(("tokenise", began, time.monotonic()))
        encodings = [encoding for group in groups for encoding in group]
        return groups, await self.batcher.submit(encodings, deadline, phases=call.phases)

    async def _from_cache(self, cache: AnswerCache[Answer], texts: Sequence[str], call: Call) -> list[Answer]:
        async def compute(positions: list[int]) -> list[Answer]:
            # Without a deadline: other requests may wait for it too. The request's own deadline ends its waiting.
            answers = self._answers(*await self._score(texts, positions, call, None))
            return [(Encoding([], read.tokens, read.truncated), outcome.alone()) for read, outcome in answers]

        keys = [text_key(text, call.options.truncation or "") for text in texts]
        return await cache.get(keys, compute)

    def _answers(self, groups: list[list[Encoding]], rows: list[Row]) -> list[Answer]:
        """Return the answer of each text, from the rows of its encodings."""
        answers, first = [], 0
        for group in groups:
            answers.append((group[0], pooled(self.scorer, rows[first : first + len(group)])))
            first += len(group)
        return answers

    async def _explain(
        self, texts: Sequence[str], groups: list[list[Encoding]], rows: list[Row], call: Call
    ) -> list[dict[str, Any]]:
        """Return the attributions of each answered text, one text at a time, so that other traffic has room."""

        async def score(encodings: Sequence[Encoding]) -> list[Row]:
            return await self.batcher.submit(encodings, call.deadline, admitted=True, phases=call.phases)

        settings, loop = self._settings, asyncio.get_running_loop()
        documents, first = [], 0
        for text, group in zip(texts, groups, strict=True):
            started = time.perf_counter()
            reading = await loop.run_in_executor(
                self._tokenisers, read_text, self.scorer, text, call.options.truncation, group
            )
            answers, first = rows[first : first + len(group)], first + len(group)
            document = await explain(
                self.scorer, reading, answers, settings.explain_passes, settings.max_batch_tokens, score
            )
            self.metrics.explained(document["passes"], time.perf_counter() - started)
            documents.append(document)
        return documents

    def _check(self, texts: Sequence[str], options: Options) -> None:
        if not texts:
            raise InvalidInput("text: no text was given; send at least one")
        if len(texts) > self._settings.max_texts:
            raise TooLarge(f"text: {len(texts)} texts in one request; the limit is {self._settings.max_texts}")
        if options.explain and not self._settings.explain_passes:
            raise InvalidInput("explain: this server offers no explanations; leave it out")
        if options.explain and len(texts) > self._settings.max_explained_texts:
            limit = self._settings.max_explained_texts
            raise TooLarge(f"text: {len(texts)} texts to explain in one request; the limit is {limit}")
        for index, text in enumerate(texts):
            if not text.strip():
                raise InvalidInput(f"text[{index}] is empty; send some words")
            limit = self._settings.max_text_bytes
            if len(text) * 4 > limit and (size := len(text.encode("utf-8", "replace"))) > limit:
                raise TooLarge(f"text[{index}] has {size} bytes; the limit is {limit}: send a part of it")

    def _encode(self, texts: Sequence[str], positions: Sequence[int], options: Options) -> list[list[Encoding]]:
        """Return the encodings of each text at these positions: one, or its windows."""
        truncation, explained = options.truncation, options.explain
        if truncation == "window":
            groups, limit = [], self._settings.max_windows
            for index in positions:
                groups.append(self.scorer.encode_windows(texts[index]))
                if len(groups[-1]) > limit:
                    raise TooLarge(
                        f"text[{index}] has {groups[-1][0].tokens} tokens, {len(groups[-1])} windows; the limit is "
                        f"{limit}: send it in parts or set truncation to head or head_tail"
                    )
                if explained and 2 * len(groups[-1]) > self._settings.explain_passes:
                    raise TooLarge(
                        f"text[{index}] takes {len(groups[-1])} windows; explanations are offered up to "
                        f"{self._settings.explain_passes // 2}: explain it in parts or with another truncation"
                    )
            return groups
        cut = "head" if truncation == "error" else truncation
        encodings = self.scorer.encode([texts[at] for at in positions], cut)
        for index, encoding in zip(positions, encodings, strict=True):
            if truncation == "error" and encoding.truncated:
                limit = self.scorer.spec.max_tokens
                raise InvalidInput(
                    f"text[{index}] has {encoding.tokens} tokens, the model reads {limit}; "
                    "shorten it or set truncation to head, head_tail or window"
                )
        return [[encoding] for encoding in encodings]

    def _finish(
        self,
        texts: Sequence[str],
        answers: Sequence[Answer],
        call: Call,
        seconds: float,
        explanations: list[dict[str, Any]] | None,
    ) -> list[Prediction]:
        labels, predictions = self.scorer.spec.labels, []
        for index, (text, (read, outcome)) in enumerate(zip(texts, answers, strict=True)):
            prediction = Prediction(
                id=new_id(),
                label=labels[outcome.label],
                confidence=outcome.confidence,
                probability=outcome.probability,
                tokens=read.tokens,
                truncated=read.truncated,
                attributions=explanations[index] if explanations else None,
            )
            predictions.append(prediction)
            # Describing a text and its embedding is the log's work: the answer does not wait for it.
            self.log.put(partial(self._row, prediction, text, outcome, call, seconds))
        asyncio.get_running_loop().call_soon(self._count, predictions, seconds)  # the answer leaves before
        return predictions

    def _count(self, predictions: Sequence[Prediction], seconds: float) -> None:
        for prediction in predictions:
            self.metrics.predicted(prediction.label, prediction.confidence)
        self.metrics.duration.observe(seconds)

    def _row(self, prediction: Prediction, text: str, outcome: Outcome, call: Call, seconds: float) -> PredictionRecord:
        return PredictionRecord(
            id=prediction.id,
            release_id=self.scorer.release_id,
            label=prediction.label,
            probability=prediction.probability,
            confidence=prediction.confidence,
            margin=outcome.margin,
            tokens=prediction.tokens,
            truncated=prediction.truncated,
            latency_ms=seconds * 1000,
            source=call.source,
            client=call.client,
            text=text if self._settings.log_text == "full" else None,
            text_hash=text_hash(text),
            descriptors=describe(text),
            # One row at a time: of several the threads of numpy's BLAS would spin beside the engine's, on its cores.
            sketch=sketch(outcome.embedding[None]).astype("<f2").tobytes(),
        )

    def close(self) -> None:
        """Answer the queued texts, then end the engine's threads."""
        self.batcher.close()
        self._tokenisers.shutdown()
