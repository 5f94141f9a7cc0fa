"""A Job from one of the chart's CronJobs, followed to its end."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sentiment_cli.cluster.api import ANSWER_SECONDS, ClusterError, Installation, refusals_named
from sentiment_cli.cluster.pod_findings import explained
from sentiment_common.pod_trouble import trouble_of

POLL_SECONDS = 1.0
JOB_LABEL = "batch.kubernetes.io/job-name"
LONGEST_SILENCE = 86_400  # seconds between two lines of a Job; the client takes no "for ever"
INTERRUPTED = 1  # a Job that failed without a container that did


class ClusterJob:
    """One Job, made from the CronJob `<fullname>-<component>`."""

    def __init__(self, installation: Installation, component: str) -> None:
        from kubernetes import client

        self._where, self._component = installation, component
        self._cron_job = f"{installation.fullname}-{component}"
        self._batch, self._core = client.BatchV1Api(), client.CoreV1Api()
        self.name = ""

    def start(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        """Make it, with these arguments and variables in place of the CronJob's.

        Raises:
            ClusterError: there is no such CronJob, or the cluster refuses.
        """
        namespace = self._where.namespace
        missing = (
            f"there is no CronJob {self._cron_job} in the namespace {namespace}; name the chart's "
            f"namespace and release (--namespace, --release-name), or set {self._component}.enabled=true"
        )
        with refusals_named(f"making a Job from {self._cron_job}", missing):
            cron_job = self._batch.read_namespaced_cron_job(self._cron_job, namespace)
            made = self._batch.create_namespaced_job(namespace, _job_of(cron_job, arguments, environment))
        self.name = made.metadata.name

    def follow(self, write: Callable[[str], None]) -> int:
        """Hand on what its pods write, line by line, until it ends; the exit code of the last one.

        Raises:
            ClusterError: the cluster refuses, or the Job was removed meanwhile.
        """
        told: set[str] = set()
        gone = f"the Job {self.name} was removed while it ran"
        while True:
            with refusals_named(f"following {self.name}", gone):
                ended = self._ended()
                for pod in self._pods():
                    if pod.metadata.name not in told and _has_started(pod, self._where.namespace):
                        told.add(pod.metadata.name)
                        self._hand_on(pod.metadata.name, write)
                        ended = False
                if ended:
                    return self._exit_code()
            time.sleep(POLL_SECONDS)

    def _ended(self) -> bool:
        job = self._batch.read_namespaced_job(self.name, self._where.namespace)
        return any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions or ())

    def _pods(self) -> list[Any]:
        found = self._core.list_namespaced_pod(self._where.namespace, label_selector=f"{JOB_LABEL}={self.name}")
        return sorted(found.items, key=lambda pod: pod.metadata.creation_timestamp)

    def _hand_on(self, pod: str, write: Callable[[str], None]) -> None:
        answer = self._core.read_namespaced_pod_log(
            pod,
            self._where.namespace,
            follow=True,
            _preload_content=False,
            _request_timeout=(ANSWER_SECONDS, LONGEST_SILENCE),
        )
        for line in _lines(answer):
            write(line)

    def _exit_code(self) -> int:
        for pod in reversed(self._pods()):
            for container in pod.status.container_statuses or ():
                if container.state.terminated is not None:
                    return int(container.state.terminated.exit_code)
        return INTERRUPTED


def _lines(answer: Any) -> Any:
    rest = b""
    for part in answer.stream(decode_content=True):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


def _has_started(pod: Any, namespace: str) -> bool:
    """Whether it has a log: a container that runs or ran.

    Raises:
        ClusterError: its container cannot be made.
    """
    from kubernetes import client

    status = client.ApiClient().sanitize_for_serialization(pod.status)
    trouble = trouble_of(status)
    if trouble is not None and trouble.kind != "crash":
        raise ClusterError("; ".join(explained(trouble, pod.metadata.name, namespace)))
    states = [container.get("state") or {} for container in status.get("containerStatuses") or ()]
    return any("running" in state or "terminated" in state for state in states)


def _job_of(cron_job: Any, arguments: Sequence[str], environment: dict[str, str]) -> Any:
    """What `kubectl create job --from` makes, with arguments and variables of its own."""
    from kubernetes import client

    template = cron_job.spec.job_template
    container = template.spec.template.spec.containers[0]
    if arguments:
        container.args = list(arguments)
    kept = [one for one in container.env or () if one.name not in environment]
    container.env = [*kept, *(client.V1EnvVar(name=name, value=value) for name, value in environment.items())]
    owner = client.V1OwnerReference(
        api_version="batch/v1", kind="CronJob", name=cron_job.metadata.name, uid=cron_job.metadata.uid, controller=True
    )
    metadata = client.V1ObjectMeta(
        name=f"{cron_job.metadata.name}-{time.strftime('%m%d%H%M%S', time.gmtime())}",
        labels=template.metadata.labels,
        annotations={"cronjob.kubernetes.io/instantiate": "manual"},
        owner_references=[owner],
    )
    return client.V1Job(metadata=metadata, spec=template.spec)
