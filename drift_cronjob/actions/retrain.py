"""Start a training after the verdict `drift`: a Job from the chart's suspended CronJob, with a cool-down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drift_cronjob.errors import DriftError
from sentiment_common.cron_jobs import has_ended, job_from
from sentiment_common.kubernetes_api import NoCluster, connect, own_namespace, reason_of

TRIGGER = {"sentiment/trigger": "drift"}
COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True, slots=True)
class Training:
    """A training Job: when it was created, whether it has ended, and whether a drift verdict started it."""

    name: str
    made: datetime
    ended: bool
    by_drift: bool


def reason_against(trainings: Iterable[Training], now: datetime, cooldown: timedelta) -> str | None:
    """Return the reason not to start a training now; None if one should start."""
    known = sorted(trainings, key=lambda training: training.made, reverse=True)
    running = [training.name for training in known if not training.ended]
    if running:
        return f"{running[0]} is running"
    for training in known:
        if training.by_drift and now - training.made < cooldown:
            made, until = (f"{when:%Y-%m-%d %H:%M}" for when in (training.made, training.made + cooldown))
            return f"{training.name} was started by drift at {made}; the next may start at {until} UTC"
    return None


def _training(job: dict[str, Any]) -> Training:
    return Training(
        name=job["metadata"]["name"],
        made=datetime.fromisoformat(job["metadata"]["creationTimestamp"]),
        ended=has_ended(job),
        by_drift=job["metadata"].get("labels", {}).get("sentiment/trigger") == "drift",
    )


def _job(cron_job: dict[str, Any], now: datetime, cooldown: timedelta) -> dict[str, Any]:
    """Build the training Job, labelled with its trigger.

    The cool-down is read from this Job, so the Job is kept at least that long.
    """
    prefix = cron_job["metadata"]["name"].removesuffix("-training")
    job = job_from(cron_job, f"{prefix}-retrain-{now:%m%d%H%M%S}", labels=TRIGGER)
    spec = job["spec"]
    if "ttlSecondsAfterFinished" in spec:
        spec["ttlSecondsAfterFinished"] = max(spec["ttlSecondsAfterFinished"], round(cooldown.total_seconds()))
    return job


def retrain(cron_job: str, namespace: str | None, cooldown_hours: float) -> str:
    """Start a training, unless one runs or drift started one within the cool-down; return a sentence on the action.

    Raises:
        DriftError: the cluster could not be reached, or refused.
    """
    from kubernetes import client
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    now, cooldown = datetime.now(UTC), timedelta(hours=cooldown_hours)
    try:
        connect()
        batch, plain = client.BatchV1Api(), client.ApiClient().sanitize_for_serialization
        where = namespace or own_namespace()
        found = plain(batch.read_namespaced_cron_job(cron_job, where, _request_timeout=30))
        component = found["spec"]["jobTemplate"]["metadata"]["labels"][COMPONENT]
        jobs = plain(batch.list_namespaced_job(where, label_selector=f"{COMPONENT}={component}", _request_timeout=30))
        against = reason_against(map(_training, jobs["items"]), now, cooldown)
        if against:
            return f"no training was started: {against}"
        made = batch.create_namespaced_job(where, _job(found, now, cooldown), _request_timeout=30)
    except (ApiException, NoCluster, HTTPError) as error:
        raise DriftError(
            f"no training was started from the CronJob {cron_job!r}: {reason_of(error)}; check "
            "DRIFT_RETRAIN_CRONJOB, KUBE_NAMESPACE and the rights of this account"
        ) from error
    return f"started the training {made.metadata.name}"
