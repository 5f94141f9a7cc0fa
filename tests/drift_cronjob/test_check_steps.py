"""A failure after the verdict does not lose it: the step becomes a line, and the other steps are done."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from kit import kube_config
from kit.drift_systems import FOREIGN, LIKE, System
from kit.kube_api import KubeApi
from kit.own_postgres import postgres
from kit.postgres import Postgres

from drift_cronjob.check import check
from drift_cronjob.cli import app
from drift_cronjob.outcome import INCOMPLETE
from prediction_log import add_feedback, latest_reports, upgrade
from sentiment_common.console import run

__all__ = ["postgres"]

JOBS = "/apis/batch/v1/namespaces/ns/jobs"
CRON_JOBS = "/apis/batch/v1/namespaces/ns/cronjobs"


def taken(system: System) -> str:
    """A folder for reports that cannot be created, because a file has its name."""
    (system.folder / "taken").write_text("a file")
    return str(system.folder / "taken")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    """A cluster with the CronJob `training` in the namespace `ns`."""
    labels = {"app.kubernetes.io/component": "training"}
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "training"},
        "spec": {
            "schedule": "@daily",
            "jobTemplate": {"metadata": {"labels": labels}, "spec": {"template": {"spec": {"containers": []}}}},
        },
    }
    with KubeApi() as api:
        kube_config.use(monkeypatch, kube_config.write(tmp_path / "kubeconfig", api.url))
        api.put(CRON_JOBS, cron_job)
        api.objects.setdefault(JOBS, {})
        yield api


def test_a_report_that_cannot_be_written_is_a_problem(system: System, cluster: KubeApi) -> None:
    """The training still starts: it depends on the verdict, not on the report."""
    system.log(FOREIGN)
    decided: list[str] = []
    settings = system.settings(report_dir=taken(system), retrain_cronjob="training", kube_namespace="ns")
    outcome = check(settings, on_decision=lambda decision: decided.append(decision.verdict.value))
    assert decided == ["drift"]
    assert (outcome.exit_code, outcome.report_path, outcome.incomplete) == (20, None, False)
    assert any(problem.startswith("the report cannot be written to") for problem in outcome.problems)
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.report_uri) == ("drift", None)
    (job,) = cluster.objects[JOBS].values()
    assert outcome.actions == [f"started the training {job['metadata']['name']}"]


def test_a_callback_that_fails_costs_no_step(system: System) -> None:
    system.log(FOREIGN)

    def fail(_: object) -> None:
        raise OSError("the terminal is gone")

    outcome = check(system.settings(report_dir=str(system.folder / "reports")), on_step=fail, on_decision=fail)
    assert (outcome.exit_code, outcome.problems) == (20, [])
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.report_uri) == ("drift", outcome.report_path)


def test_a_closed_standard_error_costs_no_result(system: System) -> None:
    system.log(FOREIGN)
    addresses = {"DATABASE_URL": system.url, "RELEASES_URI": system.release[0]}
    folders = {"DRIFT_REPORT_DIR": "none", "DRIFT_CACHE_DIR": str(system.folder / "cache")}
    unread, closed = os.pipe()
    os.close(unread)
    command = [sys.executable, "-m", "drift_cronjob", "check", "--json"]
    process = subprocess.run(
        command, env=os.environ | addresses | folders, stdout=subprocess.PIPE, stderr=closed, check=False
    )
    os.close(closed)
    assert (process.returncode, json.loads(process.stdout)["verdict"]) == (20, "drift")
    assert [row.verdict for row in latest_reports(system.url, 5)] == ["drift"]


def test_an_unreachable_report_store_is_a_problem(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{kube_config.closed_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system.log(LIKE)
    outcome = check(system.settings(report_dir="s3://gone/reports"))
    assert (outcome.exit_code, outcome.incomplete) == (outcome.verdict.exit_code, False)
    assert [problem.partition(" s3://")[0] for problem in outcome.problems] == [
        "old files in",
        "the report cannot be written to",
    ]
    assert [row.verdict for row in latest_reports(system.url, 5)] == [outcome.verdict.value]


def test_evidently_draws_rows_without_descriptors(system: System) -> None:
    """LOG_TEXT=hash keeps descriptors, but rows of other writers may lack them."""
    system.log(LIKE, text=None, text_hash=None, descriptors=None)
    outcome = system.check(report=True, evidently=True)
    assert (outcome.exit_code, outcome.problems) == (outcome.verdict.exit_code, [])
    (beside,) = Path(str(outcome.report_path)).parent.glob("*-evidently.html")
    text = beside.read_text("utf-8")
    assert "Margin" in text and "Words" not in text


def test_a_failure_of_evidently_costs_only_its_page(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evidently", None)  # as where it is not installed
    system.log(LIKE)
    outcome = system.check(report=True, evidently=True)
    assert (outcome.exit_code, outcome.incomplete) == (outcome.verdict.exit_code, False)
    assert [problem.partition(" (")[0] for problem in outcome.problems] == ["Evidently's page cannot be drawn"]
    (row,) = latest_reports(system.url, 5)
    assert row.report_uri == outcome.report_path is not None
    assert "evidently.html" not in Path(str(outcome.report_path)).read_text("utf-8")


def test_a_report_that_cannot_be_drawn_is_a_problem_with_a_remedy(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room for the picture")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    system.log(LIKE)
    outcome = system.check(report=True)
    assert (outcome.exit_code, outcome.incomplete) == (outcome.verdict.exit_code, False)
    (problem,) = outcome.problems
    assert problem.startswith("the report cannot be drawn (MemoryError: no room")
    assert problem.endswith("turn reports off with --report-dir none")


def test_broken_libraries_of_the_report_are_a_problem(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "drift_cronjob.report.write", None)  # as where matplotlib or jinja2 is broken
    system.log(LIKE)
    outcome = system.check(report=True)
    assert (outcome.exit_code, outcome.incomplete) == (outcome.verdict.exit_code, False)
    assert outcome.row_id is not None and outcome.report_path is None
    (problem,) = outcome.problems
    assert problem.startswith("drawing the report failed (ModuleNotFoundError")
    system.check()  # without a report they are not loaded


def test_a_read_only_log_still_gives_a_verdict(
    system: System, postgres: Postgres, cluster: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real Postgres role that may only read, as drift checks often have."""
    owner = postgres.new_database()
    upgrade(owner)
    system.url = owner
    logged = system.log(FOREIGN)
    add_feedback(owner, *logged[0], None)
    name = "reader"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'only-reads'", owner)
    postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}", owner)
    url = f"postgresql://{name}:{quote('only-reads')}@{owner.partition('@')[2]}"
    drift = {"retrain_cronjob": "training", "kube_namespace": "ns", "database_url": url}
    outcome = system.check(report=True, **drift)
    assert (outcome.exit_code, outcome.row_id, outcome.incomplete) == (20, None, True)
    assert outcome.report_path is not None and Path(outcome.report_path).exists()
    (problem,) = outcome.problems
    assert "permission denied for table drift_reports" in problem and "only-reads" not in problem
    assert len(cluster.objects[JOBS]) == 1
    assert latest_reports(owner, 5) == []
    stable = system.check(database_url=url, release=system.release[1], hours=0.0001)
    assert stable.exit_code == 30  # the verdict's exit code takes precedence over 3


