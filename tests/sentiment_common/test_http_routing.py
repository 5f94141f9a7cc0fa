"""Routing of each server: HEAD wherever GET is answered, no redirects, JSON for an unknown path or method."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from drift_cronjob.monitor.app import make_app as make_monitor
from drift_cronjob.monitor.watch import Figures
from model_server.average.app import AveragerSettings
from model_server.average.app import make_app as make_averager
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.rest.app import make_api
from model_server.rest.app import make_app as make_predictor
from model_server.settings import ServerSettings
from prediction_log import LogWriter
from sentiment_cli.page.proxy import Upstream
from sentiment_cli.page.proxy import make_app as make_page
from sentiment_common.http.routing import allowed, canonical

# Paths that are answered by GET.
GETS = {
    "predictor": (
        "/health", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/sentiment", "/v1/models",
        "/openapi.json", "/docs",
    ),
    "averager": ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/sentiment"),
    "monitor": ("/metrics", "/healthz", "/api/status", "/api/drift?limit=5", "/api/openapi.json"),
    "page": ("/", "/assets/app.js", "/health"),
}  # fmt: skip
POSTS = {
    "predictor": ("/predict", "/feedback", "/v2/models/sentiment/infer", "/v1/models/sentiment:predict"),
    "averager": ("/v2/models/sentiment/infer",),
}
CASES = [(server, path) for server, paths in GETS.items() for path in paths]
CHANGING = {"server-timing", "date"}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """A client of each server's application; none has a release, a graph or a log."""
    tmp_path = tmp_path_factory.mktemp("servers")
    settings = ServerSettings(database_url=f"sqlite:///{tmp_path}/log.db", spill_dir=tmp_path / "spill")
    state = ServerState(settings, LogWriter(settings.database_url, settings.spill_dir))
    (tmp_path / "page/assets").mkdir(parents=True)
    (tmp_path / "page/index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "page/assets/app.js").write_text("export {}\n" * 1000)
    apps = {
        "predictor": make_predictor(make_api(state, ReleaseSwitch(settings, state)), state),
        "averager": make_averager(AveragerSettings(graph_url=NOWHERE)),
        "monitor": make_monitor(Figures),
        "page": make_page(tmp_path / "page", Upstream("predictor", NOWHERE), Upstream("monitor", NOWHERE)),
    }
    made = {name: TestClient(app, "https://front.example", follow_redirects=False) for name, app in apps.items()}
    yield made
    for client in made.values():
        client.close()


@pytest.mark.parametrize(("server", "path"), CASES)
def test_head_has_the_headers_of_get(clients: dict[str, TestClient], server: str, path: str) -> None:
    got, headed = clients[server].get(path), clients[server].head(path)
    assert got.status_code in (200, 502, 503)  # nothing is loaded, and nothing stands behind the page
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    differ = {name for name, value in got.headers.items() if headed.headers.get(name) != value}
    if path not in ("/metrics", "/health"):
        assert differ <= CHANGING and got.headers.keys() == headed.headers.keys()


@pytest.mark.parametrize(("server", "path"), [case for case in CASES if case[1] != "/" and "?" not in case[1]])
def test_a_slash_at_the_end_changes_nothing(clients: dict[str, TestClient], server: str, path: str) -> None:
    plain, slashed = clients[server].get(path), clients[server].get(f"{path}/")
    assert slashed.status_code == plain.status_code and "location" not in slashed.headers


@pytest.mark.parametrize(("server", "path"), [(server, path) for server, paths in POSTS.items() for path in paths])
def test_a_post_with_a_slash_at_the_end_is_taken(clients: dict[str, TestClient], server: str, path: str) -> None:
    plain, slashed = (clients[server].post(each, content=b"{") for each in (path, f"{path}/"))
    assert (slashed.status_code, slashed.json()) == (plain.status_code, plain.json())
    assert slashed.status_code in (400, 503) and "location" not in slashed.headers


@pytest.mark.parametrize("server", GETS)
@pytest.mark.parametrize("path", ["/no/such", "/no/such/", "/docs//", "/assets"])
def test_an_unknown_path_is_named_in_json(clients: dict[str, TestClient], server: str, path: str) -> None:
    answer = clients[server].get(f"https://front.example{path}")
    assert answer.status_code == 404 and "location" not in answer.headers
    assert answer.json() == {"error": f"GET {canonical(path)}: no such path"}


@pytest.mark.parametrize(
    ("server", "method", "path", "allow"),
    [
        ("predictor", "DELETE", "/health", "GET, HEAD"),
        ("predictor", "DELETE", "/v2/health/ready", "GET, HEAD"),
        ("predictor", "GET", "/predict", "POST"),
        ("predictor", "HEAD", "/predict", "POST"),
        ("predictor", "GET", "/v2/models/sentiment/infer", "POST"),
        ("averager", "GET", "/v2/models/sentiment/infer", "POST"),
        ("averager", "POST", "/v2", "GET, HEAD"),
        ("monitor", "POST", "/api/status", "GET, HEAD"),
        ("page", "POST", "/", "GET, HEAD"),
    ],
)
def test_an_unknown_method_is_405_with_allow(
    clients: dict[str, TestClient], server: str, method: str, path: str, allow: str
) -> None:
    answer = clients[server].request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json() == {"error": f"{method} {path}: this method is not allowed here; use {allow}"}


@pytest.mark.parametrize(
    ("path", "routed"), [("/", "/"), ("//", "//"), ("/a", "/a"), ("/a/", "/a"), ("/a//", "/a//"), ("/v2/", "/v2")]
)
def test_one_slash_at_the_end_is_dropped(path: str, routed: str) -> None:
    assert canonical(path) == routed


def test_allow_has_head_beside_get_in_a_fixed_order() -> None:
    assert (allowed("POST"), allowed("GET"), allowed("HEAD, GET")) == ("POST", "GET, HEAD", "GET, HEAD")


@pytest.mark.parametrize(
    ("server", "path", "broken"),
    [
        ("averager", "/v2", "model_server.average.app.json_response"),
        ("monitor", "/api/status", "drift_cronjob.monitor.app._shown"),
        ("page", "/health", "httpx.AsyncClient.build_request"),
    ],
)
def test_a_failure_is_json_without_its_reason(
    clients: dict[str, TestClient], monkeypatch: pytest.MonkeyPatch, server: str, path: str, broken: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(broken, fail)
    asking = TestClient(clients[server].app, "https://front.example", raise_server_exceptions=False)
    answer = asking.get(path)
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error; the server's log says more"})
