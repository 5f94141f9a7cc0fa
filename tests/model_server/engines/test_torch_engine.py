"""The torch engine: fixed shapes and their padding, parity with OpenVINO, where its files come from, CUDA graphs."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.factories import make_texts

from model_release import OpenVINOEngine, ReleaseCorrupt, Scorer
from model_release.scoring.engine import IntArray
from model_server.engines.buckets import MAX_ROWS, Bucket, BucketTable, fill, make_buckets, row_counts, widths
from model_server.engines.torch import TorchEngine, choose_device
from model_server.errors import StartError
from model_server.lifecycle.loading import load_release
from model_server.settings import ServerSettings

VOCABULARY, MAX_TOKENS = 100, 64
BUCKETS = make_buckets(MAX_TOKENS, 256)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def openvino(whole_release: Path) -> OpenVINOEngine:
    return OpenVINOEngine(whole_release / "serving/openvino-fp32", "fp32", threads=1)


@pytest.fixture(scope="module", params=["kernel by kernel", "fixed shapes"])
def engine(request: pytest.FixtureRequest, whole_release: Path) -> TorchEngine:
    buckets = BUCKETS if request.param == "fixed shapes" else ()
    return TorchEngine(whole_release / "torch", device="cpu", threads=1, buckets=buckets)


def batch_of(lengths: list[int], seed: int = 0, width: int | None = None) -> tuple[IntArray, IntArray]:
    """Random ids of rows of these lengths, padded to the longest."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((len(lengths), width or max(lengths)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(5, VOCABULARY, length)
        mask[row, :length] = 1
    return ids, mask


ragged = st.lists(st.integers(2, MAX_TOKENS), min_size=1, max_size=12)


@pytest.mark.parametrize("max_tokens", [8, 16, 50, 64, 128, 256, 512, 1000])
def test_widths_grow_by_16_tokens_or_a_quarter_and_end_at_the_models(max_tokens: int) -> None:
    made = list(widths(max_tokens))
    assert made[-1] == max_tokens and made == sorted(set(made))
    for narrow, wide in zip([0, *made], made, strict=False):
        assert wide - narrow <= max(16, narrow / 4)


@given(st.integers(1, 5000))
def test_row_counts_cover_the_request_with_at_most_half_as_many_again(most: int) -> None:
    made = list(row_counts(most))
    assert made[0] == 1 and made[-1] >= most and made == sorted(set(made))
    assert all(many <= 2 or many <= few * 1.5 for few, many in itertools.pairwise(made))


