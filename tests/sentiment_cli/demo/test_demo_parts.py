"""The demo's parts apart from the programs that it runs."""

import csv
import io
import json
import os
import shlex
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sentiment_cli.client.transports import TRANSPORTS
from sentiment_cli.client.wire import Answer
from sentiment_cli.demo import data, memory, processes, record, stages, traffic
from sentiment_cli.demo.account import next_commands, show_account
from sentiment_cli.demo.command import MARK, clean_folder
from sentiment_cli.demo.settings import DemoSettings
from sentiment_cli.errors import CliError, ServerAnswer


def table(count: int, positives: float = 0.5) -> data.Table:
    labels = tuple(int(row < count * positives) for row in range(count))  # sorted by label, as many files are
    return data.Table(tuple(f"review number {row}" for row in range(count)), labels)


@settings(max_examples=40)
@given(st.integers(500, 900), st.floats(0.2, 0.8), st.integers(0, 5))
def test_a_split_uses_no_row_twice_and_keeps_the_classes_proportion(count, positives, seed):
    rows = table(count, positives)
    parts = data.split_one(rows, like_rows=400, test_rows=2000, seed=seed)
    assert parts.train is not None
    pieces = [parts.train, parts.test, parts.like]
    texts = [text for piece in pieces for text in piece.texts]
    assert len(texts) == len(set(texts)) == count
    share = sum(rows.labels) / count
    for piece in pieces:
        assert sum(piece.labels) / len(piece) == pytest.approx(share, abs=2 / len(piece))
    assert data.split_one(rows, like_rows=400, test_rows=2000, seed=seed) == parts


def test_a_test_file_is_split_into_rows_to_measure_and_to_send():
    parts = data.split_test(table(1000), like_rows=300, test_rows=500, seed=1)
    assert parts.train is None
    assert (len(parts.test), len(parts.like)) == (500, 300)
    assert not set(parts.test.texts) & set(parts.like.texts)


def test_copies_that_differ_in_layout_only_count_once():
    rows = data.Table(("a  film", "a film", "another"), (1, 0, 1))
    assert data.distinct(rows) == data.Table(("a  film", "another"), (1, 1))


@pytest.mark.parametrize("split", [data.split_one, data.split_test])
def test_too_few_rows_are_refused_with_figures(split):
    with pytest.raises(data.TooFewRows, match="120 different rows are too few"):
        split(table(120), like_rows=300, test_rows=300, seed=0)


def test_rows_are_written_as_training_reads_them(tmp_path):
    path = data.write_csv(data.Table(('with "quotes",\nand a line', "plain"), (0, 1)), tmp_path / "deep" / "rows.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"text": 'with "quotes",\nand a line', "label": "negative"},
        {"text": "plain", "label": "positive"},
    ]


@settings(max_examples=40)
@given(st.integers(0, 200))
def test_every_text_is_requested_once_and_in_order(count):
    texts = [str(number) for number in range(count)]
    requests = traffic.plan_requests(texts)
    assert [text for request in requests for text in request.texts] == texts
    assert all(len(request.texts) == 1 for request in requests if request.transport == "predict")
    if count > 20:
        assert {request.transport for request in requests} == set(TRANSPORTS)


