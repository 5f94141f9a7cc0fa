"""The Kubernetes API for the programs that ask one: which cluster, and what its server said in words."""

import json
import os
from pathlib import Path

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCluster(Exception):
    """There is no cluster to ask; the message says why and what to do."""


def connect() -> None:
    """Read the kubeconfig or, in a pod, take the pod's own account.

    Raises:
        NoCluster: there is neither, or it cannot be read.
    """
    import yaml
    from kubernetes import config
    from kubernetes.config import ConfigException

    given = os.environ.get("KUBECONFIG")
    try:
        if NAMESPACE_FILE.exists() and not given:
            config.load_incluster_config()
        else:
            config.load_kube_config()
    except (ConfigException, yaml.YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The client takes a file's form for granted: what it raises of another form are a programmer's errors.
        named = isinstance(error, (ConfigException, yaml.YAMLError, OSError))
        why = said(error) if named else "it has not the form of a kubeconfig"
        raise NoCluster(
            f"no cluster: the kubeconfig {given or '~/.kube/config'} cannot be used ({why}); mend it, set KUBECONFIG, "
            "or log in to the cluster first"
        ) from None


def said(error: BaseException) -> str:
    """Why a request failed, in one line: the server's own words, or what the connection met."""
    try:
        return str(json.loads(getattr(error, "body", ""))["message"])
    except (TypeError, ValueError, KeyError):
        pass
    reason = getattr(error, "reason", None)
    words = " ".join(str(reason or error).split()) or type(error).__name__
    # urllib3 begins with its connection's name: `HTTPConnection(host='…', port=…): `.
    return words.split("): ", 1)[-1] if isinstance(reason, Exception) else words
