"""Readers of rendered objects: their pods, references and selectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Object = dict[str, Any]


@dataclass(frozen=True)
class PodSource:
    """A pod that an object makes: the object, the pod's labels and spec.

    `partial` says that KServe joins two objects into the pod: `containers` or `pod` is the half that this one has.
    """

    owner: str
    labels: dict[str, str]
    spec: Object
    partial: str = ""


def name_of(thing: Object) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def with_templates(objects: list[Object]) -> list[Object]:
    """The objects, and the InferenceService that the first promotion makes from its ConfigMap."""
    found = list(objects)
    names = {name_of(each) for each in objects}
    for each in objects:
        if each["kind"] == "ConfigMap" and "inferenceservice.yaml" in each.get("data", {}):
            service = yaml.safe_load(each["data"]["inferenceservice.yaml"])
            if name_of(service) not in names:
                found.append(service)
    return found


def pods_of(objects: list[Object]) -> Iterator[PodSource]:
    for each in objects:
        spec, labels = each.get("spec", {}), each["metadata"].get("labels", {})
        match each["kind"]:
            case "Pod":
                yield PodSource(name_of(each), labels, spec)
            case "Deployment" | "StatefulSet" | "DaemonSet" | "Job":
                yield _template(each, spec["template"])
            case "CronJob":
                yield _template(each, spec["jobTemplate"]["spec"]["template"])
            case "ServingRuntime":
                yield PodSource(name_of(each), spec.get("labels", {}), spec, partial="containers")
            case "InferenceService":
                predictor = spec["predictor"]
                yield PodSource(name_of(each), {**labels, **predictor.get("labels", {})}, predictor, partial="pod")
            case "InferenceGraph":
                yield PodSource(name_of(each), labels, {}, partial="graph")


def _template(owner: Object, template: Object) -> PodSource:
    return PodSource(name_of(owner), template["metadata"].get("labels", {}), template["spec"])


def containers(pod: PodSource) -> list[Object]:
    return [*pod.spec.get("initContainers", []), *pod.spec.get("containers", [])]


def references(pod: PodSource) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, key or None) of every object that the pod needs."""
    spec = pod.spec
    if account := spec.get("serviceAccountName"):
        yield "ServiceAccount", account, None
    for secret in spec.get("imagePullSecrets", []):
        yield "Secret", secret["name"], None
    for container in containers(pod):
        for source in container.get("envFrom", []):
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if field in source and not source[field].get("optional"):
                    yield kind, source[field]["name"], None
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if field in source and not source[field].get("optional"):
                    yield kind, source[field]["name"], source[field]["key"]
    for volume in spec.get("volumes", []):
        yield from _of_volume(volume)


def _of_volume(volume: Object) -> Iterator[tuple[str, str, str | None]]:
    if "secret" in volume and not volume["secret"].get("optional"):
        yield "Secret", volume["secret"]["secretName"], None
    if "configMap" in volume and not volume["configMap"].get("optional"):
        yield "ConfigMap", volume["configMap"]["name"], None
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None
    for source in volume.get("projected", {}).get("sources", []):
        for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
            if field in source and not source[field].get("optional"):
                yield kind, source[field]["name"], None


def selectors(thing: Object) -> Iterator[dict[str, str]]:
    """Every set of labels by which an object of ours selects pods."""
    spec = thing.get("spec", {})
    match thing["kind"]:
        case "Service":
            yield spec["selector"]
        case "Deployment" | "StatefulSet" | "DaemonSet" | "PodDisruptionBudget":
            yield spec["selector"]["matchLabels"]
        case "PodMonitor":
            yield spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            yield spec["podSelector"].get("matchLabels", {})
            for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
                for peer in [*rule.get("from", []), *rule.get("to", [])]:
                    if "namespaceSelector" not in peer and "podSelector" in peer:
                        yield peer["podSelector"].get("matchLabels", {})


def user_named(values: Any, key: str = "") -> Iterator[str]:
    """Names of objects that the values say are the user's own."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from user_named(value, name)
    elif isinstance(values, list):
        for value in values:
            yield from user_named(value, key)
    elif (
        isinstance(values, str)
        and values
        and key in {"existingSecret", "existingClaim", "configMap", "imagePullSecrets"}
    ):
        yield values
