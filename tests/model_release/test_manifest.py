import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_release import EngineVariant, Manifest, ReleaseCorrupt
from model_release.manifest import FileEntry
from sentiment_common.intervals import Interval

text = st.text(st.characters(codec="utf-8"), max_size=20)
finite = st.floats(-1e6, 1e6)
variant = EngineVariant(path="serving/openvino-int8", kind="openvino", precision="int8", golden_tolerance=0.03)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    return Manifest(
        name="sentiment",
        created_at=draw(text),
        base_model=draw(text),
        labels=("negative", "positive"),
        max_tokens=draw(st.integers(8, 512)),
        hidden_size=draw(st.integers(1, 1024)),
        variants={"openvino-int8": variant},
        default_variant="openvino-int8",
        decision_threshold=draw(st.floats(0.01, 0.99)),
        temperature=draw(st.floats(0.05, 20)),
        metrics=draw(st.dictionaries(text, st.builds(Interval, value=finite, low=finite, high=finite), max_size=3)),
        facts=draw(st.dictionaries(text, st.none() | st.booleans() | st.integers(-9, 9) | finite | text, max_size=3)),
        data_fingerprint="a" * 64,
        git_commit=draw(st.none() | text),
        mlflow_run_id=None,
        files=(FileEntry(path="serving/tokenizer.json", size=draw(st.integers(0, 2**40)), sha256="b" * 64),),
    )


@given(manifests())
def test_parsing_the_canonical_form_gives_the_same_manifest_and_id(manifest: Manifest) -> None:
    again = Manifest.parse(manifest.canonical(), "m")
    assert again == manifest
    assert again.release_id == manifest.release_id
    assert again.canonical() == manifest.canonical()


@given(manifests(), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_keeps_the_id(manifest: Manifest, position: int, flip: int) -> None:
    raw = bytearray(manifest.canonical())
    raw[position % len(raw)] ^= flip
    try:
        changed = Manifest.parse(bytes(raw), "m")
    except ReleaseCorrupt:
        return
    assert changed.release_id != manifest.release_id


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"temperature": 0}, "temperature"),
        ({"labels": ["one"]}, "labels"),
        ({"surprise": 1}, "surprise"),
        ({"default_variant": "gpu"}, "default_variant"),
        ({"files": [{"path": "../etc/passwd", "size": 1, "sha256": "c" * 64}]}, "plain path"),
        ({"data_fingerprint": "xyz"}, "data_fingerprint"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, object], names: str) -> None:
    document = json.loads(EXAMPLE.canonical()) | change
    with pytest.raises(ReleaseCorrupt, match=names):
        Manifest.parse(json.dumps(document).encode(), "m")


def test_other_bytes_of_the_same_document_are_refused() -> None:
    spaced = json.dumps(json.loads(EXAMPLE.canonical()), sort_keys=True).encode()
    with pytest.raises(ReleaseCorrupt, match="canonical"):
        Manifest.parse(spaced, "m")


EXAMPLE = Manifest(
    name="sentiment",
    created_at="2026-01-01T00:00:00+00:00",
    base_model="minilm",
    labels=("negative", "positive"),
    max_tokens=512,
    hidden_size=384,
    variants={"openvino-int8": variant},
    default_variant="openvino-int8",
    decision_threshold=0.5,
    temperature=1.0,
    metrics={},
    facts={},
    data_fingerprint="a" * 64,
    git_commit=None,
    mlflow_run_id=None,
    files=(),
)
