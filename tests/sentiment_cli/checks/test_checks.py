"""Doctor's checks against real faults."""

import http.server
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from sentiment_cli.checks import check, machine, server, services
from sentiment_cli.checks.check import State
from sentiment_cli.health.snapshot import ServerView, view_server


def test_what_a_check_raises_is_its_finding():
    def broken():
        raise OSError("the disk is on fire\nand more")

    found = check.run_probe("disk", broken)
    assert (found.state, found.found) == (State.FAIL, "OSError: the disk is on fire")


def test_a_missing_package_skips_a_check():
    def needs():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    assert check.run_probe("torch", needs).state is State.SKIP


def test_a_check_that_hangs_ends_in_time_and_the_next_is_made():
    release = threading.Event()

    def hangs():
        release.wait(250)
        return check.ok("slow", "at last")

    first, second = check.run_all([("slow", hangs), ("quick", lambda: check.ok("quick", "well"))], limit=0.2)
    assert not release.is_set()  # it still hangs
    release.set()
    assert first.state is State.FAIL
    assert "no answer within" in first.found
    assert second.state is State.OK


@pytest.mark.parametrize(
    ("running", "state"), [((3, 11, 0), "ok"), ((3, 13, 5), "ok"), ((3, 10, 9), "fail"), ((3, 14, 0), "fail")]
)
def test_python(running, state):
    assert machine.check_python(running).state == state


def test_this_environment_has_whole_extras():
    groups = machine.extras()
    assert any(line.startswith("typer") for line in groups[""])
    assert any(line.startswith("kserve") for line in groups["serve"])
    assert machine.check_packages().state is State.OK


def test_a_wrong_version_and_a_missing_package_are_named():
    good, wrong = machine.problems(["numpy>=1", "typer==0.0.1", "surely-not-there>=1"])
    assert good == 1
    assert wrong[0].startswith("typer is ")
    assert wrong[1] == "surely-not-there is missing"


def test_the_processor_memory_and_disk_are_reported(tmp_path):
    for found in (machine.check_openvino(), machine.check_memory(), machine.check_disk(tmp_path / "not" / "there")):
        assert found.state in {State.OK, State.WARN}
        assert found.found


