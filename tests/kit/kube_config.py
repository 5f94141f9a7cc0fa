"""Kubeconfigs for tests: without TLS, and forgotten after the test."""

import socket
from pathlib import Path

import pytest
import yaml


def write(path: Path, server: str) -> Path:
    """Write a kubeconfig for `server`, such as `http://127.0.0.1:1`."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def use(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> None:
    """Set KUBECONFIG. The client reads it once, at its import, and keeps what the last connection was given."""
    from kubernetes import client, config

    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr(config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    monkeypatch.setattr(client.Configuration, "_default", None)


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
