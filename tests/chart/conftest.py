"""Without the `helm` program the whole group is skipped."""

import shutil

import pytest


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed: the chart's tests need it (https://helm.sh, version 4)")
