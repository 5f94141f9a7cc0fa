"""Small searches for tests, in this process or as separate workers: `searches.py STUDY_URI MLFLOW_URI TRIALS`."""

import sys
from typing import Any

from kit.factories import make_texts
from training_job.data.rows import Rows
from training_job.data.split import split
from training_job.fit.prepare import Prepared, prepare
from training_job.settings import TrainSettings


class Silent:
    """A search's progress that keeps the messages and the stages."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.begun: list[str] = []

    def begin(self, what: str, total: int | None = None) -> None:
        self.begun.append(what)

    def advance(self, done: int, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        self.lines.append(text)


def search_settings(study_uri: str, **changes: Any) -> TrainSettings:
    """Settings of trials that end in seconds."""
    values: dict[str, Any] = {
        "base_model": "scratch-tiny",
        "max_tokens": 32,
        "epochs": 1,
        "n_trials": 3,
        "study_uri": study_uri,
        "threads": 1,
        "precision": "fp32",
    }
    return TrainSettings(**values | changes)


def search_rows() -> Prepared:
    """Make 60 rows to train on and 16 to validate."""
    parts = split(Rows(*make_texts(80, 1)), Rows(*make_texts(20, 2)), train_rows=60, validation_rows=16, test_rows=None)
    return prepare(TrainSettings(base_model="scratch-tiny", max_tokens=32, threads=1), parts)


def main() -> None:
    """Print `ready`, wait for a line, search, print the trials that this worker ran and the total."""
    from training_job.search import search
    from training_job.tracking.run import Tracker

    study_uri, mlflow_uri, trials = sys.argv[1:]
    prepared, progress = search_rows(), Silent()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    tracker = Tracker(None if mlflow_uri == "none" else mlflow_uri, "search")
    outcome = search(search_settings(study_uri, n_trials=int(trials)), prepared, tracker, progress)
    sys.stdout.write(f"{len(progress.begun)} {outcome.done + outcome.pruned}\n")


if __name__ == "__main__":
    main()
