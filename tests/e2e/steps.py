"""The loop's steps: each acts like an operator and returns its findings."""

import base64
import gzip
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dashboards
import fsspec
import traffic
import yaml
from commands import (
    NAMESPACE,
    ROOT,
    Failed,
    console,
    expect,
    forwarded,
    get_json,
    kubectl,
    objects,
    rows_of,
    run,
    shown,
    wait_for,
)

from model_release import ReleaseStore

HERE = Path(__file__).parent
SENTIMENT = ROOT / ".venv/bin/sentiment"
VALUES = HERE / "values.yaml"
MODEL = "sentiment"
TRAIN_URI = yaml.safe_load(VALUES.read_text("utf-8"))["training"]["data"]["train"]
GRAFANA = "grafana/grafana:12.2.0"


def cluster() -> None:
    """Build the images, create missing parts of the cluster, load the images."""
    shown("make", "kind-up", timeout=3000)


def _have_image(name: str) -> bool:
    """Report whether the engine has the image or can pull it."""
    for command in (("docker", "image", "inspect", name), ("docker", "pull", "--quiet", name)):
        try:
            run(*command, timeout=120)
            return True
        except Failed:
            continue
    return False


def deploy(*arguments: str) -> None:
    options = " ".join(("--values", str(VALUES), *_GRAFANA_OFF, *arguments))
    shown("make", "deploy", f"HELM_ARGS={options}", timeout=1200)


_GRAFANA_OFF: list[str] = []


def install() -> dict[str, Any]:
    """Install the chart with the alert receiver's address in our Secret."""
    if not _have_image(GRAFANA):
        console.print(
            f"skipped: Grafana's server ({GRAFANA} cannot be had); its dashboards' queries are run all the same"
        )
        _GRAFANA_OFF[:] = ["--set", "grafana.enabled=false"]
    run("kubectl", "create", "namespace", NAMESPACE, check=False)
    kubectl("apply", "--filename", "-", stdin=json.dumps(_receiver()))
    deploy()
    return {"pods": len(objects("pods"))}


