"""Jobs made from CronJobs, as plain data of the Kubernetes API."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]


def job_from(
    cron_job: Object,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Object:
    """Build the Job that `kubectl create job --from` makes.

    Args:
        labels: added to the labels of the CronJob's template.
        arguments: replace the first container's, if any.
        environment: added to the first container's variables; a variable of the same name is replaced.
    """
    template, metadata = copy.deepcopy(cron_job["spec"]["jobTemplate"]), cron_job["metadata"]
    if arguments or environment:
        container = template["spec"]["template"]["spec"]["containers"][0]
        if arguments:
            container["args"] = list(arguments)
        added = environment or {}
        kept = [variable for variable in container.get("env") or () if variable["name"] not in added]
        container["env"] = [*kept, *({"name": key, "value": value} for key, value in added.items())]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {**template.get("metadata", {}).get("labels", {}), **(labels or {})},
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": template["spec"],
    }


def has_ended(job: Object) -> bool:
    """Report whether a Job has completed or failed."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)
