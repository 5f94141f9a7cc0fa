"""The Kubernetes API: which cluster is meant, and a refusal of its server in words."""

import json
from pathlib import Path

from sentiment_common.settings import environment

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class NoCluster(Exception):
    """No cluster can be reached; the message gives the reason and the remedy."""


def in_cluster() -> bool:
    """Report whether this process runs in a pod with an account for the Kubernetes API.

    Kubernetes sets the variable in every pod, and mounts the token unless the pod's specification forbids it.
    """
    return "KUBERNETES_SERVICE_HOST" in environment() and (ACCOUNT / "token").is_file()


def own_namespace() -> str:
    """Return the namespace of this process's pod; `default` outside a cluster."""
    return (ACCOUNT / "namespace").read_text("utf-8").strip() if in_cluster() else "default"


def connect() -> None:
    """Read the kubeconfig; in a pod with an account, and without KUBECONFIG, take that account.

    Raises:
        NoCluster: there is neither, or it cannot be read.
    """
    import yaml
    from kubernetes import config
    from kubernetes.config import ConfigException

    given = environment().get("KUBECONFIG")
    try:
        if in_cluster() and not given:
            config.load_incluster_config()
        else:
            config.load_kube_config()
    except (ConfigException, yaml.YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The client takes a file's form for granted: what it raises of another form are a programmer's errors.
        named = isinstance(error, (ConfigException, yaml.YAMLError, OSError))
        why = reason_of(error) if named else "it has not the form of a kubeconfig"
        raise NoCluster(
            f"no cluster: the kubeconfig {given or '~/.kube/config'} cannot be used ({why}); fix it, set KUBECONFIG, "
            "or log in to the cluster first"
        ) from None


def reason_of(error: BaseException) -> str:
    """Return why a request failed, in one line: the server's message, or the connection's error."""
    try:
        return str(json.loads(getattr(error, "body", ""))["message"])
    except (TypeError, ValueError, KeyError):
        pass
    reason = getattr(error, "reason", None)
    words = " ".join(str(reason or error).split()) or type(error).__name__
    # urllib3 begins with its connection's name: `HTTPConnection(host='…', port=…): `.
    return words.split("): ", 1)[-1] if isinstance(reason, Exception) else words