class Echo:
    """A client that refuses texts with `bad` in them."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift, self.closed, self.threads = shift, False, set()

    def predict(self, texts):
        self.threads.add(threading.get_ident())
        if any("bad" in text for text in texts):
            raise ServerAnswer("POST answered 503: draining", 503)
        return [Answer("positive", 0.9, 0.9 + self.shift) for _ in texts]

    def close(self):
        self.closed = True


def test_requests_go_by_a_connection_of_each_thread_and_refusals_are_counted():
    opened = []

    def connect(transport):
        opened.append(Echo())
        return opened[-1]

    texts = [f"text {number}" for number in range(60)] + ["bad"]
    sent = traffic.send_all(traffic.plan_requests(texts), connect, threads=3)
    assert sum(len(one.request.texts) for one in sent) == 61
    assert traffic.failures(sent) == ["POST answered 503: draining"]
    assert all(client.closed and len(client.threads) == 1 for client in opened)
    counted = traffic.by_transport(sent)
    assert {each.transport for each in counted} == set(TRANSPORTS)
    assert sum(each.failed for each in counted) == 1
    assert all(0 <= each.p50_ms <= each.p95_ms for each in counted)


def test_a_transport_that_answers_otherwise_is_seen():
    shifts = {"grpc": 0.05}
    found = traffic.compare_transports(["a", "b"], lambda transport: Echo(shifts.get(transport, 0.0)))
    assert found.largest_difference == pytest.approx(0.05)
    assert found.by_transport["rest-binary"] == 0
    assert found.labels_agree


def test_a_programs_failure_is_reported_by_its_last_line(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(processes.ProgramFailed, match=r"exit code 1:\n(.*\n)*.*No module named not_there"):
        processes.run_program(["not_there"], os.environ, log, expected=(0,))
    assert "not_there" in log.read_text()


def test_a_programs_lines_are_shown_as_they_come(tmp_path):
    lines = []
    done = processes.run_program(["platform"], os.environ, tmp_path / "log", on_line=lines.append)
    assert done.code == 0
    assert lines == [done.output.strip()]


def test_last_words_leave_out_colours_and_progress_that_was_overwritten():
    text = "\x1b[1mepoch 1\x1b[0m\n\nstep 1\rstep 2\n"
    assert processes.last_words(text) == "epoch 1\nstep 1\nstep 2"
    assert processes.last_words(text, 1) == "step 2"


def test_a_server_that_ends_at_once_is_reported_with_its_output(tmp_path):
    server = processes.ServerProcess(
        dict(os.environ) | {"RELEASES_URI": str(tmp_path / "none")}, tmp_path / "log", *processes.free_ports(2)
    )
    with pytest.raises(processes.ProgramFailed, match=r"exit code 2 before it was ready:\n(.*\n)*.*no release of"):
        server.wait_ready()


def test_memory_of_children_counts():
    import subprocess

    import psutil

    alone = memory.tree_mib(psutil.Process())
    code = "x = bytearray(80_000_000); print(len(x), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        with memory.MemoryWatch(0.01) as watch:
            while watch.peak_mib == 0:
                pass
        assert watch.peak_mib > alone + 70
        assert watch.take_stage_peak() == pytest.approx(watch.peak_mib)
        assert watch.take_stage_peak() == 0
    finally:
        child.communicate(b"\n")


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(CliError, match="no demo created it"):
        clean_folder(tmp_path, keep=False)
    assert (tmp_path / "thesis.txt").exists()


def test_a_demos_folder_is_emptied_and_keep_leaves_its_releases(tmp_path):
    folder = tmp_path / "demo"
    clean_folder(folder, keep=False)
    for name in ("releases", "logs", "cache"):
        (folder / name).mkdir()
    (folder / "predictions.db").touch()
    clean_folder(folder, keep=True)
    assert {path.name for path in folder.iterdir()} == {"releases", "cache", MARK}
    clean_folder(folder, keep=False)
    assert {path.name for path in folder.iterdir()} == {MARK}


def test_test_data_without_train_data_is_refused(monkeypatch):
    monkeypatch.delenv("TRAIN_DATA", raising=False)
    monkeypatch.setenv("TEST_DATA", "x.csv")
    with pytest.raises(ValueError, match="TEST_DATA is given without TRAIN_DATA"):
        DemoSettings()


def test_blank_variables_are_as_good_as_none(monkeypatch):
    for name in ("TRAIN_DATA", "TEST_DATA", "DEMO_MODE", "EPOCHS"):
        monkeypatch.setenv(name, "")
    assert DemoSettings().own_reviews


def test_a_failed_stage_is_reported_and_the_rest_stays_unreached():
    console = Console(file=io.StringIO(), width=120)
    account = record.DemoRecord("now", stages.new_stages())
    with memory.MemoryWatch() as watch:
        runner = stages.Stages(account, console, watch)
        with runner.stage("data") as stage:
            stage.describe("all well")
        with pytest.raises(stages.StageFailed, match=r"stage `train`.*disk"), runner.stage("train") as stage:
            stage.log(data.Path("logs/train.log"))
            raise CliError("no space on the disk")
    account.error = "stage `train` failed"
    outcomes = Counter(stage.outcome for stage in account.stages)
    assert outcomes == {"done": 1, "failed": 1, "not reached": len(account.stages) - 2}
    show_account(account, data.Path("var/demo"), console)
    text = console.file.getvalue()
    assert "The demo failed." in text
    assert "Logs: logs/train.log" in text


def test_a_bug_is_not_put_in_a_users_words():
    account = record.DemoRecord("now", stages.new_stages())
    with memory.MemoryWatch() as watch:
        runner = stages.Stages(account, Console(file=io.StringIO()), watch)
        with pytest.raises(ZeroDivisionError), runner.stage("data"):
            _ = 1 / 0
    assert account.stages[0].outcome == "failed"


def test_the_summary_is_the_record(tmp_path):
    account = record.DemoRecord("now", stages.new_stages(), outcome="ok")
    account.drift.append(record.DriftRecord("like", "stable", "stable", "no difference", 300, "report.html", 1.0))
    account.write(tmp_path / "summary.json")
    read = json.loads((tmp_path / "summary.json").read_text())
    assert read["drift"][0]["verdict"] == "stable"
    assert [stage["name"] for stage in read["stages"]] == list(stages.TITLES)
    assert any("report.html" in line for line in next_commands(account, tmp_path))


def test_what_to_type_next_is_quoted_for_the_shell(tmp_path):
    account = record.DemoRecord("now", stages.new_stages(), outcome="ok")
    account.drift.append(record.DriftRecord("like", "stable", "stable", "", 300, "/my prüf dir/report.html", 1.0))
    typed = [shlex.split(line) for line in next_commands(account, tmp_path / "my demo")]
    assert typed[0][1] == f"RELEASES_URI={tmp_path}/my demo/releases"
    assert typed[-1][1:] == ["/my prüf dir/report.html"]
