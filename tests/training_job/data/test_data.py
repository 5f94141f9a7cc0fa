"""Rows as they are read, checked, shuffled and parted."""

import csv
import gzip
import os
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.factories import make_texts
from kit.hub_standin import hub

from training_job.data.reading import parse_label, read_csv, read_rows
from training_job.data.rows import Rows
from training_job.errors import DataError

ROOT = Path(__file__).resolve().parents[3]
NASTY = [
    'He answered "no", twice.',
    "two\nlines",
    "carriage\r\nreturn",
    "next\u0085line\u2028sep",
    "NA",
    "nan",
    "a,b",
    "😀 null",
]


def write_csv(path: Path, rows: list[tuple[str, object]], header: tuple[str, str] = ("text", "label")) -> Path:
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet"])
def test_texts_come_back_as_they_were_written(name: str, tmp_path: Path) -> None:
    labels = [index % 2 for index in range(len(NASTY))]
    path = tmp_path / name
    if name.endswith("parquet"):
        pd.DataFrame({"label": labels, "text": NASTY}).to_parquet(path)
    else:
        write_csv(path, list(zip(NASTY, labels, strict=True)))
    rows = read_rows(str(path), "train")
    assert rows.texts == NASTY
    assert rows.labels.tolist() == labels and rows.labels.dtype == np.int64


