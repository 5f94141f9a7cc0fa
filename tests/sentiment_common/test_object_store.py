"""Stores are opened with limits: a server that says nothing does not hold a program up."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drift_cronjob.errors import DriftError
from drift_cronjob.report.write import write_file
from sentiment_common import object_store
from sentiment_common.object_store import Patience, open_store


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 endpoint that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield endpoint
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for connection in taken:
            connection.close()


def test_a_folder_and_a_bucket(tmp_path: Path, store_uri: str) -> None:
    filesystem, path = open_store(f"{store_uri}/a")
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(path, b"content")
    assert open_store(f"{store_uri}/a")[0].cat_file(path) == b"content"


def test_a_bucket_that_says_nothing_is_given_up(silent: str) -> None:
    filesystem, path = open_store("s3://bucket/key", Patience(connect=1, read=0.2, tries=1))
    with pytest.raises(Exception, match=r"(?i)timeout|timed out"):
        filesystem.cat_file(path)


def test_a_report_that_no_store_takes_ends(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload once waited for ever: for the server's `100 Continue`, which no time-out bounds."""
    monkeypatch.setattr(object_store.open_store, "__defaults__", (Patience(connect=1, read=0.2, tries=1),))
    with pytest.raises(DriftError, match=r"cannot be written to s3://bucket/reports"):
        write_file("s3://bucket/reports", "drift.html", b"<html>")


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(ValueError, match="Protocol not known"):
        open_store("gopher://x/y")
