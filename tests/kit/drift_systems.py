"""A release and a separate log for each test of a whole drift check."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drift_cronjob.check import check
from drift_cronjob.outcome import DriftOutcome
from drift_cronjob.settings import DriftSettings
from kit.factories import make_release, make_texts
from model_release import ReleaseStore, Scorer
from model_release.scoring.features import describe, sketch, text_hash
from prediction_log import LogWriter, PredictionRecord, new_id, upgrade

REFERENCE_ROWS = 400
LIKE, _ = make_texts(250, seed=1)
FOREIGN, _ = make_texts(150, seed=2, words=(60, 90))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A store and the id of its champion, whose reference has REFERENCE_ROWS rows."""
    uri = str(tmp_path_factory.mktemp("releases"))
    release_id = make_release(uri, rows=REFERENCE_ROWS)
    ReleaseStore(uri).set_champion("sentiment", release_id, who="tests", action="promote")
    return uri, release_id


@pytest.fixture(scope="module")
def scorer(release: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    uri, release_id = release
    return Scorer.load(ReleaseStore(uri).fetch("sentiment", release_id, tmp_path_factory.mktemp("served")), threads=1)


@dataclass
class System:
    """A separate log for each test, and its settings."""

    url: str
    folder: Path
    release: tuple[str, str]
    scorer: Scorer

    def log(self, texts: list[str], **changes: object) -> list[tuple[str, str]]:
        """Answer and log texts as the server does, with `changes` of columns; return (id, label) of each."""
        scores = self.scorer.score(texts)
        sketches = sketch(scores.embedding)
        writer = LogWriter(self.url, self.folder / "spill")
        writer.start()
        logged = []
        for row, text in enumerate(texts):
            label = self.scorer.spec.labels[scores.label[row]]
            record = PredictionRecord(
                id=new_id(),
                release_id=self.release[1],
                label=label,
                probability=float(scores.probability[row]),
                confidence=float(scores.confidence[row]),
                margin=float(scores.margin[row]),
                tokens=int(scores.tokens[row]),
                truncated=bool(scores.truncated[row]),
                latency_ms=1.0,
                source="v2-rest",
                client=None,
                text=text,
                text_hash=text_hash(text),
                descriptors=describe(text),
                sketch=sketches[row].tobytes(),
            )
            writer.put(replace(record, **changes))
            logged.append((record.id, label))
        writer.close(timeout=30)
        return logged

    def settings(self, **changes: object) -> DriftSettings:
        defaults = {
            "database_url": self.url,
            "releases_uri": self.release[0],
            "report_dir": "none",
            "cache_dir": self.folder / "cache",
            "evidently": False,
            "hours": 1.0,
        }
        return DriftSettings(**(defaults | changes))

    def check(self, *, report: bool = False, **changes: object) -> DriftOutcome:
        return check(self.settings(**(changes | ({"report_dir": str(self.folder / "reports")} if report else {}))))


@pytest.fixture
def system(tmp_path: Path, release: tuple[str, str], scorer: Scorer) -> System:
    url = f"sqlite:///{tmp_path}/predictions.db"
    upgrade(url)
    return System(url, tmp_path, release, scorer)
