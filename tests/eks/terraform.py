"""The Terraform of k8s/eks without a provider: its files, their declarations and references, and the values of its locals."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

EKS = Path(__file__).parents[2] / "k8s/eks"
Block = dict[str, Any]

# Answers of AWS, for the locals that read them.
ANSWERS = {
    "data.aws_caller_identity.current.account_id": '"123456789012"',
    "data.aws_partition.current.partition": '"aws"',
    "data.aws_partition.current.dns_suffix": '"amazonaws.com"',
    "data.aws_availability_zones.here.names": '["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"]',
    "aws_s3_bucket.this.bucket": "local.bucket",
    "aws_db_instance.this.address": '"sentiment.abc.us-east-1.rds.amazonaws.com"',
    "aws_acm_certificate_validation.this[0].certificate_arn": '"arn:aws:acm:us-east-1:123456789012:certificate/c"',
    "aws_security_group.load_balancer[0].id": '"sg-1"',
    "aws_subnet.private": '{ us-east-1a = { id = "subnet-private-a" } }',
    "aws_subnet.public": '{ us-east-1a = { id = "subnet-public-a" } }',
}
# The variables that have no default.
GIVEN: Block = {"region": "us-east-1", "api_cidrs": ["203.0.113.7/32"]}
GATEWAY: Block = {
    "hostname": "sentiment.example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    "load_balancer_cidrs": ["198.51.100.0/24"],
}


class Refused(Exception):
    """Terraform refused the variables; the message is its output."""


def files() -> list[Path]:
    return sorted(EKS.glob("*.tf"))


def source(path: Path) -> str:
    """A file's text without its comments."""
    return re.sub(r"(?m)^\s*#.*$|(?<=\s)#\s.*$", "", path.read_text("utf-8"))


def bare(text: str) -> str:
    """A label or string as it is written, without the quotes that the parser leaves."""
    return text.strip('"')


def blocks(kind: str) -> Iterator[tuple[tuple[str, ...], Block]]:
    """(labels, body) of every top-level block of a kind in all files."""
    for path in files():
        for found in hcl2.loads(path.read_text("utf-8")).get(kind, []):
            yield from _labelled(found, 2 if kind in ("resource", "data") else 1)


def _labelled(found: Block, depth: int, *before: str) -> Iterator[tuple[tuple[str, ...], Block]]:
    for label, body in found.items():
        if label.startswith("__"):
            continue
        if depth == 1:
            yield (*before, bare(label)), body
        else:
            yield from _labelled(body, depth - 1, *before, bare(label))


def locals_text() -> str:
    """All `locals` blocks, with `ANSWERS` in place of a provider's answers."""
    text = "\n".join(
        match for path in files() for match in re.findall(r"(?ms)^locals \{$.*?^\}$", path.read_text("utf-8"))
    )
    for name, answer in ANSWERS.items():
        text = text.replace(name, answer)
    return text


def evaluate(expression: str, **variables: Any) -> Any:
    """Evaluate an expression by Terraform itself.

    Raises:
        Refused: a variable's validation failed, or the expression cannot be computed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(EKS / "variables.tf", folder)
        shutil.copytree(EKS / "templates", folder / "templates")
        (folder / "locals.tf").write_text(locals_text(), "utf-8")
        (folder / "given.auto.tfvars.json").write_text(json.dumps(GIVEN | variables), "utf-8")
        done = _terraform(folder, "console", stdin=f"jsonencode({expression})")
    if done.returncode or not done.stdout.startswith('"'):
        raise Refused(done.stdout + done.stderr)
    return json.loads(json.loads(done.stdout))


def refusal(**variables: Any) -> str | None:
    """Return Terraform's error for these variables, on one line; None without an error."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(EKS / "variables.tf", folder)
        (folder / "given.auto.tfvars.json").write_text(json.dumps(GIVEN | variables), "utf-8")
        done = _terraform(folder, "plan", "-no-color", "-input=false", "-lock=false")
    return re.sub(r"[\s│╷╵]+", " ", done.stderr) if done.returncode else None


def _terraform(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": os.devnull, "NO_COLOR": "1"}
    return subprocess.run(
        ["terraform", *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, text=True, timeout=60
    )


def functions() -> set[str]:
    """The names of Terraform's functions."""
    with tempfile.TemporaryDirectory() as name:
        output = _terraform(Path(name), "metadata", "functions", "-json").stdout
    return {name.removeprefix("core::") for name in json.loads(output)["function_signatures"]}
