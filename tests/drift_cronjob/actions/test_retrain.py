"""A drift verdict starts a training, unless one runs or the cool-down applies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import kube_config

from drift_cronjob.actions.retrain import Training, _job, reason_against, retrain
from drift_cronjob.errors import DriftError

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def training(hours_ago: float, *, ended: bool = True, by_drift: bool = True) -> Training:
    return Training("t", NOW - timedelta(hours=hours_ago), ended, by_drift)


@pytest.mark.parametrize(
    ("known", "against"),
    [
        ([], None),
        ([training(25)], None),
        ([training(23)], "was started by drift"),
        ([training(23, by_drift=False)], None),
        ([training(100, ended=False)], "is running"),
        ([training(1, ended=False, by_drift=False)], "is running"),
        ([training(50), training(1)], "the next may start at 2026-11-02 11:00"),
    ],
)
def test_one_training_at_a_time_and_one_per_cooldown(known: list[Training], against: str | None) -> None:
    found = reason_against(known, NOW, DAY)
    assert found is None if against is None else against in (found or "")


@given(st.lists(st.builds(training, st.floats(0, 100), ended=st.booleans(), by_drift=st.booleans()), max_size=6))
def test_the_order_of_jobs_does_not_matter(known: list[Training]) -> None:
    assert (reason_against(known, NOW, DAY) is None) == (reason_against(known[::-1], NOW, DAY) is None)


def test_the_job_comes_from_the_cron_job_with_a_label_of_its_trigger() -> None:
    template = {"metadata": {"labels": {"app.kubernetes.io/component": "training"}}, "spec": {"backoffLimit": 3}}
    cron_job = {"metadata": {"name": "sentiment-training", "uid": "u"}, "spec": {"jobTemplate": template}}
    made = _job(cron_job, NOW, DAY)
    assert made["metadata"]["name"] == "sentiment-retrain-1101120000" and made["spec"] == {"backoffLimit": 3}
    assert made["metadata"]["labels"] == {"app.kubernetes.io/component": "training", "sentiment/trigger": "drift"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"


@pytest.mark.parametrize(("ttl", "kept"), [(60, 86_400), (604_800, 604_800)])
def test_the_job_outlives_the_cooldown_that_it_remembers(ttl: int, kept: int) -> None:
    template = {"metadata": {}, "spec": {"ttlSecondsAfterFinished": ttl}}
    cron_job = {"metadata": {"name": "t", "uid": "u"}, "spec": {"jobTemplate": template}}
    assert _job(cron_job, NOW, DAY)["spec"] == {"ttlSecondsAfterFinished": kept}
    assert template["spec"] == {"ttlSecondsAfterFinished": ttl}


def test_an_unreachable_cluster_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kube_config.write(tmp_path / "config", f"http://127.0.0.1:{kube_config.closed_port()}")
    kube_config.use(monkeypatch, found)
    with pytest.raises(DriftError, match=r"no training was started from .*refused; check"):
        retrain("sentiment-training", "ns", 1)