def test_a_stable_verdict_that_is_not_recorded_ends_with_3(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in a Job (--exit-zero), so that its failure is visible."""
    system.log(LIKE)
    readable = f"sqlite:///{system.folder}/predictions.db"
    monkeypatch.setenv("DATABASE_READ_URL", readable)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody:secret@127.0.0.1:{kube_config.closed_port()}/log")
    monkeypatch.setenv("RELEASES_URI", system.release[0])
    monkeypatch.setenv("DRIFT_REPORT_DIR", "none")
    monkeypatch.setenv("DRIFT_CACHE_DIR", str(system.folder / "cache"))
    for words in ([], ["--exit-zero"]):
        with pytest.raises(SystemExit) as end:
            run(lambda words=words: app(["check", *words]))  # type: ignore[misc]
        assert end.value.code == INCOMPLETE == 3
        printed = capsys.readouterr()
        first, *rest = printed.err.splitlines()
        assert first == "verdict: stable" and "stable" in printed.out
        assert "".join(rest).startswith("not done: the database postgresql://nobody:***@")


def test_a_training_that_cannot_start_stops_no_other_step(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube_config.use(
        monkeypatch, kube_config.write(tmp_path / "config", f"http://127.0.0.1:{kube_config.closed_port()}")
    )
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "drift-20200101T000000000Z-0123abcd.html").write_text("old")
    logged = system.log(FOREIGN)
    add_feedback(system.url, logged[0][0], "positive", None)
    changes = {"feedback_export": True, "retrain_cronjob": "training", "kube_namespace": "ns"}
    outcome = check(system.settings(report_dir=str(reports), **changes))
    assert [action.partition(" labelled")[0] for action in outcome.actions] == [
        "exported 1",
        "removed 1 old reports and feedback files",
    ]
    assert [problem.partition(" from")[0] for problem in outcome.problems] == ["no training was started"]
    assert (outcome.exit_code, outcome.incomplete) == (20, True)
    (row,) = latest_reports(system.url, 5)
    assert (row.verdict, row.report_uri) == ("drift", outcome.report_path)
