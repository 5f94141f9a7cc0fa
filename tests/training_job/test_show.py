"""The summary of a training, and the next step that it names."""

from dataclasses import replace

import pytest

from training_job.measure.gate import Gate
from training_job.outcomes import TrainOutcome
from training_job.show import show_outcome

OUTCOME = TrainOutcome("ab12", "s3://bucket/sentiment/releases/ab12", None, "openvino-int8", {}, {"load": 1.0})
COMMAND = "sentiment promote ab12"


@pytest.mark.parametrize(
    ("gate", "last"),
    [
        (None, f"next: {COMMAND}"),
        (Gate(True, "it is better"), f"next: {COMMAND}"),
        (
            Gate(False, "it is worse", "cd34"),
            "next: compare the cards (s3://bucket/sentiment/releases/ab12/MODEL_CARD.html); "
            f"to promote it anyway: {COMMAND}",
        ),
    ],
)
def test_the_next_step_follows_from_the_gate(gate: Gate | None, last: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_outcome(replace(OUTCOME, gate=gate))
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_the_gate_leads_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    show_outcome(replace(OUTCOME, gate=Gate(False, "it is worse", "cd34")))
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "gate failed: it stays the challenger; it is worse" and "ab12" in second


def test_a_card_without_a_page_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    show_outcome(replace(OUTCOME, gate=Gate(False, "it is worse"), missing={"the card's page": "no reason was given"}))
    assert "/ab12/MODEL_CARD.md)" in capsys.readouterr().out.splitlines()[-1]