@given(st.sampled_from([16, 64, 200, 512]), st.integers(8, 20_000), st.data())
def test_every_batch_of_the_budget_has_a_shape_that_wastes_little(
    max_tokens: int, budget: int, data: st.DataObject
) -> None:
    table = BucketTable(make_buckets(max_tokens, budget))
    width = data.draw(st.integers(1, max_tokens))
    rows = data.draw(st.integers(1, max(1, min(MAX_ROWS, budget // width))))
    found = table.smallest(rows, width)
    assert found is not None and found.rows >= rows and found.width >= width
    assert found.tokens <= 1.5 * max(rows, 2) * max(width + 15, 1.25 * width)


@given(
    st.lists(st.builds(Bucket, st.integers(1, 40), st.integers(1, 40)), max_size=12),
    st.integers(1, 41),
    st.integers(1, 41),
)
def test_the_smallest_shape_that_holds_a_batch_is_chosen(made: list[Bucket], rows: int, width: int) -> None:
    sizes = [bucket.tokens for bucket in made if bucket.rows >= rows and bucket.width >= width]
    found = BucketTable(made).smallest(rows, width)
    assert (found.tokens if found else None) == min(sizes, default=None)
    assert found is None or (found.rows >= rows and found.width >= width)


@given(ragged, st.integers(0, 5), st.integers(0, 30))
def test_filling_overwrites_all_that_a_former_batch_left(lengths: list[int], more_rows: int, wider: int) -> None:
    ids, mask = batch_of(lengths)
    shape = (ids.shape[0] + more_rows, ids.shape[1] + wider)
    to_ids, to_mask = np.full(shape, 7, dtype=np.int32), np.ones(shape, dtype=np.bool_)
    fill(ids, mask, to_ids, to_mask)
    rows, width = ids.shape
    np.testing.assert_array_equal(to_ids[:rows, :width], ids)
    np.testing.assert_array_equal(to_mask[:rows, :width], mask)
    assert not to_mask[:rows, width:].any() and not to_ids[:rows, width:].any() and not to_ids[rows:].any()
    assert to_mask[rows:].sum() == more_rows == to_mask[rows:, 0].sum()


@settings(max_examples=60)
@given(lengths=ragged, seed=st.integers(0, 1000))
def test_answers_are_those_of_openvino_in_order(
    engine: TorchEngine, openvino: OpenVINOEngine, lengths: list[int], seed: int
) -> None:
    ids, mask = batch_of(lengths, seed)
    for mine, theirs in zip(engine.forward(ids, mask), openvino.forward(ids, mask), strict=True):
        assert mine.shape == theirs.shape and mine.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


@settings(max_examples=60)
@given(lengths=ragged, wider=st.integers(0, MAX_TOKENS))
def test_padding_and_company_change_no_answer(engine: TorchEngine, lengths: list[int], wider: int) -> None:
    ids, mask = batch_of(lengths, width=min(MAX_TOKENS, max(lengths) + wider))
    together = engine.forward(ids, mask)
    for row, length in enumerate(lengths):
        alone = engine.forward(ids[row : row + 1, :length], mask[row : row + 1, :length])
        for all_rows, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_rows[row], one[0], atol=1e-4)


def test_answers_are_not_written_over_by_the_next_call(engine: TorchEngine) -> None:
    first = engine.forward(*batch_of([9, 5], seed=1))
    kept = [part.copy() for part in first]
    engine.forward(*batch_of([9, 5], seed=2))
    for part, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_a_batch_over_every_shape_is_answered_too(engine: TorchEngine, openvino: OpenVINOEngine) -> None:
    ids, mask = batch_of([20] * 40)  # 800 tokens, where the shapes were made for 256
    assert BucketTable(BUCKETS).smallest(40, 20) is None
    np.testing.assert_allclose(engine.forward(ids, mask)[0], openvino.forward(ids, mask)[0], atol=1e-4)


def test_bf16_stays_near_and_is_not_fp32(whole_release: Path, openvino: OpenVINOEngine) -> None:
    engine = TorchEngine(whole_release / "torch", device="cpu", dtype="bf16", threads=1)
    ids, mask = batch_of([30, 12, 64])
    difference = np.abs(engine.forward(ids, mask)[1] - openvino.forward(ids, mask)[1])
    assert 1e-5 < difference.max() < 0.3
    engine.close()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseCorrupt, match=str(tmp_path)):
        TorchEngine(tmp_path, device="cpu")


def server_settings(model_dir: Path, tmp_path: Path, **more: object) -> ServerSettings:
    return ServerSettings(model_dir=model_dir, spill_dir=tmp_path / "spill", engine_threads=1, **more)


def test_golden_answers_are_replayed_within_the_variants_tolerance(whole_release: Path, tmp_path: Path) -> None:
    loaded = load_release(server_settings(whole_release, tmp_path, variant="torch", device="cpu"))
    assert isinstance(loaded.scorer.engine, TorchEngine) and loaded.variant == "torch"
    assert 0 <= loaded.difference < 1e-4
    texts = make_texts(20, seed=5)[0]
    expected = Scorer.load(whole_release, threads=1).score(texts)
    np.testing.assert_allclose(loaded.scorer.score(texts).probability, expected.probability, atol=1e-4)


def test_a_changed_weight_is_refused_before_torch_reads_it(whole_release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(whole_release, tmp_path / "copy")
    weights = copy / "torch/model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(ReleaseCorrupt, match=r"model\.safetensors was changed"):
        load_release(server_settings(copy, tmp_path, variant="torch", device="cpu"))


def test_the_device_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(StartError, match=r"finds no CUDA device.*DEVICE=cpu"):
        choose_device("cuda")


@needs_cuda
@pytest.mark.parametrize("dtype, tolerance", [("fp32", 1e-3), ("bf16", 0.3)])
def test_graphs_give_the_answers_of_the_same_kernels_and_of_openvino(
    whole_release: Path, openvino: OpenVINOEngine, dtype: str, tolerance: float
) -> None:
    graphs = TorchEngine(whole_release / "torch", device="cuda", dtype=dtype, buckets=BUCKETS)
    plain = TorchEngine(whole_release / "torch", device="cuda", dtype=dtype)
    for seed in range(50):  # many shapes in turn over one memory pool
        rng = np.random.default_rng(seed)
        ids, mask = batch_of(list(rng.integers(2, MAX_TOKENS, rng.integers(1, 12))), seed)
        for mine, same, theirs in zip(
            graphs.forward(ids, mask), plain.forward(ids, mask), openvino.forward(ids, mask), strict=True
        ):
            np.testing.assert_allclose(mine, same, atol=tolerance / 10)
            np.testing.assert_allclose(mine, theirs, atol=tolerance)
    graphs.close()


@needs_cuda
def test_a_release_on_cuda_replays_its_golden_answers_through_the_graphs(whole_release: Path, tmp_path: Path) -> None:
    loaded = load_release(server_settings(whole_release, tmp_path, variant="torch", device="cuda"))
    assert loaded.scorer.engine.device.type == "cuda" and loaded.difference < 0.03
