"""Which cluster is meant, and what its API says, in words."""

from pathlib import Path

import pytest
from kit import kube_config
from kubernetes import client, config
from kubernetes.client import ApiException

from sentiment_common import kubernetes_api
from sentiment_common.kubernetes_api import NoCluster, connect, in_cluster, own_namespace, reason_of

BAD_CERTIFICATE = """
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: 'not base64'}}]
users: [{name: u, user: {}}]
"""


@pytest.mark.parametrize(
    "content",
    [
        b"garbage: [",
        b"- a",
        b"word",
        b"7",
        b"",
        b"a: b",
        b"\x7fELF\xd0\xff",
        b"current-context: c\ncontexts: 3\n",
        b"current-context: c\ncontexts: [{name: c}]\n",
        BAD_CERTIFICATE.encode(),
    ],
)
def test_a_broken_kubeconfig_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    kube_config.use(monkeypatch, path)
    with pytest.raises(NoCluster, match="no cluster: ") as raised:
        connect()
    assert str(path) in str(raised.value) and "KUBECONFIG" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", [".", "missing"])
def test_a_kubeconfig_that_is_not_a_file_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kube_config.use(monkeypatch, tmp_path / name)
    with pytest.raises(NoCluster, match=str(tmp_path)):
        connect()
    assert capsys.readouterr().out == ""


def test_several_kubeconfigs_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = kube_config.write(tmp_path / "second", "http://127.0.0.1:1")
    kube_config.use(monkeypatch, f"{tmp_path / 'first'}:{found}")
    connect()
    assert client.Configuration.get_default_copy().host == "http://127.0.0.1:1"


def _refusal(body: str | None, reason: str = "Forbidden") -> ApiException:
    error = ApiException(status=403, reason=reason)
    error.body = body
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_refusal('{"message": "pods is forbidden"}'), "pods is forbidden"),
        (_refusal("<html>"), "Forbidden"),
        (_refusal("[]"), "Forbidden"),
        (_refusal("{}"), "Forbidden"),
        (_refusal(None), "Forbidden"),
        (config.ConfigException("no context"), "no context"),
    ],
)
def test_a_refusal_is_reported_in_the_servers_words(error: Exception, words: str) -> None:
    assert reason_of(error) == words


def test_silence_is_reported_without_the_library_s_names() -> None:
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError

    with pytest.raises(HTTPError) as caught:
        PoolManager().request("GET", f"http://127.0.0.1:{kube_config.closed_port()}", retries=0)
    assert (
        "refused" in reason_of(caught.value)
        and "Pool" not in reason_of(caught.value)
        and "(" not in reason_of(caught.value)
    )


@pytest.mark.parametrize(
    ("host", "token", "inside"),
    [("10.0.0.1", True, True), ("10.0.0.1", False, False), ("", True, False), (" ", True, False)],
)
def test_a_pod_with_an_account_is_in_a_cluster(
    host: str, token: bool, inside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setattr(kubernetes_api, "ACCOUNT", tmp_path)
    (tmp_path / "namespace").write_text("ml\n")
    if token:
        (tmp_path / "token").write_text("t")
    assert in_cluster() is inside
    assert own_namespace() == ("ml" if inside else "default")


def test_a_given_kubeconfig_wins_over_the_pod_s_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(kubernetes_api, "ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("t")
    kube_config.use(monkeypatch, kube_config.write(tmp_path / "config", "http://127.0.0.1:1"))
    connect()
    assert client.Configuration.get_default_copy().host == "http://127.0.0.1:1"
