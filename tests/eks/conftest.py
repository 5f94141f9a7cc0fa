"""The programs `terraform` and `helm`, which some of these tests need."""

import shutil

import pytest


@pytest.fixture(scope="session")
def terraform() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: checking k8s/eks by it needs version 1.9 or later")


@pytest.fixture(scope="session")
def helm() -> None:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed: rendering the chart needs it (https://helm.sh, version 4)")
