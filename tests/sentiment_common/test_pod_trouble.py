"""A container that does not run is reported in the cluster's words or its own last line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_common.pod_trouble import LONGEST, last_words, trouble_of


def container(name: str = "c", restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "i:1", "restartCount": restarts, **more}


def waiting(reason: str, message: str | None = None) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("ErrImagePull", "image"),
        ("ImagePullBackOff", "image"),
        ("InvalidImageName", "image"),
        ("CreateContainerConfigError", "object"),
        ("CreateContainerError", "container"),
        ("RunContainerError", "container"),
    ],
)
def test_what_a_container_waits_for(reason: str, kind: str) -> None:
    found = trouble_of({"containerStatuses": [container(state=waiting(reason, "no\n such"))]})
    assert found is not None
    assert (found.kind, found.detail, str(found)) == (kind, f"{reason}: no such", f"c: {reason}: no such")


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", ""])
def test_a_container_that_is_just_being_made_is_in_no_trouble(reason: str) -> None:
    assert trouble_of({"containerStatuses": [container(state=waiting(reason))]}) is None
    assert trouble_of({}) is None


def test_a_crash_is_reported_by_the_containers_last_line() -> None:
    status = {
        "initContainerStatuses": [container("first", state={"terminated": {"exitCode": 0, "reason": "Completed"}})],
        "containerStatuses": [
            container(
                "second",
                2,
                state=waiting("CrashLoopBackOff", "back-off 20s"),
                lastState={"terminated": {"exitCode": 1, "message": "Traceback\nthe bucket is missing\n"}},
            )
        ],
    }
    assert str(trouble_of(status)) == "second ended 2 times: the bucket is missing"


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ({"exitCode": 137, "reason": "OOMKilled"}, "OOMKilled"),
        ({"exitCode": 3}, "exit code 3"),
        ({"exitCode": 1, "reason": "Error", "message": " \n"}, "exit code 1"),
    ],
)
def test_a_container_without_output(ended: dict[str, Any], words: str) -> None:
    assert last_words(container(state={"terminated": ended})) == words
    assert last_words(container(lastState={"terminated": ended}, state={"running": {}})) == words
    assert last_words(container(state={"running": {}})) == ""


@given(st.text(max_size=2000), st.sampled_from(["ErrImagePull", "CrashLoopBackOff"]))
def test_no_words_make_more_than_a_line(text: str, reason: str) -> None:
    ended = {"terminated": {"exitCode": 1, "message": text}}
    found = trouble_of({"containerStatuses": [container(state=waiting(reason, text), lastState=ended)]})
    assert found is not None and len(found.detail.splitlines()) <= 1 and len(found.detail) <= LONGEST + len(reason) + 2
