"""The batching policy: nothing is lost or doubled, the oldest runs next, padding and budget are bounded."""

from hypothesis import given
from hypothesis import strategies as st

from model_server.batching.policy import PADDING_SHARE, SLACK_TOKENS, BatchQueue, Waiting, alike, whole_rows

lengths = st.lists(st.integers(1, 600), max_size=60)
budgets = st.integers(8, 2048)


def drained(queue: BatchQueue[int]) -> list[list[Waiting[int]]]:
    batches = []
    while batch := queue.take():
        batches.append(batch)
    return batches


def queue_of(tokens: list[int], budget: int, dropped: set[int] | None = None) -> BatchQueue[int]:
    queue = BatchQueue[int](budget, lambda item: item in (dropped or ()))
    for index, size in enumerate(tokens):
        queue.add(index, size, float(index))
    return queue


@given(lengths, budgets)
def test_every_text_runs_exactly_once_in_order_of_arrival_within_its_batch(tokens, budget):
    batches = drained(queue_of(tokens, budget))
    for batch in batches:
        assert [entry.item for entry in batch] == sorted(entry.item for entry in batch)
    assert sorted(entry.item for batch in batches for entry in batch) == list(range(len(tokens)))


@given(lengths, budgets)
def test_a_batch_keeps_within_the_budget_with_its_padding_unless_it_is_one_text(tokens, budget):
    for batch in drained(queue_of(tokens, budget)):
        longest = max(entry.tokens for entry in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(lengths, budgets)
def test_no_row_is_padded_beyond_its_share(tokens, budget):
    for batch in drained(queue_of(tokens, budget)):
        longest, shortest = (pick(entry.tokens for entry in batch) for pick in (max, min))
        assert longest - shortest <= max(SLACK_TOKENS, PADDING_SHARE * longest)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40), budgets, st.lists(st.integers(1, 600), max_size=80))
def test_the_oldest_runs_next_whatever_keeps_arriving(tokens, budget, arriving):
    """So a text waits for at most as many batches as there were texts ahead of it, under any stream of better-fitting ones."""
    queue = queue_of(tokens, budget)
    waiting, number = set(range(len(tokens))), len(tokens)
    later = iter(arriving)
    while batch := queue.take():
        assert batch[0].item == min(waiting)
        waiting -= {entry.item for entry in batch}
        for size in (size for size, _ in zip(later, range(2), strict=False)):
            queue.add(number, size, float(number))
            waiting.add(number)
            number += 1
    assert not waiting


@given(lengths, budgets)
def test_no_text_is_left_behind_that_the_whole_batch_had_room_for(tokens, budget):
    """Zero delay is no excuse for small batches: what fits beside the extremes of a batch joins it, until the next
    number of whole rows is out of reach."""
    queue = queue_of(tokens, budget)
    while batch := queue.take():
        sizes = [entry.tokens for entry in batch]
        within = sum(min(sizes) <= entry.tokens <= max(sizes) for entry in queue)
        possible = min(len(batch) + within, budget // max(sizes))
        assert len(batch) == max(1, whole_rows(max(1, possible)))


@given(lengths, budgets)
def test_batches_have_whole_rows(tokens, budget):
    assert all(whole_rows(len(batch)) == len(batch) for batch in drained(queue_of(tokens, budget)))


def test_whole_rows_are_two_an_octave():
    assert sorted({whole_rows(count) for count in range(1, 66)}) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    assert all(2 * count / 3 < whole_rows(count) <= count for count in range(1, 2000))


@given(lengths, budgets, st.sets(st.integers(0, 59)))
def test_dropped_texts_vanish_and_the_others_still_run(tokens, budget, dropped):
    batches = drained(queue := queue_of(tokens, budget, dropped))
    assert sorted(entry.item for batch in batches for entry in batch) == [
        index for index in range(len(tokens)) if index not in dropped
    ]
    assert len(queue) == 0 and queue.oldest is None and queue.tokens == 0


def test_the_queue_reports_its_size_its_tokens_and_its_oldest():
    queue = queue_of([5, 7, 300], 64)
    assert (len(queue), queue.tokens, queue.oldest) == (3, 312, 0.0)
    assert [entry.item for entry in queue.take()] == [0, 1]
    assert (len(queue), queue.tokens, queue.oldest) == (1, 300, 2.0)
    assert [entry.item for entry in queue.take()] == [2]  # over the budget: the text runs alone
    assert queue.take() == []


def test_slack_and_share_meet():
    assert alike(1, 17) and not alike(1, 18)
    assert alike(80, 100) and not alike(79, 100)
