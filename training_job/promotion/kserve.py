"""The Kubernetes API as a `rollout.Cluster`: one InferenceService of KServe in Standard mode, and its pods."""

import json
import ssl
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

import yaml

from sentiment_common.kubernetes_api import NoCluster, connect, own_namespace, reason_of
from sentiment_common.pod_trouble import trouble_of
from training_job.progress import show_step
from training_job.promotion.promote import RollOut
from training_job.promotion.rollout import HOPELESS_RESTARTS, Pod, RolloutError, Service, Target, roll_out
from training_job.settings import PromotionSettings

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
CONTAINER, RELEASE_ENV = "kserve-container", "RELEASE_ID"
MANAGER = "sentiment-promotion"
HELM = "helm"  # a later `helm upgrade` may change the fields of this manager
HTTP_PORT = 8080


def release_in(environment: Sequence[dict[str, Any]] | None) -> str:
    """Return the release that a container's environment names; empty without RELEASE_ID."""
    return next((str(one.get("value", "")) for one in environment or () if one["name"] == RELEASE_ENV), "")


def _scheme(container: dict[str, Any]) -> str:
    """Return the scheme of the container's readiness probe: `http` or `https`."""
    probe = (container.get("readinessProbe") or {}).get("httpGet") or {}
    return "https" if probe.get("scheme") == "HTTPS" else "http"


