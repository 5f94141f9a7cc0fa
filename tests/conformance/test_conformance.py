"""The kit against our own server: every check passes, and none is skipped unless its tool is missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kit.server_process import ModelServer

import conformance.checks  # noqa: F401  (registers them)
from conformance.check import CHECKS
from conformance.report import REASON

from .conftest import MAX_BODY_BYTES

# An interpreter with tests/conformance/requirements.txt, for the checks by tritonclient; and where to leave the rows.
PYTHON = os.environ.get("CONFORMANCE_PYTHON", "")
TOOLS = {"curl": bool(shutil.which("curl")), "triton": bool(PYTHON)}


@pytest.fixture(scope="module")
def rows(
    server: ModelServer, loading: ModelServer, overloadable: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The kit's rows by name, from a separate process: tritonclient and kserve cannot share one."""
    found = Path(os.environ.get("CONFORMANCE_JSON") or tmp_path_factory.mktemp("conformance") / "rows.json").absolute()
    command = [
        *(PYTHON or sys.executable, "-m", "conformance", "--model", "sentiment", "--json", str(found)),
        *("--rest", server.url, "--grpc", server.grpc_target, "--max-body-bytes", str(MAX_BODY_BYTES)),
        *("--loading", loading.url, loading.grpc_target),
        *("--overload", overloadable.url, overloadable.grpc_target),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {row["name"]: row for row in json.loads(found.read_text())["checks"]}


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_our_server_passes(rows: dict[str, dict[str, Any]], name: str) -> None:
    tool = name.partition(".")[0]
    if not TOOLS.get(tool, True):
        pytest.skip({"curl": "curl is not installed", "triton": "CONFORMANCE_PYTHON names no interpreter"}[tool])
    row = rows[name]
    assert row["outcome"] == "pass", f"{row['section']}: {row[REASON]}"


def test_the_server_wrote_no_traceback(rows: dict[str, dict[str, Any]], server: ModelServer) -> None:
    assert "Traceback" not in server.output
