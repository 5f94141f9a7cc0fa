"""Every file parses, is formatted, and names only what is declared; no declaration is idle."""

import re
import subprocess
from pathlib import Path

import hcl2
import pytest
import yaml
from eks.terraform import ANSWERS, EKS, bare, blocks, files, functions, source

ROOT = EKS.parents[1]
_REFERENCE = re.compile(r"(?<![\w.\"/-])(var|local|data|module|aws_\w+|local_file)\.([\w-]+)(?:\.([\w-]+))?")
# Arguments without which a resource is wide open; `terraform` cannot say that they are forgotten.
GUARDS = [
    ("aws_db_instance", "storage_encrypted", True),
    ("aws_db_instance", "publicly_accessible", False),
    ("aws_db_instance", "manage_master_user_password", True),
    ("aws_s3_bucket_public_access_block", "block_public_acls", True),
    ("aws_s3_bucket_public_access_block", "block_public_policy", True),
    ("aws_s3_bucket_public_access_block", "ignore_public_acls", True),
    ("aws_s3_bucket_public_access_block", "restrict_public_buckets", True),
    ("aws_ecr_repository", "image_tag_mutability", '"IMMUTABLE"'),
]


def _declared() -> set[str]:
    names = {f"var.{labels[0]}" for labels, _ in blocks("variable")}
    names |= {".".join(labels) for labels, _ in blocks("resource")}
    names |= {".".join(("data", *labels)) for labels, _ in blocks("data")}
    names |= {f"module.{labels[0]}" for labels, _ in blocks("module")}
    for path in files():
        for found in hcl2.loads(path.read_text("utf-8")).get("locals", []):
            names |= {f"local.{name}" for name in found if not name.startswith("__")}
    return names


def _named(path: Path) -> set[str]:
    found = _REFERENCE.findall(source(path))
    return {".".join((kind, first, second) if kind == "data" else (kind, first)) for kind, first, second in found}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_file_parses_and_names_only_what_is_declared(path: Path) -> None:
    assert hcl2.loads(path.read_text("utf-8"))
    assert _named(path) - _declared() == set()


def test_nothing_is_declared_in_vain() -> None:
    named = set().union(*(_named(path) for path in files()))
    idle = {name for name in _declared() if name.startswith(("var.", "local.", "data."))} - named
    assert idle == set()


def test_every_answer_of_these_tests_is_read() -> None:
    text = "".join(source(path) for path in files())
    assert [name for name in ANSWERS if name not in text] == []


def test_formatted(terraform: None) -> None:
    done = subprocess.run(["terraform", "fmt", "-check", "-diff", str(EKS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_only_functions_that_terraform_has(terraform: None) -> None:
    known = functions()
    for path in files():
        called = set(re.findall(r"(?<![\w.\"])([a-z]\w*)\(", re.sub(r"(description|type) *= .*", "", source(path))))
        assert called <= known, f"{path.name} calls {sorted(called - known)}"


def test_versions_are_pinned() -> None:
    (_, providers), *more = [(path, found) for path in files() for found in _required(path)]
    assert not more and set(providers) == {"aws", "local"}
    for name, needed in providers.items():
        assert re.fullmatch(r'"~> \d+\.\d+"', needed["version"]), f"{name} may become any later version"
    kinds = {labels[0].split("_")[0] for labels, _ in blocks("resource")}
    assert kinds == set(providers)


def _required(path: Path) -> list[dict[str, dict[str, str]]]:
    found = hcl2.loads(path.read_text("utf-8")).get("terraform", [])
    return [
        {name: body for name, body in each.items() if not name.startswith("__")}
        for settings in found
        for each in settings.get("required_providers", [])
    ]


@pytest.mark.parametrize(("kind", "argument", "value"), GUARDS)
def test_what_must_not_be_open(kind: str, argument: str, value: object) -> None:
    bodies = [body for labels, body in blocks("resource") if labels[0] == kind]
    assert bodies and all(body.get(argument) == value for body in bodies)


def test_no_password_is_written_or_kept_in_the_state() -> None:
    text = "".join(source(path) for path in files())
    assert not re.search(r"(?i)random_password|\bpassword *=|aws_secretsmanager_secret_version", text)
    for (name,), body in blocks("output"):
        assert "password" not in bare(str(body["value"])).lower(), f"the output {name} shows a password"


@pytest.mark.parametrize("place", ["docs/eks.md", "k8s/eks/database.sh"])
def test_outputs_that_are_used_exist(place: str) -> None:
    text = (ROOT / place).read_text("utf-8")
    used = {one or other for one, other in re.findall(r"output -raw ([a-z_]+)|\$\(output ([a-z_]+)\)", text)}
    assert used and used <= {labels[0] for labels, _ in blocks("output")}


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_interface_is_described(kind: str) -> None:
    for (name,), body in blocks(kind):
        assert bare(body.get("description", "")).endswith("."), f"{kind} {name} has no description"
        assert kind == "output" or "type" in body, f"variable {name} has no type"


def test_variables_that_can_be_wrong_are_validated() -> None:
    for (name,), body in blocks("variable"):
        if body["type"] not in ("bool", "${bool}"):
            assert body.get("validation"), f"variable {name} takes anything"
            for rule in body["validation"]:
                assert bare(rule["error_message"]).startswith(f"{name} "), f"variable {name}: the message names it not"


def test_manifests_are_yaml_with_one_object_each() -> None:
    for path in sorted((EKS / "cluster").glob("*.yaml")):
        (found,) = list(yaml.safe_load_all(path.read_text("utf-8")))
        assert found
    storage = yaml.safe_load((EKS / "cluster/storage-class.yaml").read_text("utf-8"))
    values = yaml.safe_load((EKS / "values-eks.yaml").read_text("utf-8"))
    assert storage["metadata"]["name"] == values["global"]["storageClass"]
