"""A Job of one of the chart's CronJobs, followed to its end."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sentiment_cli.cluster.api import ANSWER_SECONDS, ClusterError, Installation, refusals_named
from sentiment_cli.cluster.pod_findings import explained
from sentiment_common.cron_jobs import has_ended, job_from
from sentiment_common.pod_trouble import trouble_of

POLL_SECONDS = 1.0
JOB_LABEL = "batch.kubernetes.io/job-name"
LONGEST_SILENCE = 86_400  # seconds between two lines of a Job; the client does not accept "for ever"
INTERRUPTED = 1  # the exit code of a failed Job without a failed container


class ClusterJob:
    """One Job, made from the CronJob `<fullname>-<component>`."""

    def __init__(self, installation: Installation, component: str) -> None:
        from kubernetes import client

        self._where, self._component = installation, component
        self._cron_job = f"{installation.fullname}-{component}"
        self._batch, self._core = client.BatchV1Api(), client.CoreV1Api()
        self.name = ""

    def start(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        """Create the Job; these arguments and variables override the CronJob's.

        Raises:
            ClusterError: the CronJob does not exist, or the cluster refuses.
        """
        namespace = self._where.namespace
        missing = (
            f"there is no CronJob {self._cron_job} in the namespace {namespace}; name the chart's "
            f"namespace and release (--namespace, --release-name), or set {self._component}.enabled=true"
        )
        with refusals_named(f"making a Job from {self._cron_job}", missing):
            cron_job = _plain(self._batch.read_namespaced_cron_job(self._cron_job, namespace))
            name = f"{self._cron_job}-{time.strftime('%m%d%H%M%S', time.gmtime())}"
            job = job_from(cron_job, name, arguments=arguments, environment=environment)
            self._batch.create_namespaced_job(namespace, job)
        self.name = name

    def follow(self, write: Callable[[str], None]) -> int:
        """Pass each line of the pods' logs to `write` until the Job ends; return the last pod's exit code.

        Raises:
            ClusterError: the cluster refuses, or the Job was removed while it ran.
        """
        followed: set[str] = set()
        gone = f"the Job {self.name} was removed while it ran"
        while True:
            with refusals_named(f"following {self.name}", gone):
                ended = self._ended()
                for pod in self._pods():
                    if pod.metadata.name not in followed and _has_started(pod, self._where.namespace):
                        followed.add(pod.metadata.name)
                        self._copy_log(pod.metadata.name, write)
                        ended = False
                if ended:
                    return self._exit_code()
            time.sleep(POLL_SECONDS)

    def _ended(self) -> bool:
        return has_ended(_plain(self._batch.read_namespaced_job(self.name, self._where.namespace)))

    def _pods(self) -> list[Any]:
        found = self._core.list_namespaced_pod(self._where.namespace, label_selector=f"{JOB_LABEL}={self.name}")
        return sorted(found.items, key=lambda pod: pod.metadata.creation_timestamp)

    def _copy_log(self, pod: str, write: Callable[[str], None]) -> None:
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


def _plain(found: Any) -> dict[str, Any]:
    from kubernetes import client

    return dict(client.ApiClient().sanitize_for_serialization(found))


def _lines(answer: Any) -> Any:
    rest = b""
    for part in answer.stream(decode_content=True):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


def _has_started(pod: Any, namespace: str) -> bool:
    """Report whether the pod has a log: a container that runs or ran.

    Raises:
        ClusterError: the container cannot be created.
    """
    status = _plain(pod.status)
    trouble = trouble_of(status)
    if trouble is not None and trouble.kind != "crash":
        raise ClusterError("; ".join(explained(trouble, pod.metadata.name, namespace)))
    states = [container.get("state") or {} for container in status.get("containerStatuses") or ()]
    return any("running" in state or "terminated" in state for state in states)
