"""The probes of `helm test`: the account and network of each, and that each can fail."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chart.objects import Object
from chart.rendering import CHART, Values, render
from kit.certificates import issue
from kit.kube_api import Served
from kit.server_process import free_port
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

ROOT = CHART.parents[1]
SCRIPTS = CHART / "files/tests"
COMPONENT = "app.kubernetes.io/component"


def _pods(values: Values) -> dict[str, Object]:
    """The probes by their script's name."""
    found = [each for each in render(values) if each["kind"] == "Pod"]
    return {each["metadata"]["name"].removeprefix("sentiment-test-"): each for each in found}


@pytest.mark.parametrize(
    ("values", "whose"),
    [
        (
            {},
            {
                "alertmanager": "prometheus",
                "bucket": "server",
                "infer": "tests",  # a caller: a pod of the namespace that is not part of the system
                "log": "server",
                "monitor": "tests",
                "prometheus": "grafana",
                "releases": "training",
                "tracking": "training",
            },
        ),
        (
            {"grafana": {"enabled": False}, "training": {"enabled": False}, "alertmanager": {"enabled": False}},
            {"bucket": "server", "infer": "tests", "log": "server", "monitor": "tests", "prometheus": "tests"},
        ),
        (
            {
                "grafana": {"prometheusUrl": "http://another"},
                "monitor": {"enabled": False},
                "mlflow": {"enabled": False},
            },
            {
                "alertmanager": "prometheus",
                "bucket": "server",
                "infer": "tests",
                "log": "server",
                "prometheus": "tests",
                "releases": "training",
            },
        ),
        (
            {"prometheus": {"enabled": False}, "grafana": {"enabled": False}, "training": {"enabled": False}},
            {"bucket": "server", "infer": "tests", "log": "server", "monitor": "tests"},
        ),
    ],
)
def test_a_probe_has_the_account_and_the_network_of_its_workload(values: Values, whose: dict[str, str]) -> None:
    pods = _pods(values)
    assert {name: pod["metadata"]["labels"][COMPONENT] for name, pod in pods.items()} == whose
    for name, pod in pods.items():
        assert pod["spec"]["serviceAccountName"] == f"sentiment-{whose[name]}"
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_only_who_uses_the_store_or_the_database_has_their_keys() -> None:
    held = {
        name: str(pod["spec"]["containers"][0].get("envFrom", "")) + str(pod["spec"]["containers"][0]["env"])
        for name, pod in _pods({}).items()
    }
    assert {name for name, text in held.items() if "sentiment-object-store" in text} == {
        "bucket", "infer", "log", "releases", "tracking",
    }  # fmt: skip
    assert {name for name, text in held.items() if "sentiment-postgres" in text} == {"log"}


def _run(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(SCRIPTS / f"{script}.py")],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATIENCE_SECONDS": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


Answers = dict[str, Any]


@pytest.fixture
def standing_in() -> Iterator[Callable[[Answers], str]]:
    """Start a server that answers paths (without their query) or whole queries with JSON, and return its address."""
    servers = []

    def start(answers: Answers) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path, answers.get(self.path.partition("?")[0]))
                self.send_response(200 if answer is not None else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _vector(*series: tuple[dict[str, str], int]) -> Answers:
    return {"data": {"result": [{"metric": labels, "value": [0, str(value)]} for labels, value in series]}}


OWN = ({"component": "prometheus"}, 1)
NO_CHAMPION = _vector()
CHAMPION = _vector(({"release": "0123456789abcdef"}, 1))


@pytest.mark.parametrize(
    ("up", "champion", "missing"),
    [
        (_vector(OWN), NO_CHAMPION, "monitor, object-store"),
        (_vector(OWN, ({"component": "monitor"}, 0), ({"component": "object-store"}, 1)), NO_CHAMPION, "monitor"),
        (_vector(OWN, ({"component": "monitor"}, 1), ({"component": "object-store"}, 1)), NO_CHAMPION, None),
        (_vector(OWN, ({"component": "monitor"}, 1), ({"component": "object-store"}, 1)), CHAMPION, "server"),
        (
            _vector(OWN, *(({"component": name}, 1) for name in ("monitor", "object-store", "server"))),
            CHAMPION,
            None,
        ),
    ],
)
def test_prometheus_has_to_scrape_what_is_to_be_scraped(
    standing_in: Callable[[Answers], str], up: Answers, champion: Answers, missing: str | None
) -> None:
    url = standing_in({"/api/v1/query?query=ml_champion_info": champion, "/api/v1/query": up})
    ended = _run("prometheus", PROMETHEUS_URL=url, SCRAPED="monitor,object-store")
    assert (ended.returncode == 0) == (missing is None), ended.stderr
    assert missing is None or f"does not scrape: {missing};" in ended.stderr


def test_alertmanager_has_to_answer(standing_in: Callable[[Answers], str]) -> None:
    assert _run("alertmanager", ALERTMANAGER_URL=standing_in({"/api/v2/alerts": []})).returncode == 0
    away = _run("alertmanager", ALERTMANAGER_URL=f"http://127.0.0.1:{free_port()}")
    assert away.returncode == 1 and "does not answer" in away.stderr


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_server_with_keys_has_to_say_that_it_serves_the_champion(
    tls: bool, tiny_release: tuple[str, str], tmp_path: Path
) -> None:
    """Its certificate need not name the Service."""
    uri, champion = tiny_release
    served = {"release_id": champion}

    async def health(_: object) -> JSONResponse:
        return JSONResponse(served)

    certificate = issue(tmp_path, "predictor") if tls else None
    with Served(Starlette(routes=[Route("/health", health)]), certificate) as found:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{found.port}"
        settings = {"RELEASES_URI": uri, "MODEL_NAME": "sentiment", "SERVER_URL": url, "API_KEYS": "yes"}
        ended = _run("infer", **settings)
        assert (ended.returncode, ended.stdout) == (0, f"ok: release {champion} is served\n"), ended.stderr
        served["release_id"] = "0" * 16
        ended = _run("infer", **settings)
        assert ended.returncode == 1 and f"promote {champion} again" in ended.stderr


def test_the_store_has_to_take_what_each_program_writes(tmp_path: Path) -> None:
    """The server spills rows; training publishes releases."""
    uris = {
        "RELEASES_URI": str(tmp_path / "store"),
        "SPILL_URI": str(tmp_path / "store/spill"),
        "MODEL_NAME": "sentiment",
    }
    for script in ("bucket", "releases"):
        ended = _run(script, **uris)
        assert ended.returncode == 0 and ended.stdout.startswith("ok: "), ended.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "a probe left a file behind"
    (tmp_path / "file").touch()
    nowhere = {name: f"{tmp_path}/file/{name}" for name in ("RELEASES_URI", "SPILL_URI")}
    for script in ("bucket", "releases"):
        ended = _run(script, **{**uris, **nowhere})
        assert ended.returncode == 1 and "failed: " in ended.stderr
