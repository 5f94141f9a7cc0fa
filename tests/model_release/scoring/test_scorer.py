from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_texts

from model_release import GoldenMismatch, Judgement, ReleaseCorrupt, ReleaseError, ReleaseStore, Scorer
from model_release.folder import ReleaseFolder
from model_release.golden import build_golden, read_golden, replay, write_golden
from model_release.reference import build_reference, read_reference, write_reference
from model_release.scoring.engine import OpenVINOEngine
from model_release.scoring.scorer import length_batches, pad


@pytest.fixture(scope="module")
def folder(tiny_release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    uri, release_id = tiny_release
    return ReleaseStore(uri).fetch(
        "sentiment", release_id, tmp_path_factory.mktemp("cache"), only=("serving/", "torch/")
    )


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return Scorer.load(folder, threads=1)


def test_batched_answers_are_those_of_one_at_a_time(scorer: Scorer) -> None:
    texts = make_texts(40, seed=3)[0]
    together = scorer.score(texts, batch_tokens=300)
    alone = np.concatenate([scorer.score([text]).probability for text in texts])
    np.testing.assert_allclose(together.probability, alone, atol=1e-4)
    assert together.embedding.shape == (40, 32)
    assert np.ptp(together.probability) > 0.01


def judged(logits: list[tuple[float, float]], temperature: float, threshold: float) -> list[Judgement]:
    release: Any = SimpleNamespace(spec=SimpleNamespace(temperature=temperature, decision_threshold=threshold))
    return Scorer.finish(release, np.array(logits, dtype=np.float32).reshape(-1, 2))


@given(
    st.lists(st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 2), max_size=5),
    st.floats(0.05, 20),
    st.floats(0.01, 0.99),
)
def test_a_judgement_is_the_calibrated_sigmoid(
    logits: list[tuple[float, float]], temperature: float, threshold: float
) -> None:
    for (negative, positive), judgement in zip(logits, judged(logits, temperature, threshold), strict=True):
        margin = np.float32(positive) - np.float32(negative)
        with np.errstate(over="ignore"):
            probability = np.float32(1 / (1 + np.exp(-np.float64(margin) / temperature)))
        assert judgement.margin == margin
        assert judgement.probability == pytest.approx(float(probability), rel=2e-7, abs=1e-34)
        assert judgement.label == int(judgement.probability >= float(np.float32(threshold)))
        expected = judgement.probability if judgement.label else float(np.float32(1 - judgement.probability))
        assert judgement.confidence == expected


def test_the_threshold_itself_is_positive() -> None:
    (even,) = judged([(0.0, 0.0)], 1.0, 0.5)
    assert even == (0.0, 0.5, 1, 0.5)
    (sure,) = judged([(0.0, 1.0)], 1.0, 0.5)
    # A threshold is compared as a float32, which probabilities are: this one is the same number.
    assert judged([(0.0, 1.0)], 1.0, sure.probability + 1e-9)[0].label == 1
    assert judged([(0.0, 1.0)], 1.0, sure.probability + 1e-6)[0].label == 0


def test_the_serving_folder_alone_answers_alike(folder: Path, scorer: Scorer) -> None:
    texts = make_texts(5, seed=4)[0]
    serving = Scorer.load(folder / "serving", threads=1, expect_id=scorer.release_id)
    np.testing.assert_array_equal(serving.score(texts).logits, scorer.score(texts).logits)


def test_answers_are_those_of_the_torch_model(folder: Path, scorer: Scorer) -> None:
    import torch
    from transformers import DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification.from_pretrained(folder / "torch").eval()
    for count, words in ((1, (1, 2)), (7, (2, 50)), (3, (80, 90))):
        ids, mask = pad(scorer.encode(make_texts(count, words=words)[0]))
        with torch.no_grad():
            expected = model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).logits.numpy()
        np.testing.assert_allclose(scorer.engine.forward(ids, mask)[0], expected, atol=1e-5)


def test_streams_answer_at_once_as_one_does(folder: Path, scorer: Scorer) -> None:
    manifest = ReleaseFolder(folder).manifest()
    variant = manifest.variants[manifest.default_variant]
    engine = OpenVINOEngine(folder / variant.path, variant.precision, threads=2, streams=2)
    engine.warm([(1, 16), (3, 32)])
    batches = [pad(scorer.encode(make_texts(count % 4 + 1, seed=count)[0])) for count in range(40)]
    with ThreadPoolExecutor(4) as threads:  # more callers than streams
        answers = list(threads.map(lambda batch: engine.forward(*batch), batches))
    for batch, (logits, embedding) in zip(batches, answers, strict=True):
        alone = scorer.engine.forward(*batch)
        np.testing.assert_allclose(logits, alone[0], atol=1e-4)
        np.testing.assert_allclose(embedding, alone[1], atol=1e-4)
    engine.close()


