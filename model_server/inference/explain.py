"""Token attributions of an answer: occlusion through the same engine and the same batches as ordinary traffic."""

from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from model_release import Encoding, Scorer
from model_release.scoring.features import replace_surrogates
from model_release.scoring.scorer import cut
from model_release.scoring.windows import window_starts
from model_server.inference.occlusion import OcclusionPlan, Span
from model_server.inference.outcome import Row
from model_server.inference.types import Truncation

Score = Callable[[Sequence[Encoding]], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """The part of a text that the model reads: tokens, their offsets in characters, and the encodings that hold them.

    `starts[w]` is the index of the first token of encoding w, after its special token.
    """

    tokens: list[str]
    offsets: list[tuple[int, int]]
    encodings: list[Encoding]
    starts: list[int]

    def touched(self, span: Span) -> range:
        """Return the indices of the encodings that hold a part of the span."""
        width = len(self.encodings[0].ids) - 2  # windows are full, so all have this width
        return range(bisect_right(self.starts, span.start - width), bisect_left(self.starts, span.stop))

    def occluded(self, index: int, span: Span, mask: int) -> Encoding:
        """Return encoding `index` with the span's tokens masked."""
        encoding, start = self.encodings[index], self.starts[index]
        ids = list(encoding.ids)
        first, last = max(span.start - start, 0), min(span.stop - start, len(ids) - 2)
        ids[1 + first : 1 + last] = [mask] * (last - first)
        return Encoding(ids, encoding.tokens, encoding.truncated)


def read_text(scorer: Scorer, text: str, truncation: Truncation | None, encodings: list[Encoding]) -> Reading:
    """Return the tokens that the encodings of a text hold, with their offsets in the text."""
    clean = replace_surrogates(text)
    whole = scorer.tokenizer.encode(clean, add_special_tokens=False)
    limit, count = scorer.spec.max_tokens - 2, len(whole.ids)
    if truncation == "window":
        return Reading(whole.tokens, whole.offsets, encodings, window_starts(count, limit))
    both_ends = (truncation or scorer.spec.truncation) == "head_tail"
    kept = cut(list(range(count)), limit, "head_tail" if both_ends else "head")
    return Reading([whole.tokens[at] for at in kept], [whole.offsets[at] for at in kept], encodings, [0])


def mask_id(scorer: Scorer) -> int:
    """Return the id that replaces an occluded token: [MASK], known from pre-training, or the nearest substitute."""
    found = (scorer.tokenizer.token_to_id(token) for token in ("[MASK]", "[UNK]", "[PAD]"))
    return next((token for token in found if token is not None), 0)


async def explain(
    scorer: Scorer, reading: Reading, answers: Sequence[Row], budget: int, batch_tokens: int, score: Score
) -> dict[str, Any]:
    """Return the attributions of one answered text, as the document that clients get.

    A token's attribution is the fall of the calibrated log-odds of `positive` when the token is masked: above 0 for a
    token that speaks for `positive`. Passes go to `score` a batch at a time, so that other requests run in between.

    Args:
        answers: the rows of the reading's encodings.
        budget: passes of the engine that may be spent.
        batch_tokens: tokens that go to `score` at once.
    """
    mask, temperature = mask_id(scorer), scorer.spec.temperature
    odds = [row.outcome.margin / temperature for row in answers]
    plan = OcclusionPlan(len(reading.tokens), budget, lambda span: len(reading.touched(span)))
    while spans := plan.next_round():
        passes = [(number, index) for number, span in enumerate(spans) for index in reading.touched(span)]
        effects = [0.0] * len(spans)
        step = max(1, batch_tokens // max(len(encoding.ids) for encoding in reading.encodings))
        for at in range(0, len(passes), step):
            part = passes[at : at + step]
            rows = await score([reading.occluded(index, spans[number], mask) for number, index in part])
            for (number, index), row in zip(part, rows, strict=True):
                effects[number] += (odds[index] - row.outcome.margin / temperature) / len(odds)
        plan.measured(effects)
    tokens = [
        {"token": token, "start": start, "end": end, "attribution": attribution, "group": group}
        for token, (start, end), (attribution, group) in zip(
            reading.tokens, reading.offsets, plan.attributions(), strict=True
        )
    ]
    return {
        "method": "occlusion",
        "exact": plan.exact,
        "passes": plan.passes,
        "log_odds": sum(odds) / len(odds),
        "tokens": tokens,
    }