def _restricted(container: dict[str, Any]) -> dict[str, Any]:
    """Build a pod's spec with this container, as the namespace's Pod Security level demands."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    mount = {"name": "scripts", "mountPath": "/scripts", "readOnly": True}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{**container, "securityContext": security, "volumeMounts": [mount]}],
        "volumes": [{"name": "scripts", "configMap": {"name": "e2e-scripts"}}],
    }


def _receiver() -> dict[str, Any]:
    """Create the receiver of Alertmanager's posts, and the scripts of our pods."""
    scripts = {path.name: path.read_text("utf-8") for path in (HERE / "pods").glob("*.py")}
    labels = {"app": "e2e-receiver"}
    container = {
        "name": "receiver",
        "image": "python:3.13-slim-trixie",
        "command": ["python", "/scripts/receiver.py"],
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
    }
    pod = {"metadata": {"name": "e2e-receiver", "labels": labels}, "spec": _restricted(container)}
    items = [
        {"kind": "ConfigMap", "metadata": {"name": "e2e-scripts"}, "data": scripts},
        {"kind": "Secret", "metadata": {"name": "e2e-alert-receivers"}, "stringData": {"webhook-url": "http://e2e-receiver:8080/"}},
        {"kind": "Service", "metadata": {"name": "e2e-receiver"}, "spec": {"selector": labels, "ports": [{"port": 8080}]}},
        {"kind": "Pod", **pod},
    ]  # fmt: skip
    return {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", **item} for item in items]}


def load_pod(name: str, url: str, seconds: float, rate: float, clients: int) -> dict[str, Any]:
    """Build a pod that runs `pods/load.py`."""
    command = ["python", "/scripts/load.py", url, str(seconds), str(rate), str(clients)]
    resources = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    container = {"name": "load", "image": "python:3.13-slim-trixie", "command": command, "resources": resources}
    labels = {"app": "e2e-load", "sentiment/client": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": _restricted(container),
    }


@contextmanager
def _store() -> Iterator[ReleaseStore]:
    """Open the cluster's release store, by port-forward and with the chart's own key."""
    secret = json.loads(kubectl("get", "secret", "sentiment-object-store", "--output", "json"))["data"]
    settings = json.loads(kubectl("get", "configmap", "sentiment-environment", "--output", "json"))["data"]
    with forwarded("svc/sentiment-object-store", 9000) as port:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ[name] = base64.b64decode(secret[name]).decode()
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        yield ReleaseStore(settings["RELEASES_URI"])


def newest_release() -> str:
    """Return the id of the newest release."""
    with _store() as store:
        ids = store.list_releases(MODEL)
        expect(bool(ids), "no release in the store")
        return max(ids, key=lambda one: store.manifest(MODEL, one).created_at)


def weights_hash(release: str) -> str:
    """Return the sha256 of the release's network."""
    with _store() as store:
        files = store.manifest(MODEL, release).files
        return next(file.sha256 for file in files if file.path == "torch/model.safetensors")


def _upload_rows() -> None:
    """Copy the rows to their place in `values.yaml`."""
    rows = _rows_file().read_bytes()
    with _store(), fsspec.open(TRAIN_URI, "wb") as stream:
        stream.write(rows if rows.startswith(b"\x1f\x8b") else gzip.compress(rows))


def train_first() -> dict[str, Any]:
    """Copy rows into the bucket, then follow a Job from the chart's suspended CronJob to its end."""
    _upload_rows()
    start = time.monotonic()
    shown(SENTIMENT, "train", "--cluster", "--namespace", NAMESPACE, timeout=1800)
    release = newest_release()
    with _store() as store:
        accuracy = store.manifest(MODEL, release).metrics["accuracy"]
    return {"release": release, "accuracy": round(accuracy.value, 4), "Job seconds": round(time.monotonic() - start)}


def promote(release: str) -> dict[str, Any]:
    shown(SENTIMENT, "promote", release, "--cluster", "--namespace", NAMESPACE, timeout=900)
    uri = kubectl("get", "inferenceservice", "sentiment", "--output", "jsonpath={.spec.predictor.model.storageUri}")
    expect(f"/{release}/" in uri, f"the InferenceService loads {uri}, not release {release}")
    with _store() as store:
        champion = store.champion(MODEL)
    expect(champion is not None and champion.id == release, f"the champion is {champion}")
    return {"release": release}


def _rows_file() -> Path:
    """Write the rows that the run trains on."""
    given = os.environ.get("TRAIN_DATA")
    return Path(given) if given else traffic.SAMPLES


def _predictor() -> str:
    pods = objects("pods", "serving.kserve.io/inferenceservice=sentiment")
    return f"pod/{pods[0]['metadata']['name']}"


def serve_and_log() -> dict[str, Any]:
    """Send 100 calls each way; the log holds every prediction id, feedback is accepted, the documented query answers."""
    (texts, labels), pod = traffic.rows_of(_rows_file(), 200), _predictor()
    with forwarded(pod, 8080) as rest, forwarded(pod, 8081) as rpc:
        ids = traffic.ask_rest(rest, texts[:100]) + traffic.ask_grpc(rpc, texts[100:])
        traffic.give_feedback(rest, ids, labels)
    known = ",".join(f"'{one}'" for one in ids)
    count = f"SELECT count(*) FROM predictions WHERE id IN ({known})"
    wait_for(lambda: int(rows_of(count)[0][0]) == len(ids), f"{len(ids)} rows in Postgres", 60)
    hourly = rows_of(
        "SELECT DATE_TRUNC('hour', predicted_at) AS hour, COUNT(*), AVG(confidence_score) FROM prediction_logs "
        "WHERE predicted_at >= NOW() - INTERVAL '24 hours' GROUP BY hour"
    )
    expect(bool(hourly), "the hourly query of prediction_logs gives no row")
    labels = int(rows_of("SELECT count(*) FROM feedback")[0][0])
    expect(labels == len(ids), f"the log holds {labels} of {len(ids)} labels")
    return {"answers": len(ids), "rows": len(ids), "labels": labels, "confidence this hour": hourly[-1][2][:6]}


def _ask_prometheus(port: int, query: str) -> list[Any]:
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    return list(get_json(address)["data"]["result"])


def metrics_and_dashboards() -> dict[str, Any]:
    """Check that all targets are up and that every dashboard query has an answer."""
    queries = dashboards.queries(ROOT / "charts/sentiment/dashboards")
    with forwarded("svc/sentiment-prometheus", 9090) as port:
        wait_for(lambda: _ask_prometheus(port, "sum(ml_predictions_total)"), "ml_predictions_total", 120)
        down = _ask_prometheus(port, "up == 0")
        expect(not down, f"targets are down: {[one['metric'] for one in down]}")

        def unanswered() -> list[str]:
            return [place for place, query in queries if not _ask_prometheus(port, query)]

        try:
            wait_for(lambda: not unanswered(), "an answer to every dashboard query", 150, 10)
        except Failed:
            raise Failed("no data for: " + "; ".join(unanswered())) from None
        targets = len(_ask_prometheus(port, "up"))
    return {"targets": targets, "dashboard queries": len(queries)}


def job_completed(name: str, seconds: float) -> None:
    """Wait for the Job's end.

    Raises:
        Failed: it failed, with the end of its log, or has not ended in time.
    """

    def ended() -> str | None:
        conditions = json.loads(kubectl("get", f"job/{name}", "--output", "json"))["status"].get("conditions", [])
        kinds = {one["type"] for one in conditions if one["status"] == "True"}
        return next((kind for kind in ("Complete", "Failed") if kind in kinds), None)

    if wait_for(ended, f"the end of job {name}", seconds) == "Failed":
        log = kubectl("logs", "--selector", f"batch.kubernetes.io/job-name={name}", "--tail=20", check=False)
        raise Failed(f"job {name} failed:\n{log}")


def _drift_check(name: str) -> dict[str, Any]:
    """Run the drift CronJob once; return its row of drift_reports."""
    kubectl("create", "job", name, "--from=cronjob/sentiment-drift")
    job_completed(name, 600)
    verdict, reason = rows_of("SELECT verdict, reason FROM drift_reports ORDER BY created DESC LIMIT 1")[0]
    return {"verdict": verdict, "reason": reason}


def drift_on_like_traffic() -> dict[str, Any]:
    found = _drift_check("e2e-drift-like")
    expect(found["verdict"] in ("stable", "warning"), f"like traffic is judged {found}")
    expect(not _retrainings(), "a retraining was started without drift")
    return found


def _retrainings() -> list[str]:
    return [job["metadata"]["name"] for job in objects("jobs", "sentiment/trigger=drift")]


def retraining_job() -> str:
    """Return the Job that the drift verdict started."""
    jobs = _retrainings()
    expect(len(jobs) == 1, f"one retraining is expected: {jobs}")
    return jobs[0]


def drift_on_foreign_traffic() -> dict[str, Any]:
    """Check that the verdict drift starts one training, and that a second check within the cool-down starts no other."""
    with forwarded(_predictor(), 8080) as port:
        sent = len(traffic.ask_rest(port, traffic.foreign_texts()))
    wait_for(lambda: int(rows_of("SELECT count(*) FROM predictions")[0][0]) >= sent + 200, "the rows", 60)
    found = _drift_check("e2e-drift-foreign")
    expect(found["verdict"] == "drift", f"foreign traffic is judged {found}")
    job = retraining_job()
    _drift_check("e2e-drift-again")
    expect(_retrainings() == [job], f"the cool-down did not hold: {_retrainings()}")
    return {**found, "foreign texts": sent, "started": job}


def alert_arrives() -> dict[str, Any]:
    """Follow SentimentDrift from the monitor's metric through Prometheus and Alertmanager to the webhook."""
    with forwarded("pod/e2e-receiver", 8080) as port:

        def names() -> set[str] | None:
            posts = get_json(f"http://127.0.0.1:{port}/")
            found = {alert["labels"]["alertname"] for post in posts for alert in post["alerts"]}
            return found if "SentimentDrift" in found else None

        return {"alerts received": ", ".join(sorted(wait_for(names, "SentimentDrift at the webhook", 300, 5)))}


def fixed_ports() -> dict[str, Any]:
    """Check that `make port-forward` brings each part to its own port."""
    pages = {8080: "/v2/health/ready", 5000: "/health", 9090: "/-/ready", 9093: "/-/ready", 8090: "/healthz"}
    if not _GRAFANA_OFF:
        pages[3000] = "/api/health"
    forward = subprocess.Popen(["make", "port-forward"], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        for port, path in pages.items():
            wait_for(lambda port=port, path=path: _answers(port, path), f"port {port}", 60, 1)  # type: ignore[misc]
    finally:
        os.killpg(forward.pid, 15)
        forward.wait(20)
    return {"ports": ", ".join(map(str, pages))}


def _answers(port: int, path: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return bool(response.status == 200)


def footprint() -> dict[str, Any]:
    """Return a table of the running pods: their requests and their memory."""
    query = f'sum by (pod) (container_memory_working_set_bytes{{namespace="{NAMESPACE}",container!=""}})'
    with forwarded("svc/sentiment-prometheus", 9090) as port:
        held = {one["metric"]["pod"]: int(float(one["value"][1])) for one in _ask_prometheus(port, query)}
    pods = {}
    for pod in objects("pods"):
        if pod["status"]["phase"] == "Running":
            requests = [one.get("resources", {}).get("requests", {}) for one in pod["spec"]["containers"]]
            requested = " + ".join(f"{one.get('cpu', '0')}/{one.get('memory', '0')}" for one in requests)
            name = pod["metadata"]["name"]
            pods[name] = f"requests {requested}, holds {held.get(name, 0) / 2**20:.0f} MiB"
    for name, text in pods.items():
        console.print(f"  {name:45} {text}")
    return {"pods": len(pods), "table": pods}


def uninstall() -> dict[str, Any]:
    """Check that the chart leaves only what it keeps on purpose."""
    output = run("make", "uninstall", timeout=600)
    kinds = "deployments,statefulsets,pods,services,jobs,cronjobs,inferenceservices,servingruntimes,configmaps,serviceaccounts,roles,rolebindings,networkpolicies"

    def gone() -> bool:
        left = [
            f"{one['kind']}/{one['metadata']['name']}" for one in objects(kinds, "app.kubernetes.io/name=sentiment")
        ]
        if left:
            raise Failed(f"left over: {', '.join(left)}")
        return True

    wait_for(gone, "everything to be gone", 180)
    kept = [
        f"{one['kind']}/{one['metadata']['name']}" for one in objects("secrets,pvc", "app.kubernetes.io/name=sentiment")
    ]
    unnamed = [one for one in kept if one.split("/")[1] not in output]
    expect(not unnamed, f"left without a word: {unnamed}")
    return {"kept, as printed": ", ".join(kept) or "nothing"}


def tell_state() -> None:
    """Print the state of the cluster for the log of a failure."""
    for what in ("pods", "jobs", "inferenceservices"):
        shown("kubectl", "--namespace", NAMESPACE, "get", what, check=False)
    shown("kubectl", "--namespace", NAMESPACE, "get", "events", "--sort-by=.lastTimestamp", check=False)