@pytest.mark.parametrize(
    "text",
    ["", "\ud800 lone", "emoji 🎬👩‍👩‍👧", "\x00\x85", "word " * 200_000],
    ids=["empty", "surrogate", "emoji", "control", "1MB"],
)
def test_any_text_is_answered(scorer: Scorer, text: str) -> None:
    scores = scorer.score([text])
    assert 0.0 <= scores.probability[0] <= 1.0
    assert bool(scores.truncated[0]) == (scores.tokens[0] > scorer.spec.max_tokens)


def test_truncation_keeps_head_or_both_ends(scorer: Scorer) -> None:
    text = "wonderful " * 80 + "awful " * 80
    limit = scorer.spec.max_tokens
    good, bad = (scorer.encode([word])[0].ids[1] for word in ("wonderful", "awful"))
    head = scorer.encode([text], "head")[0]
    both = scorer.encode([text], "head_tail")[0]
    assert len(head.ids) == len(both.ids) == limit
    assert set(head.ids[1:-1]) == {good}
    assert both.ids[1] == good and both.ids[-2] == bad and both.ids.count(bad) > both.ids.count(good)
    assert head.truncated and head.tokens == 162


@given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 5000), st.integers(0, 20))
def test_length_batches_hold_every_row_once_within_their_limits(lengths: list[int], budget: int, rows: int) -> None:
    batches = list(length_batches(lengths, budget, rows))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= (rows or len(lengths))
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


def test_a_changed_byte_or_another_id_is_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder / "serving", tmp_path / "serving")
    with pytest.raises(ReleaseCorrupt, match="expected 0123"):
        Scorer.load(copy, expect_id="0123456789abcdef")
    weights = copy / "openvino-fp32/model.bin"
    raw = bytearray(weights.read_bytes())
    raw[1000] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(ReleaseCorrupt, match=r"model\.bin"):
        Scorer.load(copy)
    weights.unlink()
    with pytest.raises(ReleaseCorrupt, match="missing"):
        Scorer.load(copy)


def test_an_unknown_variant_or_one_that_lies_elsewhere_is_named(folder: Path) -> None:
    with pytest.raises(ReleaseError, match=r"no variant 'gpu'.*openvino-fp32"):
        Scorer.load(folder, variant="gpu")
    with pytest.raises(ReleaseError, match="torch/ too"):
        Scorer.load(folder / "serving", variant="torch")
    with pytest.raises(ReleaseCorrupt, match="not a whole release"):
        Scorer.load(folder / "nowhere")


def test_golden_replay_accepts_the_same_engine_and_refuses_another_model(
    scorer: Scorer, folder: Path, tmp_path: Path
) -> None:
    golden = build_golden(scorer, [*make_texts(30)[0], "", "word " * 100], "openvino-fp32", 0.03, limit=25)
    assert len(golden.texts) == 25
    assert max(encoding.tokens for encoding in scorer.encode(golden.texts)) <= 32
    write_golden(golden, tmp_path / "golden.json")
    again = read_golden(tmp_path / "golden.json")
    assert again == golden
    assert replay(scorer, again) <= 1e-5
    wrong = golden.model_copy(
        update={"probabilities": tuple(1 - p if abs(p - 0.5) > 0.02 else p + 0.2 for p in golden.probabilities)}
    )
    with pytest.raises(GoldenMismatch, match=scorer.release_id):
        replay(scorer, wrong)
    (tmp_path / "golden.json").write_text('{"variant": "x"}')
    with pytest.raises(ReleaseCorrupt, match="tolerance"):
        read_golden(tmp_path / "golden.json")


def test_the_reference_comes_back_as_it_was_written(scorer: Scorer, tmp_path: Path) -> None:
    texts, labels = make_texts(50, seed=9)
    reference = build_reference(scorer.score(texts), texts, labels)
    write_reference(reference, tmp_path / "r/reference.parquet")
    again = read_reference(tmp_path / "r/reference.parquet")
    assert again.text_hash == reference.text_hash
    for name in ("label", "probability", "margin", "tokens", "truncated", "sketch", "descriptors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(reference, name))
    assert again.sketch.dtype == np.float16
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(ReleaseCorrupt, match="not a reference"):
        read_reference(tmp_path / "bad.parquet")