def test_a_full_disk_and_little_memory_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    assert machine.check_disk(tmp_path).state is State.FAIL
    monkeypatch.setattr(machine, "available_memory", lambda: 2 * machine.GIB)
    assert machine.check_memory().state is State.WARN
    monkeypatch.setattr(machine, "available_memory", lambda: machine.GIB // 2)
    assert machine.check_memory().state is State.FAIL


def test_a_place_that_cannot_be_written():
    assert machine.check_writable(machine.Path("/proc/nowhere")).state is State.FAIL


def test_a_store_without_releases_and_one_without_champion(tmp_path, tiny_release):
    empty = services.check_releases(str(tmp_path), "sentiment")
    assert empty.state is State.WARN
    assert "sentiment train" in empty.remedy
    uri, release_id = tiny_release
    shutil.copytree(f"{uri}/sentiment/releases", tmp_path / "sentiment" / "releases")
    unpromoted = services.check_releases(str(tmp_path), "sentiment")
    assert unpromoted.state is State.WARN
    assert unpromoted.remedy == f"sentiment promote {release_id}"


def test_an_unreachable_store_is_reported_with_its_variable():
    found = services.check_releases("ftp-but-not-really://host/path", "sentiment")
    assert found.state is State.FAIL
    assert "RELEASES_URI" in found.found + found.remedy


def test_a_whole_release_verifies_and_one_with_a_changed_byte_does_not(tmp_path, tiny_release):
    uri, release_id = tiny_release
    assert services.check_champion_files(uri, "sentiment").state is State.OK
    shutil.copytree(uri, tmp_path / "store")
    tokenizer = tmp_path / "store" / "sentiment" / "releases" / release_id / "serving" / "tokenizer.json"
    raw = bytearray(tokenizer.read_bytes())
    raw[100] ^= 1
    tokenizer.write_bytes(raw)
    found = services.check_champion_files(str(tmp_path / "store"), "sentiment")
    assert found.state is State.FAIL
    assert "tokenizer.json" in found.found
    assert "sentiment rollback" in found.remedy


def test_a_champion_that_is_gone(tmp_path, tiny_release):
    uri, release_id = tiny_release
    shutil.copytree(uri, tmp_path / "store")
    (tmp_path / "store" / "sentiment" / "releases" / release_id / "manifest.json").unlink()
    found = services.check_releases(str(tmp_path / "store"), "sentiment")
    assert found.state in {State.WARN, State.FAIL}
    assert services.check_champion_files(str(tmp_path / "store"), "sentiment").state is State.FAIL


def test_mlflow_files(tmp_path):
    absent = services.check_mlflow(f"sqlite:///{tmp_path}/mlflow.db")
    assert absent.state is State.OK
    assert not (tmp_path / "mlflow.db").exists()
    (tmp_path / "text.db").write_text("this is no database, however long the text in it may be " * 20)
    assert services.check_mlflow(f"sqlite:///{tmp_path}/text.db").state is State.FAIL
    with sqlite3.connect(tmp_path / "real.db") as database:
        database.execute("CREATE TABLE runs (id TEXT)")
        database.execute("INSERT INTO runs VALUES ('a')")
    assert services.check_mlflow(f"sqlite:///{tmp_path}/real.db").found.startswith("1 runs")


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another program's web server: 403 to one path, a page to all others."""

    def do_GET(self):
        self.send_response(403 if self.path == "/forbidden/health" else 200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_address[1]}"
        web.shutdown()


def test_mlflow_over_http(stranger):
    assert services.check_mlflow(stranger).state is State.OK
    forbidden = services.check_mlflow(f"{stranger}/forbidden")
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in forbidden.remedy
    away = services.check_mlflow("http://ana:s3cret@127.0.0.1:9")
    assert away.state is State.FAIL and away.found.startswith("http://…@127.0.0.1:9: ") and "s3cret" not in away.found


def test_a_port_that_another_program_uses(stranger):
    view = view_server(stranger)
    assert "not this server" in str(view.problem)
    found = server.check_http_port(view)
    assert found.state is State.FAIL
    assert "--http-port" in found.remedy
    target = stranger.removeprefix("http://")
    assert server.check_grpc_port(target, view).state is State.FAIL


def test_no_server_leaves_ports_free_and_is_a_warning():
    from sentiment_cli.demo.processes import free_ports

    rest, grpc = free_ports(2)
    view = view_server(f"http://127.0.0.1:{rest}")
    assert server.check_http_port(view).state is State.OK
    assert server.check_grpc_port(f"127.0.0.1:{grpc}", view).state is State.OK
    down = server.check_server(view, lambda: None)
    assert (down.state, down.remedy) == (State.WARN, "sentiment serve")


def test_a_server_with_another_release_than_the_champion():
    view = ServerView("http://x", phase="ready", release_id="aaaa")
    assert server.check_server(view, lambda: "aaaa").state is State.OK
    assert server.check_server(view, lambda: "bbbb").state is State.WARN
    assert server.check_server(ServerView("http://x", phase="loading"), lambda: "bbbb").state is State.FAIL


def test_rows_that_wait_in_the_journal(tmp_path):
    down = ServerView("http://x", problem="down")
    assert server.check_spill(down, tmp_path / "none").state is State.OK
    (tmp_path / "journal.jsonl").write_text("{}\n")
    assert server.check_spill(down, tmp_path).state is State.WARN
    for figures, state in (((3, 0), State.WARN), ((0, 2), State.FAIL), ((0, 0), State.OK)):
        log = dict(zip(("journal_rows", "lost"), figures, strict=True))
        view = ServerView("http://x", phase="ready", log=log)
        assert server.check_spill(view, tmp_path).state is state


def test_a_database_that_is_missing_unreachable_or_not_migrated(tmp_path):
    absent = services.check_database(f"sqlite:///{tmp_path}/none.db")
    assert absent.state is State.WARN
    assert not (tmp_path / "none.db").exists()
    bad = services.check_database("mysql://host/log")
    assert (bad.state, "postgresql://" in bad.found) == (State.FAIL, True)
    down = services.check_database("postgresql://me:secret@127.0.0.1:9/log")
    assert down.state is State.FAIL
    assert "secret" not in down.found
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE other (id TEXT)").connection.close()
    empty = services.check_database(f"sqlite:///{tmp_path}/empty.db")
    assert empty.state is State.FAIL
    assert empty.remedy == "python -m prediction_log upgrade"


def test_a_migrated_database_is_at_its_head_and_an_older_one_is_not(tmp_path):
    from prediction_log import upgrade

    url = f"sqlite:///{tmp_path}/log.db"
    upgrade(url)
    assert services.check_database(url).state is State.OK
    with sqlite3.connect(tmp_path / "log.db") as database:
        database.execute("UPDATE prediction_log_version SET version_num = '0000'")
    old = services.check_database(url)
    assert old.state is State.FAIL
    assert "0000" in old.found


def test_drift_that_was_never_checked_checked_long_ago_and_found(tmp_path):
    from prediction_log import DriftReportRow, save_report, upgrade

    url = f"sqlite:///{tmp_path}/log.db"
    assert server.check_drift_age(url).state is State.SKIP
    upgrade(url)
    assert server.check_drift_age(url).state is State.WARN
    now = datetime.now(UTC)

    def save(hours: float, verdict: str) -> None:
        at = now - timedelta(hours=hours)
        save_report(url, DriftReportRow(at, at, at, "release", verdict, "because", 100))

    save(48, "stable")
    assert "48.0 h ago" in server.check_drift_age(url).found
    assert server.check_drift_age(url).state is State.WARN
    save(1, "stable")
    assert server.check_drift_age(url).state is State.OK
    save(0.5, "drift")
    assert server.check_drift_age(url).state is State.WARN
    assert server.check_drift_age(url, {"release"}).state is State.WARN
    assert server.check_drift_age(url, {"of another model"}).found == "never run"


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@127.0.0.1:1/x", "postgres://127.0.0.1:1/x?password=hunter2"])
def test_passwords_stay_out_of_sight(url):
    check = services.check_database(url)
    assert check.state is State.FAIL
    assert "127.0.0.1:1" in check.found
    assert "hunter2" not in f"{check}"