# No lone "\r": outside of quotes the writer leaves it bare, and a bare one ends a line.
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(texts=st.lists(_TEXT, min_size=2, max_size=12))
@settings(max_examples=60)
def test_whatever_csv_can_hold_is_read(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(("text", "label"))
        writer.writerows((text, index % 2) for index, text in enumerate(texts))
    assert read_csv(str(path)).texts == texts


def test_a_byte_order_mark_other_columns_and_a_text_of_a_megabyte(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffid,sentiment,review\n1,pos,good\n\n2,NEG ," + "x" * 1_000_000 + "\n", "utf-8")
    rows = read_rows(str(path), "train", ("review", "sentiment"))
    assert [len(text) for text in rows.texts] == [4, 1_000_000]
    assert rows.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *[("1", 1), (" Positive ", 1), ("neg", 0), (0.0, 0), ("1.0", 1), (True, 1), (np.int64(0), 0)],
        *[("2", None), ("", None), (0.5, None), (-1, None), (None, None), ("5 stars", None), (float("nan"), None)],
    ],
)
def test_labels_are_known_words_and_numbers(value: object, label: int | None) -> None:
    assert parse_label(value) == label


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, r"absent\.csv does not exist; give \.csv"),
        ("empty.csv", b"", r"empty\.csv is empty; give a CSV with the header text,label"),
        ("header.csv", b"text,label\n", r"header\.csv holds no rows"),
        ("one.csv", b"text\ngood\nbad\n", r"no column 'label'; its columns are 'text'. Name them"),
        ("none.csv", b"a,b\n1,2\n", r"no column 'text' and no column 'label'; its columns are 'a', 'b'"),
        ("three.csv", b"text,label\ngood,1\nbad,0\nso-so,2\n", r"line 4: unknown label '2' \(1 of 3 rows"),
        ("blank.csv", b'text,label\ngood,1\n"a\nb",0\n  ,0\n', r"line 5: the text is empty \(1 of 3 rows\); drop"),
        ("class.csv", b"text,label\ngood,1\nfine,1\n", r"holds only positive rows; a classifier needs both"),
        ("nul.csv", b"text,label\ngood,1\nb\0d,0\n", r"line 3: the text holds a NUL byte"),
        ("wide.csv", b"text,label\ngood, really,1\nbad,0\n", r"line 2: 3 fields where the header names 2; put quotes"),
        ("open.csv", b'text,label\n"good,1\nbad,0\n', r"line \d: unexpected end of data; double the quotes inside"),
        ("quote.csv", b'text,label\n"go"od",1\nbad,0\n', r"line 2: .*double the quotes inside a quoted text"),
        ("latin.csv", "text,label\ncafé,1\n".encode("latin-1"), r"latin\.csv is not UTF-8 \(.* at byte 14\)"),
        ("plain.csv.gz", b"text,label\ngood,1\n", r"plain\.csv\.gz is not gzip.*rename it to plain\.csv"),
        ("packed.csv", gzip.compress(b"text,label\n", mtime=0), r"packed\.csv is gzip; rename it to packed\.csv\.gz"),
        (
            "cut.csv.gz",
            gzip.compress(b"text,label\n" + b"good,1\nbad,0\n" * 99, mtime=0)[:-20],
            r"cut\.csv\.gz is a broken gzip",
        ),
        ("bad.parquet", b"PAR1 no", r"bad\.parquet is not a whole Parquet file"),
        ("rows.xlsx", b"x", r"unknown kind of file; give \.csv"),
        (
            "semi.csv",
            b"text;label\ngood;1\n",
            r"semi\.csv has semicolons between its columns; write it as \.csv with commas",
        ),
        ("r.csv", b'"text";"label"\n"good, really";1\n', r"r\.csv has semicolons between its columns"),
        ("excel.csv", b"\xef\xbb\xbfsep=;\r\ntext;label\r\n", r"excel\.csv has semicolons between its columns"),
        ("note.csv", b"text;label;a, b\ngood;1;x\n", r"note\.csv has semicolons between its columns"),
        ("named.csv", b"review\tstars\ngood\t1\n", r"named\.csv has tabs between its columns; .* commas"),
        (
            "bars.csv.gz",
            gzip.compress(b"text|label\ngood|1\n", mtime=0),
            r"bars\.csv\.gz has vertical bars between its columns",
        ),
        ("rows.tsv", b"text\tlabel\ngood\t1\n", r"rows\.tsv has tabs between its columns; write it as \.csv"),
        ("twice.csv", b"text,label,text\ngood,1,bad\n", r"twice\.csv has more than one column 'text'"),
        (
            "lost.csv",
            b"text,label\ngood,1\nbad,\n",
            r"line 3: unknown label '' \(1 of 2 rows have no known label\)",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_remedy(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_rows(str(path), "train")
    assert caught.value.exit_code == 2 and name in str(caught.value)


def _parquet(path: Path, texts: object, labels: object) -> str:
    pq.write_table(pa.table({"text": texts, "label": labels}), path)
    return str(path)


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.large_binary(),
        pa.binary(6),
        pa.dictionary(pa.int8(), pa.binary()),
    ],
)
def test_a_parquet_file_holds_texts_as_text_or_as_bytes(kind: pa.DataType, tmp_path: Path) -> None:
    texts = ["good \u00e9"[:5] + "!", "bad\u0142!"] if kind == pa.binary(6) else ["caf\u00e9", "\u65e0\u804a"]
    written = pa.array([text.encode() for text in texts]).cast(kind) if "binary" in str(kind) else pa.array(texts, kind)
    path = _parquet(tmp_path / "rows.parquet", written, pa.array([b"pos", b"0"]))
    rows = read_rows(path, "train")
    assert rows.texts == texts and rows.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([1.5, 2.0], r"row 1: the text is a number \(2 of 2 rows\); write the column as text in UTF-8"),
        ([["a", "b"], ["c"]], r"row 1: the text is a list \(2 of 2"),
        ([{"a": 1}, {"a": 2}], r"row 1: the text is a record of several fields"),
        ([True, False], r"row 1: the text is true or false"),
        ([datetime(2026, 1, 1), datetime(2026, 1, 2)], r"row 1: the text is a date"),
        ([Decimal("1.5"), None], r"row 1: the text is a number \(1 of 2"),
        ([b"good", b"caf\xe9"], r"row 2: the text is bytes that are not UTF-8 \(1 of 2"),
        ([b"good", b"  "], r"row 2: the text is empty \(1 of 2 rows\); drop such rows"),
        ([None, None], r"row 1: the text is empty \(2 of 2"),
        ([float("nan"), 1.0], r"row 1: the text is empty \(1 of 2"),
    ],
)
def test_a_parquet_column_of_another_kind_is_named_for_what_it_is(
    texts: list[object], message: str, tmp_path: Path
) -> None:
    path = _parquet(tmp_path / "rows.parquet", pa.array(texts), pa.array([1, 0]))
    with pytest.raises(DataError, match=message):
        read_rows(path, "train")


def test_a_missing_label_is_called_missing(tmp_path: Path) -> None:
    for labels in ([1, None], [1.0, float("nan")]):
        path = _parquet(tmp_path / "rows.parquet", pa.array(["good", "bad"]), pa.array(labels))
        with pytest.raises(DataError, match=r"row 2: the label is missing \(1 of 2 rows have no known label\)"):
            read_rows(path, "train")


