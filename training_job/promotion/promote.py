"""Promotion and rollback, which check a release, make it the champion, and record who did so."""

import difflib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_release import Champion, Manifest, ReleaseError, ReleaseNotFound, ReleaseStore, Scorer
from model_release.folder import ReleaseFolder
from model_release.golden import read_golden, replay
from model_release.manifest import SERVING
from training_job.errors import TrainingError
from training_job.tracking.registry import CHAMPION, try_register

PROMOTE, ROLLBACK = "promote", "rollback"
RollOut = Callable[[str, str], None]
"""Makes a cluster serve a release, given the address of its `serving/` folder and its id; raises on failure."""


class PromotionError(TrainingError):
    """The champion cannot be moved as requested."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Result of a promotion or rollback.

    Attributes:
        changed: False when the release was the champion already.
        golden_difference: the largest difference of P(positive) from the recorded golden answers.
        registry_version: the MLflow version that carries the alias `champion` now; None when the alias was not moved.
        registry_problem: why the alias was not moved, with the remedy; None when it was moved, and without MLflow.
    """

    champion: Champion
    changed: bool
    golden_difference: float
    registry_version: str | None
    registry_problem: str | None


def resolve(store: ReleaseStore, name: str, id_or_prefix: str) -> str:
    """Return the full id of a release.

    Raises:
        ReleaseNotFound: no release or several releases match; the message lists the nearest ids.
    """
    wanted = id_or_prefix.strip().lower()
    try:
        return store.resolve(name, wanted)
    except ReleaseNotFound:
        ids = store.list_releases(name)
        if any(known.startswith(wanted) for known in ids) and wanted:
            raise
        if not ids:
            raise ReleaseNotFound(f"{name!r} has no releases in {store.base}; train one first") from None
        nearest = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.4) or ids[:3]
        raise ReleaseNotFound(
            f"no release {id_or_prefix!r} of {name!r} in {store.base}; nearest: {', '.join(nearest)}"
        ) from None


def verify(store: ReleaseStore, name: str, release_id: str, cache: Path | None = None, threads: int = 0) -> float:
    """Load a release as a predictor does: fetch `serving/`, verify it, load the engine, replay the golden inputs.

    Args:
        cache: folder that receives and keeps the files; a temporary one when None.

    Returns:
        The largest difference of P(positive) from the golden answers.

    Raises:
        ReleaseError: a predictor could not serve the release.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        folder = store.fetch(name, release_id, cache or Path(scratch))
        scorer = Scorer.load(folder, expect_id=release_id, threads=threads)
        try:
            return replay(scorer, read_golden(ReleaseFolder(folder).golden))
        finally:
            scorer.engine.close()


def _cut_after_last(trail: list[str], release_id: str) -> None:
    while trail and trail[-1] != release_id:
        trail.pop()


def promoted_before(audit: Sequence[Champion], champion_id: str) -> list[str]:
    """List the releases that successive rollbacks from the champion return to, the next one first.

    A promotion adds a release to this trail and a rollback removes one, so two rollbacks go two releases back and never
    return to the release just left. `audit` has the oldest entry first. Its last entry may belong to a move that was
    never completed, so the trail ends at the current champion.
    """
    trail: list[str] = []
    for entry in audit:
        if entry.action == ROLLBACK and entry.id in trail:
            _cut_after_last(trail, entry.id)
        elif trail[-1:] != [entry.id]:
            trail.append(entry.id)
    if champion_id in trail:
        _cut_after_last(trail, champion_id)
    else:
        trail.append(champion_id)
    return trail[-2::-1]


def history(store: ReleaseStore, name: str) -> list[Champion]:
    """List every promotion and rollback, the oldest first."""
    return [Champion.model_validate(entry) for entry in store.audit(name)]


@dataclass(frozen=True, slots=True)
class Promoter:
    """Moves the champion of one model.

    Attributes:
        who: the account that the audit trail names.
        tracking_uri: the MLflow whose alias `champion` is moved too; None without MLflow.
        cache: folder that the release is fetched to for its check; a temporary one when None.
        threads: engine threads of the check; 0 means the CPU quota.
        roll_out: makes the cluster serve the release before the store records it; None changes the store only.
    """

    store: ReleaseStore
    name: str
    who: str
    tracking_uri: str | None = None
    cache: Path | None = None
    threads: int = 0
    roll_out: RollOut | None = None

    def promote(self, id_or_prefix: str) -> Promotion:
        """Make a release the champion: verify it, roll it out, record it in the store, move MLflow's alias.

        The store decides which release is served; an unreachable MLflow does not stop a promotion. Promoting the
        champion again verifies it and completes the steps that a crash left undone.

        Raises:
            ReleaseNotFound: the release does not exist; the message lists the nearest ids.
            ReleaseError: the release cannot be served, or the store cannot be reached; nothing was changed.
            RolloutError: the cluster does not serve it; the message names the release that is served now.
            PromotionError: the cluster serves it, but the store became unreachable before the promotion was recorded.
        """
        return self._move(resolve(self.store, self.name, id_or_prefix), PROMOTE)

    def rollback(self) -> Promotion:
        """Make the previous champion the champion again; each further rollback goes one release further back.

        Raises:
            PromotionError: there is no earlier champion, or the store became unreachable after the rollout.
            ReleaseError, RolloutError: as `promote`.
        """
        champion = self.store.champion(self.name)
        if champion is None:
            raise PromotionError(f"{self.name!r} has no champion in {self.store.base}; promote a release first")
        before = promoted_before(history(self.store, self.name), champion.id)
        if not before:
            raise PromotionError(
                f"{champion.id} is the first champion of {self.name!r}: there is nothing to roll back to; "
                "promote another release instead"
            )
        return self._move(before[0], ROLLBACK)

    def _move(self, release_id: str, action: str) -> Promotion:
        store, name = self.store, self.name
        manifest = store.manifest(name, release_id)
        difference = verify(store, name, release_id, self.cache, self.threads)
        if self.roll_out:
            self.roll_out(f"{store.uri(name, release_id)}/{SERVING}", release_id)
        champion = store.champion(name)
        changed = champion is None or champion.id != release_id
        if champion is None or changed:
            try:
                champion = store.set_champion(name, release_id, who=self.who, action=action)
            except ReleaseError as error:
                if self.roll_out is None:
                    raise
                raise PromotionError(
                    f"the cluster serves {release_id}, but the store does not have it as the champion: {error}. When "
                    "the store answers, promote it again"
                ) from error
        version, problem = self._move_alias(manifest)
        return Promotion(champion, changed, difference, version, problem)

    def _move_alias(self, manifest: Manifest) -> tuple[str | None, str | None]:
        """Move MLflow's alias; return the version that carries it, or None and the reason."""
        name, release_id, run_id = manifest.name, manifest.release_id, manifest.mlflow_run_id
        uri = self.store.uri(name, release_id)
        version, problem = try_register(self.tracking_uri, name, uri, release_id, run_id, CHAMPION)
        if problem:
            problem += ". The release is promoted all the same; promote it again to move MLflow's alias"
        return version, problem
