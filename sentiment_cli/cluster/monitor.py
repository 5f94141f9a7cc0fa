"""The chart's monitor, queried through a port-forward: network policies block the API server's proxy."""

import http.client
import json
from collections.abc import Sequence

from sentiment_cli.cluster.findings import name_of
from sentiment_common.cron_jobs import Object
from sentiment_common.kubernetes_api import reason_of

PORT = 8090
ANSWER_SECONDS = 10
_MONITOR = "monitor"


class MonitorAway(Exception):
    """The monitor cannot be queried; the message has the reason."""


def status(pods: Sequence[Object], namespace: str) -> Object:
    """Return the monitor's `/api/status`.

    Args:
        pods: the pods of the namespace.

    Raises:
        MonitorAway: no monitor is ready, or the monitor does not answer.
    """
    from kubernetes import client
    from kubernetes.client import ApiException
    from kubernetes.stream import portforward

    monitor = next((name_of(pod) for pod in pods if _is_ready_monitor(pod)), None)
    if monitor is None:
        raise MonitorAway("no monitor is ready (monitor.enabled)")
    forward = None
    try:
        forward = portforward(
            client.CoreV1Api().connect_get_namespaced_pod_portforward, monitor, namespace, ports=str(PORT)
        )
        connection = http.client.HTTPConnection(monitor, PORT)
        connection.sock = forward.socket(PORT)
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.request("GET", "/api/status")
        answer = connection.getresponse()
        found = json.loads(answer.read())
    except (ApiException, http.client.HTTPException, OSError, ValueError) as error:
        raise MonitorAway(f"the monitor {monitor} cannot be asked: {reason_of(error)}") from None
    finally:
        if forward is not None:
            forward.close()
    if answer.status != 200 or not isinstance(found, dict):
        raise MonitorAway(f"the monitor {monitor} answers with {answer.status}; see its log")
    return found


def _is_ready_monitor(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    labels = pod["metadata"].get("labels") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and labels.get("app.kubernetes.io/component") == _MONITOR
