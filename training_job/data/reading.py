"""Labelled rows from CSV or Parquet files, local or in a store, or from the hub; errors name the line of a bad row."""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_common.errors import first_line
from training_job.data.remote import is_remote, read_bytes
from training_job.data.rows import Rows, need_both_classes
from training_job.errors import DataError

HUB_PREFIX = "hub:"
LABEL_WORDS = {"0": 0, "negative": 0, "neg": 0, "1": 1, "positive": 1, "pos": 1}
_LABELS_WANTED = "0 or 1, negative or positive, neg or pos"
_SOURCES_WANTED = f"give .csv, .csv.gz or .parquet, here or at s3://…, or {HUB_PREFIX}NAME"
_GZIP_MAGIC = b"\x1f\x8b"

Place = Callable[[int], str]  # index of a row → its place, in words


def parse_label(value: object) -> int | None:
    """Return 0 or 1, or None for a value that is not a label; numbers may be text or floats."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return int(value) if value in (0, 1) else None
    word = str(_decoded(value)).strip().lower()
    return LABEL_WORDS.get(word, LABEL_WORDS.get(word.removesuffix(".0")))


def _decoded(value: object) -> object:
    """Decode bytes in UTF-8, as Parquet writers without a text type store text; return any other value unchanged."""
    if isinstance(value, bytes | bytearray | memoryview):
        with suppress(UnicodeDecodeError):
            return bytes(value).decode()
    return value


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _trouble(value: object) -> str | None:
    """Return why a decoded value is not a text to train on; None if it is one."""
    if _is_missing(value) or (isinstance(value, str) and not value.strip()):
        return "the text is empty"
    if isinstance(value, str):
        return "the text holds a NUL byte" if "\0" in value else None
    kinds: tuple[tuple[Any, str], ...] = (
        ((bool, np.bool_), "true or false"),
        ((int, float, np.number, Decimal), "a number"),
        ((bytes, bytearray, memoryview), "bytes that are not UTF-8"),
        ((list, tuple, np.ndarray), "a list"),
        (dict, "a record of several fields"),
        (date, "a date"),
    )
    kind = next((name for types, name in kinds if isinstance(value, types)), "a value of another kind")
    return f"the text is {kind}"


_REMEDIES = {
    "the text is empty": "drop such rows",
    "the text holds a NUL byte": "the file is damaged, or is not text",
}


def to_rows(source: str, texts: Sequence[object], labels: Sequence[object], place: Place) -> Rows:
    """Check the values of two columns. Bytes in UTF-8 count as text.

    Raises:
        DataError: names the source, the place of the first bad row, the number of bad rows, and the remedy.
    """
    if not len(texts):
        raise DataError(f"{source} holds no rows; give a file with a text and a label in each row")
    parsed = [parse_label(value) for value in labels]
    unknown = [index for index, label in enumerate(parsed) if label is None]
    if unknown:
        first = unknown[0]
        given = _decoded(labels[first])
        what = "the label is missing" if _is_missing(given) else f"unknown label {str(given)[:60]!r}"
        raise DataError(
            f"{source}: {place(first)}: {what} ({len(unknown):,} of {len(texts):,} rows have no known label); "
            f"labels are {_LABELS_WANTED}"
        )
    decoded = [_decoded(value) for value in texts]
    troubles = [(index, trouble) for index, text in enumerate(decoded) if (trouble := _trouble(text))]
    if troubles:
        first, trouble = troubles[0]
        alike = sum(other == trouble for _, other in troubles)
        remedy = _REMEDIES.get(trouble, "write the column as text in UTF-8")
        raise DataError(f"{source}: {place(first)}: {trouble} ({alike:,} of {len(texts):,} rows); {remedy}")
    return Rows([str(text) for text in decoded], np.array(parsed, dtype=np.int64))


_COMMAS_WANTED = "write it as .csv with commas, and with quotes around each text that holds commas"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def _separator(line: str, wanted: tuple[str, str]) -> str | None:
    """Return the separator, in words, of a file whose header has no commas; None for a CSV."""

    def fields(mark: str) -> list[str]:
        return [field.strip() for field in next(csv.reader([line], delimiter=mark), [])]

    plain = fields(",")
    if not set(wanted) <= set(plain):
        for mark, name in _SEPARATORS.items():
            found = fields(mark)
            if set(wanted) <= set(found) or (len(plain) == 1 and len(found) > 1):
                return name
    return None


def _columns(source: str, found: Sequence[str], wanted: tuple[str, str]) -> tuple[int, int]:
    twice = [name for name in wanted if found.count(name) > 1]
    if twice:
        raise DataError(f"{source} has more than one column {twice[0]!r}; give each column its own name")
    missing = [name for name in wanted if name not in found]
    if missing:
        have = ", ".join(repr(name[:40]) for name in found[:8]) or "none"
        raise DataError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}; its columns are {have}. Name them "
            "in the header, or set TEXT_COLUMN and LABEL_COLUMN"
        )
    return found.index(wanted[0]), found.index(wanted[1])


def open_source(source: str) -> io.BufferedReader:
    """Open a file, local or in a store."""
    raw: Any = io.BytesIO(read_bytes(source)) if is_remote(source) else Path(source).expanduser().open("rb", 0)
    return io.BufferedReader(raw)


@contextmanager
def _open_csv(source: str) -> Iterator[io.TextIOWrapper]:
    with open_source(source) as stream:
        is_gzip, name = stream.peek(2).startswith(_GZIP_MAGIC), source.rsplit("/", 1)[-1]
        if is_gzip and not name.lower().endswith(".gz"):
            raise DataError(f"{source} is gzip; rename it to {name}.gz")
        if not is_gzip and name.lower().endswith(".gz"):
            raise DataError(f"{source} is not gzip, despite its name; rename it to {name[:-3]}")
        binary: Any = gzip.GzipFile(fileobj=stream) if is_gzip else stream
        with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            yield text


def _records(source: str, reader: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    line = reader.line_num + 1
    for record in reader:
        if record and len(record) != width:
            raise DataError(
                f"{source}: line {line}: {len(record)} fields where the header names {width}; put quotes around a text "
                "with commas"
            )
        if record:
            yield line, record
        line = reader.line_num + 1


def read_csv(source: str, columns: tuple[str, str] = ("text", "label")) -> Rows:
    """Read a `.csv` or `.csv.gz` in UTF-8 with a header by Python's csv module: quoted texts may hold commas, doubled
    quotes and line breaks of every kind.

    Raises:
        DataError: the file is not a CSV, or its rows are unusable.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    texts: list[str] = []
    labels: list[str] = []
    lines: list[int] = []
    reader: Any = None
    try:
        with _open_csv(source) as stream:
            first = stream.readline()
            if separator := _separator(first, columns):
                raise DataError(f"{source} has {separator} between its columns; {_COMMAS_WANTED}")
            reader = csv.reader(chain([first], stream), strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not header:
                raise DataError(f"{source} is empty; give a CSV with the header {','.join(columns)}")
            text_at, label_at = _columns(source, header, columns)
            for line, record in _records(source, reader, len(header)):
                texts.append(record[text_at])
                labels.append(record[label_at])
                lines.append(line)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{source} is a broken gzip file ({error}); copy it again") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{source} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        line = reader.line_num if reader is not None else 1
        raise DataError(
            f"{source}: line {line}: {error}; double the quotes inside a quoted text, and close each quote"
        ) from None
    return to_rows(source, texts, labels, lambda index: f"line {lines[index]}")


def read_parquet(source: str, columns: tuple[str, str] = ("text", "label")) -> Rows:
    """Read a Parquet file.

    Raises:
        DataError: the file is not Parquet, or its rows are unusable.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with open_source(source) as stream:
            file = parquet.ParquetFile(stream)
            _columns(source, file.schema_arrow.names, columns)
            table = file.read(list(columns))
    except pa.ArrowException as error:
        raise DataError(f"{source} is not a whole Parquet file ({first_line(error)}); write it again") from None
    texts, labels = (table.column(name).to_pylist() for name in columns)
    return to_rows(source, texts, labels, lambda index: f"row {index + 1}")


def read_labelled(source: str, columns: tuple[str, str] = ("text", "label")) -> Rows:
    """Read a file by its suffix: `.csv`, `.csv.gz` or `.parquet`; its rows may all be of one class.

    Args:
        source: a path, or an address like `s3://bucket/path`.
        columns: the names of the text and the label column.

    Raises:
        DataError: names the source and the remedy.
    """
    name = source.lower()
    if not is_remote(source) and not Path(source).expanduser().exists():
        raise DataError(f"{source} does not exist; {_SOURCES_WANTED}")
    try:
        if name.endswith((".csv", ".csv.gz")):
            return read_csv(source, columns)
        if name.endswith((".parquet", ".pq")):
            return read_parquet(source, columns)
    except OSError as error:
        raise DataError(f"{source} cannot be read ({error.strerror or error})") from None
    if name.removesuffix(".gz").endswith((".tsv", ".tab")):
        raise DataError(f"{source} has tabs between its columns; {_COMMAS_WANTED}")
    raise DataError(f"{source}: unknown kind of file; {_SOURCES_WANTED}")


def read_rows(source: str, split: str, columns: tuple[str, str] = ("text", "label")) -> Rows:
    """Read a file (as `read_labelled`) or `hub:NAME`, with rows of both classes.

    Args:
        split: part of a hub dataset (`train`, `test`); ignored for a file.
        columns: the names of the text and the label column.

    Raises:
        DataError: names the source and the remedy.
    """
    if source.startswith(HUB_PREFIX):
        from training_job.data.hub import read_dataset

        names, values = read_dataset(source.removeprefix(HUB_PREFIX), split)
        text_at, label_at = _columns(source, names, columns)
        place: Place = lambda index: f"row {index + 1} of {split!r}"  # noqa: E731
        rows = to_rows(source, values(text_at), values(label_at), place)
    else:
        rows = read_labelled(source, columns)
    need_both_classes(rows, source)
    return rows