def _unverified() -> ssl.SSLContext:
    """Return a TLS context that accepts any certificate, as kubelets do: certificates do not name pods' addresses."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def hopeless(status: dict[str, Any]) -> str | None:
    """Return why a pod is unlikely to become ready; None while it may.

    A container that was created once may be created again, and one that ended may be waiting for something.
    """
    trouble = trouble_of(status)
    if trouble is None:
        return None
    permanent = trouble.restarts >= HOPELESS_RESTARTS if trouble.kind == "crash" else trouble.restarts == 0
    return str(trouble) if permanent else None


class KServeCluster:
    """The InferenceService `name` in `namespace`; `template` is the ConfigMap that it is first created from.

    Raises (each method):
        RolloutError: the API refuses; the message holds its reason and the remedy.
    """

    def __init__(self, namespace: str, name: str, template: str, model_name: str) -> None:
        from kubernetes import client

        try:
            connect()
        except NoCluster as error:
            raise RolloutError(f"{error}; without INFERENCE_SERVICE a promotion changes the store only") from None
        self._namespace, self._name, self._template, self._model = namespace, name, template, model_name
        self._objects, self._core = client.CustomObjectsApi(), client.CoreV1Api()

    def _where(self) -> dict[str, str]:
        return {"group": GROUP, "version": VERSION, "namespace": self._namespace, "plural": PLURAL}

    def _call(self, what: str, function: Any, *arguments: Any, absent: str | None = None, **options: Any) -> Any:
        """Return the API's answer. For a missing object return None, or raise an error with the text `absent`.

        `absent` is needed where the client also returns None on success: for an object that was created (201).
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return function(*arguments, **options, _request_timeout=30)
        except ApiException as error:
            if error.status == 404 and absent is not None:
                raise RolloutError(absent) from None
            if error.status == 404:
                return None
            if error.status == 409:
                raise RolloutError(
                    f"{what}: another promotion or upgrade changed the InferenceService {self._name} just now; "
                    "check which release is served (sentiment releases), then try again"
                ) from None
            raise RolloutError(f"{what}: the cluster refuses: {reason_of(error)}") from None
        except HTTPError as error:
            raise RolloutError(f"{what}: the cluster does not answer: {reason_of(error)}") from None

    def _get(self) -> dict[str, Any] | None:
        found = self._call(
            "reading the InferenceService", self._objects.get_namespaced_custom_object, **self._where(), name=self._name
        )
        return None if found is None else dict(found)

    def read(self) -> Service | None:
        found = self._get()
        if found is None:
            return None
        predictor = found["spec"]["predictor"]
        model = predictor["model"]
        target = Target(str(model.get("storageUri", "")), release_in(model.get("env")))
        return Service(target, int(predictor.get("minReplicas", 1)), str(found["metadata"]["resourceVersion"]))

    def create(self, target: Target) -> None:
        """Create the chart's InferenceService. It is deleted with the ConfigMap that owns it, and Helm manages its
        fields, so that an upgrade may change them."""
        config_map = self._call(
            "reading the chart's template", self._core.read_namespaced_config_map, self._template, self._namespace
        )
        if config_map is None:
            raise RolloutError(
                f"the ConfigMap {self._template} does not exist in {self._namespace}; install the chart there"
            )
        made = yaml.safe_load(config_map.data["inferenceservice.yaml"])
        metadata = made["metadata"]
        helms = {
            key: value
            for key, value in (config_map.metadata.annotations or {}).items()
            if key.startswith("meta.helm.sh/")
        }
        metadata["annotations"] = {**metadata.get("annotations", {}), **helms}
        metadata["namespace"] = self._namespace
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": self._template, "uid": config_map.metadata.uid}
        ]
        made["spec"]["predictor"]["model"] |= _serving(target, made["spec"]["predictor"]["model"].get("env"))
        self._call(
            "creating the InferenceService",
            self._objects.patch_namespaced_custom_object,
            **self._where(),
            name=self._name,
            body=made,
            field_manager=HELM,
            absent="KServe is not installed in this cluster (it has no API serving.kserve.io)",
            _content_type="application/apply-patch+yaml",
        )

    def point(self, target: Target, version: str) -> None:
        found = self._get()
        if found is None or found["metadata"]["resourceVersion"] != version:
            raise RolloutError(f"the InferenceService {self._name} was changed by somebody else just now; try again")
        change = {
            "metadata": {"resourceVersion": version},
            "spec": {"predictor": {"model": _serving(target, found["spec"]["predictor"]["model"].get("env"))}},
        }
        self._call(
            "changing the InferenceService",
            self._objects.patch_namespaced_custom_object,
            **self._where(),
            name=self._name,
            body=change,
            field_manager=MANAGER,
            _content_type="application/merge-patch+json",
        )

    def pods(self) -> Sequence[Pod]:
        from kubernetes import client

        selector = f"serving.kserve.io/inferenceservice={self._name}"
        found = self._call(
            "listing the predictor's pods", self._core.list_namespaced_pod, self._namespace, label_selector=selector
        )
        plain = client.ApiClient().sanitize_for_serialization(found)
        return [self._pod(one) for one in plain["items"] if one["status"].get("phase") not in ("Failed", "Succeeded")]

    def _pod(self, pod: dict[str, Any]) -> Pod:
        status = pod["status"]
        serving: dict[str, Any] = next((one for one in pod["spec"]["containers"] if one["name"] == CONTAINER), {})
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
        return Pod(
            name=pod["metadata"]["name"],
            release_id=release_in(serving.get("env")),
            ready=ready,
            leaving="deletionTimestamp" in pod["metadata"],
            answers_with=self._ask(status["podIP"], _scheme(serving)) if ready else None,
            trouble=hopeless(status),
        )

    def _ask(self, address: str, scheme: str) -> str | None:
        """Return the release that the pod itself reports; a Service may route to any pod."""
        host = f"[{address}]" if ":" in address else address
        url = f"{scheme}://{host}:{HTTP_PORT}/health"  # it needs no API key
        try:
            with urllib.request.urlopen(url, timeout=5, context=_unverified()) as response:
                health = json.loads(response.read())
            return str(health["release_id"]) if health["model"] == self._model and health["release_id"] else None
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            return None


def cluster_of(settings: PromotionSettings) -> RollOut | None:
    """Return the rollout of these settings; None for a promotion that changes the store only."""
    if settings.inference_service is None:
        return None
    namespace = settings.kube_namespace or own_namespace()
    cluster = KServeCluster(
        namespace, settings.inference_service, settings.inference_service_template, settings.model_name
    )

    def run(storage_uri: str, release_id: str) -> None:
        target = Target(storage_uri, release_id)
        roll_out(cluster, target, seconds=settings.rollout_timeout_seconds, on_progress=show_step)

    return run


def _serving(target: Target, environment: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """Return the fields that choose the release; other environment variables stay."""
    others = [one for one in environment or () if one["name"] != RELEASE_ENV]
    return {"storageUri": target.storage_uri, "env": [*others, {"name": RELEASE_ENV, "value": target.release_id}]}
