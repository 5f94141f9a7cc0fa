"""A new release against the champion, and in its place when the gate lets it pass."""

import tempfile
from pathlib import Path

from model_release import ReleaseError, ReleaseStore, Scorer
from training_job.data import Rows
from training_job.gate import Bools, Gate, judge
from training_job.kserve_cluster import cluster_of
from training_job.progress import Progress
from training_job.promote import Promotion, RollOut, promote
from training_job.settings import PromotionSettings, TrainSettings

WHO = "auto-promotion"


class AutoPromotion:
    """What AUTO_PROMOTE does after a training. Its settings are those of `promote`: they are read, and the cluster is
    looked for, before the training, so that a mistake is not found after it."""

    def __init__(self, settings: TrainSettings, store: ReleaseStore) -> None:
        """
        Raises:
            pydantic.ValidationError: a variable of the promotion is wrong.
            RolloutError: INFERENCE_SERVICE is set and there is no cluster.
        """
        self._store, self._name, self._threads = store, settings.model_name, settings.threads
        shared = ("releases_uri", "model_name", "mlflow_tracking_uri", "threads")
        self._settings = PromotionSettings(**{name: getattr(settings, name) for name in shared})
        self._roll_out: RollOut | None = cluster_of(self._settings)

    def gate(self, release_id: str, test: Rows, challenger_right: Bools, progress: Progress, scratch: Path) -> Gate:
        """The verdict on a release that was just published; the champion is asked the same rows by the scorer that
        serves it. A champion that cannot be asked lets no challenger pass.

        Args:
            challenger_right: whether the new release answered each row of `test` rightly.
            scratch: where the champion is fetched to.
        """
        champion_id = None
        try:
            champion = self._store.champion(self._name)
            if champion is None:
                return Gate(True, "there is no champion to compare with")
            champion_id = champion.id
            if champion_id == release_id:
                return Gate(True, "it is the champion already")
            progress.begin("compare with the champion", len(test))
            with tempfile.TemporaryDirectory(prefix="champion-", dir=scratch) as folder:
                fetched = self._store.fetch(self._name, champion_id, Path(folder))
                scorer = Scorer.load(fetched, expect_id=champion_id, threads=self._threads)
                try:
                    champion_right = scorer.score(test.texts, on_progress=progress.advance).label == test.labels
                finally:
                    scorer.engine.close()
        except ReleaseError as error:
            return Gate(False, f"the champion cannot be asked ({error})", champion_id)
        return judge(champion_id, champion_right, challenger_right)

    def promote(self, release_id: str) -> Promotion:
        """Make the release the champion, as `training_job promote` does.

        Raises:
            ReleaseError, RolloutError: it would not serve; the champion is as it was.
        """
        named = "who" in self._settings.model_fields_set
        return promote(
            self._store,
            self._name,
            release_id,
            who=self._settings.who if named else WHO,
            tracking_uri=self._settings.registry_uri,
            cache=self._settings.cache_dir,
            threads=self._settings.threads,
            roll_out=self._roll_out,
        )
