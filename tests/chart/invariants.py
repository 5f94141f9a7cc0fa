"""Invariants of every rendering: restricted pods, unique names, references and selectors that resolve."""

import re
from typing import Any

from chart.objects import (
    Object,
    PodSource,
    containers,
    name_of,
    pods_of,
    references,
    selectors,
    user_named,
    with_templates,
)

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_EXPONENT = re.compile(r"(?<![\w.-])[0-9]+(\.[0-9]+)?e\+[0-9]+(?![\w.-])")
_COMPONENT = "app.kubernetes.io/component"
_RECOMMENDED = ("name", "instance", "version", "component", "part-of", "managed-by")
# Volumes that the standard `restricted` allows.
_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def check(objects: list[Object], values: dict[str, Any]) -> None:
    """Check all invariants.

    Raises:
        AssertionError: it names the object and what is wrong with it.
    """
    whole = with_templates(objects)
    pods = list(pods_of(whole))
    _names(objects)
    _labels(objects)
    for pod in pods:
        _restricted(pod)
        _containers(pod)
    _references(whole, pods, set(user_named(values)))
    _selectors(whole, pods)
    _roles(objects)
    for each in whole:
        _numbers(each, name_of(each))
    _average(objects, values)


def _names(objects: list[Object]) -> None:
    names = [name_of(each) for each in objects]
    assert len(names) == len(set(names)), f"twice: {sorted({name for name in names if names.count(name) > 1})}"
    for each in objects:
        name, kind = each["metadata"]["name"], each["kind"]
        longest = 52 if kind == "CronJob" else 63
        assert _NAME.match(name) and len(name) <= longest, f"{name_of(each)} is not a valid name of a {kind}"


def _labels(objects: list[Object]) -> None:
    for each in objects:
        labels = each["metadata"].get("labels", {})
        missing = [label for label in _RECOMMENDED if f"app.kubernetes.io/{label}" not in labels]
        assert not missing, f"{name_of(each)} lacks the labels {missing}"
        wrong = [label for label, value in labels.items() if not _LABEL.match(value)]
        assert not wrong, f"{name_of(each)}: invalid values of the labels {wrong}"


def _restricted(pod: PodSource) -> None:
    """Check the Pod Security standard `restricted`, and a read-only root."""
    security = pod.spec.get("securityContext", {})
    if pod.partial in ("", "pod"):
        assert security.get("runAsNonRoot") is True, f"{pod.owner} may run as root"
        assert security.get("runAsUser") != 0, f"{pod.owner} runs as root"
        assert security.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{pod.owner}: seccomp"
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        assert not pod.spec.get(field), f"{pod.owner} has {field}"
    for volume in pod.spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        assert kinds <= _VOLUMES, f"{pod.owner}: volume {volume['name']} is a {kinds}"
    for container in containers(pod):
        where, security = f"{pod.owner} {container['name']}", container.get("securityContext", {})
        assert security.get("allowPrivilegeEscalation") is False, f"{where} may gain privileges"
        assert security.get("capabilities", {}).get("drop") == ["ALL"], f"{where} keeps capabilities"
        assert not security.get("capabilities", {}).get("add"), f"{where} adds capabilities"
        assert security.get("readOnlyRootFilesystem") is True, f"{where} can write its root"
        assert not security.get("privileged") and security.get("runAsUser") != 0, f"{where} is privileged"
        assert not any("hostPort" in port for port in container.get("ports", [])), f"{where} takes a port of the node"


def _containers(pod: PodSource) -> None:
    volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
    claims = {claim["metadata"]["name"] for claim in pod.spec.get("volumeClaimTemplates", [])}
    for container in containers(pod):
        where = f"{pod.owner} {container['name']}"
        for kind in ("requests", "limits"):
            amounts = container.get("resources", {}).get(kind, {})
            assert "memory" in amounts, f"{where} has no memory {kind}"
        assert "cpu" in container["resources"]["requests"], f"{where} has no cpu requests"
        image = container["image"]
        tag = image.rsplit("/", 1)[-1].partition(":")[2]
        assert "@sha256:" in image or (tag and tag != "latest"), f"{where}: image {image} is not pinned"
        names = [variable["name"] for variable in container.get("env", [])]
        assert len(names) == len(set(names)), f"{where}: a variable is set twice"
        assert all(isinstance(each.get("value", ""), str) for each in container.get("env", [])), (
            f"{where}: a value is not a text"
        )
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        assert len(mounts) == len(set(mounts)), f"{where}: two volumes at one path"
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert pod.owner.startswith("StatefulSet") or mounted <= volumes | claims, f"{where} mounts {mounted - volumes}"