def test_a_folder_and_a_parquet_without_the_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv cannot be read \(Is a directory\)"):
        read_rows(str(tmp_path / "folder.csv"), "train")
    pd.DataFrame({"text": ["a", None], "stars": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no column 'label'; its columns are 'text', 'stars'"):
        read_rows(str(tmp_path / "a.parquet"), "train")
    with pytest.raises(DataError, match="row 2: the text is empty"):
        pd.DataFrame({"text": ["a", None], "label": [1, 0]}).to_parquet(tmp_path / "b.parquet")
        read_rows(str(tmp_path / "b.parquet"), "train")


def _in_a_process(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The hub's libraries read their environment once, when they are imported."""
    variables = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120)


_READ = """
from training_job.errors import DataError
from training_job.data.reading import read_rows
try:
    rows = read_rows({source!r}, {split!r})
    print(len(rows), rows.fingerprint)
except DataError as error:
    print("refused:", error)
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's folder with the dataset `acme/reviews`: 40 training rows."""
    root = tmp_path_factory.mktemp("hub")
    folder = root / "datasets/acme/reviews/data"
    folder.mkdir(parents=True)
    texts, labels = make_texts(40, 5)
    pd.DataFrame({"text": texts, "label": labels}).to_parquet(folder / "train-00000-of-00001.parquet")
    return root


def test_a_dataset_of_the_hub_is_read_by_name_and_from_the_cache_afterwards(dataset: Path, tmp_path: Path) -> None:
    texts, labels = make_texts(40, 5)
    expected = f"40 {Rows(texts, labels).fingerprint}"
    read = _READ.format(source="hub:acme/reviews", split="train")
    with hub(dataset) as endpoint:
        found = _in_a_process(read, tmp_path, HF_ENDPOINT=endpoint)
        assert found.stdout.strip() == expected, found.stderr[-2000:]
        missing = _in_a_process(_READ.format(source="hub:acme/reviews", split="test"), tmp_path, HF_ENDPOINT=endpoint)
    assert "refused: hub:acme/reviews, split 'test', cannot be read" in missing.stdout
    gone = _in_a_process(read, tmp_path, HF_ENDPOINT=endpoint)
    assert gone.stdout.strip() == expected, gone.stderr[-2000:]


def test_a_hub_that_is_away_is_named_with_the_remedy(dataset: Path, tmp_path: Path) -> None:
    away = _in_a_process(
        _READ.format(source="hub:acme/other", split="train"), tmp_path, HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert "hub:acme/other" in away.stdout and "http://127.0.0.1:9" in away.stdout
    assert "use files: --train" in away.stdout


def test_a_dataset_in_a_folder(dataset: Path) -> None:
    rows = read_rows(f"hub:{dataset / 'datasets/acme/reviews'}", "train")
    assert rows.texts == make_texts(40, 5)[0]


def test_rows_are_read_from_a_store(s3_uri: str, tmp_path: Path) -> None:
    texts, labels = ["good\u0085film, truly", "bad"], [1, 0]
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "a.csv.gz", index=False)
    pd.DataFrame({"text": texts, "label": labels}).to_parquet(tmp_path / "b.parquet")
    filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
    for name in ("a.csv.gz", "b.parquet"):
        filesystem.put_file(str(tmp_path / name), f"{s3_uri}/{name}")
        rows = read_rows(f"{s3_uri}/{name}", "train")
        assert (rows.texts, rows.labels.tolist()) == (texts, labels)
    filesystem.pipe_file(f"{s3_uri}/bad.csv", b"text,label\ngood,5\n")
    with pytest.raises(DataError, match=rf"{s3_uri}/bad\.csv: line 2: unknown label '5'"):
        read_rows(f"{s3_uri}/bad.csv", "train")
    with pytest.raises(DataError, match=r"models/none\.csv does not exist; check the address"):
        read_rows(f"{s3_uri}/none.csv", "train")


def test_a_store_that_cannot_be_reached_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT_URL", "http://127.0.0.1:9"), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "y")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(DataError, match=r"s3://b/rows\.csv cannot be read .*AWS_ENDPOINT_URL"):
        read_rows("s3://b/rows.csv", "train")
    with pytest.raises(DataError, match=r"what://b/rows\.csv cannot be read .*check the address"):
        read_rows("what://b/rows.csv", "train")
