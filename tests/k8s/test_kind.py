"""The kind cluster's port mappings and mount, and the objects that use them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.objects import pods_of
from chart.rendering import one, render

ROOT = Path(__file__).parents[2]
URI = "s3://sentiment/sentiment/releases/0123456789abcdef/serving/"
# Records its arguments and, when a cluster is created, whether the mounted folder exists.
_NOTED = """#!/bin/bash
echo "$(basename "$0") $*" >> "$NOTES"
case "$(basename "$0") $1 $2" in
  "kind create cluster") ls -d {mount} >> "$NOTES" ;;
  "docker image inspect") echo sha256:0 ;;
esac
"""


def _node() -> dict[str, Any]:
    (node,) = yaml.safe_load((ROOT / "k8s/kind.yaml").read_text("utf-8"))["nodes"]
    found: dict[str, Any] = node
    return found


def _objects(name: str) -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((ROOT / f"k8s/kind/{name}.yaml").read_text("utf-8"))
    return {each["kind"]: each for each in documents}


def test_what_is_mapped_is_what_the_service_opens() -> None:
    mappings = _node()["extraPortMappings"]
    service = _objects("ports")["Service"]["spec"]
    assert service["type"] == "NodePort"
    assert {each["containerPort"] for each in mappings} == {port["nodePort"] for port in service["ports"]}
    assert {each["listenAddress"] for each in mappings} == {"127.0.0.1"}, "nobody asks callers who they are"


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
def test_the_service_leads_to_the_promoted_release() -> None:
    service = _objects("ports")["Service"]["spec"]
    experiment = {"name": "b", "storageUri": URI}
    objects = render({"server": {"storageUri": URI, "experiments": [experiment]}})
    owners = [pod.owner for pod in pods_of(objects) if service["selector"].items() <= pod.labels.items()]
    assert owners == ["InferenceService/sentiment"]
    (container,) = one(objects, "ServingRuntime", "sentiment-server")["spec"]["containers"]
    assert {port["targetPort"] for port in service["ports"]} == {port["containerPort"] for port in container["ports"]}


def test_the_claim_is_of_the_mounted_folder() -> None:
    (mount,) = _node()["extraMounts"]
    objects = _objects("rows")
    volume, claim = objects["PersistentVolume"], objects["PersistentVolumeClaim"]
    assert volume["spec"]["hostPath"]["path"] == mount["containerPath"] and mount["readOnly"] is True
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == ""
    assert claim["spec"]["accessModes"] == volume["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"]


def test_the_mounted_folder_exists_before_the_cluster(tmp_path: Path) -> None:
    """Docker would create a folder that belongs to root."""
    (mount,) = _node()["extraMounts"]
    bin_folder, notes = tmp_path / "bin", tmp_path / "notes"
    bin_folder.mkdir()
    for name in ("docker", "kind", "kubectl", "helm"):
        (bin_folder / name).write_text(_NOTED.replace("{mount}", mount["hostPath"]))
        (bin_folder / name).chmod(0o755)
    for name in ("scripts/kind_up.sh", "k8s/kind.yaml", "charts/sentiment/Chart.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "k8s/install-kserve.sh").write_text("#!/bin/bash\n")
    (tmp_path / "k8s/install-kserve.sh").chmod(0o755)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "NOTES": str(notes)}
    subprocess.run([tmp_path / "scripts/kind_up.sh"], env=environment, check=True, capture_output=True, timeout=60)
    assert mount["hostPath"] in notes.read_text().splitlines()