def _references(objects: list[Object], pods: list[PodSource], users: set[str]) -> None:
    there = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    for pod in pods:
        for kind, name, key in references(pod):
            if name in users and kind != "ServiceAccount":
                continue
            assert (kind, name) in there, f"{pod.owner} needs {kind}/{name}, which is not rendered"
            held = there[(kind, name)]
            keys = {**held.get("data", {}), **held.get("stringData", {})}
            assert key is None or key in keys, f"{pod.owner} needs {key} of {kind}/{name}, which has {sorted(keys)}"
    for each in objects:
        for secret in each.get("secrets", []):
            assert secret["name"] in users or ("Secret", secret["name"]) in there, f"{name_of(each)}: {secret['name']}"
        if each["kind"] == "InferenceService":
            runtime = each["spec"]["predictor"]["model"]["runtime"]
            assert ("ServingRuntime", runtime) in there, f"{name_of(each)} needs ServingRuntime/{runtime}"


def _selectors(objects: list[Object], pods: list[PodSource]) -> None:
    for each in objects:
        for wanted in selectors(each):
            matching = [pod for pod in pods if wanted.items() <= pod.labels.items() and pod.partial != "containers"]
            assert matching, f"{name_of(each)} selects {wanted}, which no pod has"
            if each["kind"] == "Service":
                _ports(each, matching)


def _ports(service: Object, pods: list[PodSource]) -> None:
    """Check that a port's endpoints are pods of one owner. Pods without the port that the Service names do not count."""
    for port in service["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        owners = [pod.owner for pod in pods if isinstance(target, int) or target in _offered(pod)]
        assert len(set(owners)) == 1, f"{name_of(service)}: {target} leads to {owners}"
        assert any(target in _offered(pod) for pod in pods), f"{name_of(service)}: no container has the port {target}"


def _offered(pod: PodSource) -> set[object]:
    ports = [port for container in containers(pod) for port in container.get("ports", [])]
    return {name for port in ports for name in (port.get("name"), port["containerPort"])}


def _roles(objects: list[Object]) -> None:
    there = {name_of(each) for each in objects}
    for each in objects:
        if each["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            role = f"{each['roleRef']['kind']}/{each['roleRef']['name']}"
            assert role in there, f"{name_of(each)} binds {role}, which is not rendered"
            for subject in each["subjects"]:
                account = f"{subject['kind']}/{subject['name']}"
                assert account in there, f"{name_of(each)} binds {account}, which is not rendered"
        if each["kind"] in ("Role", "ClusterRole"):
            for rule in each["rules"]:
                assert "*" not in [*rule.get("verbs", []), *rule.get("resources", [])], (
                    f"{name_of(each)} grants everything"
                )


def _numbers(thing: object, where: str) -> None:
    """Numbers are written in digits: programs and Kubernetes refuse 1e+06 for a whole number. Dashboards are JSON."""
    if isinstance(thing, dict):
        for key, each in thing.items():
            if not key.endswith(".json"):
                _numbers(each, f"{where}.{key}")
    elif isinstance(thing, list):
        for each in thing:
            _numbers(each, where)
    elif isinstance(thing, str):
        assert not (found := _EXPONENT.search(thing)), f"{where} holds {found[0]}"
    else:
        assert not isinstance(thing, float) or abs(thing) < 1e6, f"{where} is a float"


def _average(objects: list[Object], values: dict[str, Any]) -> None:
    """Check that the mode `average` has an averager before a graph that queries all releases, and other modes have neither."""
    averagers = [each for each in objects if each["kind"] == "Deployment" and _component(each) == "average"]
    mode = values.get("server", {}).get("graph", {}).get("mode", "none")
    assert len(averagers) == (mode == "average"), f"server.graph.mode is {mode}: {list(map(name_of, averagers))}"
    for each in averagers:
        (container,) = each["spec"]["template"]["spec"]["containers"]
        url = next(variable["value"] for variable in container["env"] if variable["name"] == "GRAPH_URL")
        graphs = {graph["metadata"]["name"]: graph for graph in objects if graph["kind"] == "InferenceGraph"}
        root = graphs[url.removeprefix("http://").split(".")[0]]["spec"]["nodes"]["root"]
        assert root["routerType"] == "Ensemble" and len(root["steps"]) > 1, f"{name_of(each)} has nothing to average"
        assert any(
            service["kind"] == "Service" and service["spec"]["selector"].get(_COMPONENT) == "average"
            for service in objects
        ), f"{name_of(each)} cannot be called"


def _component(thing: Object) -> str:
    component: str = thing["metadata"]["labels"][_COMPONENT]
    return component
