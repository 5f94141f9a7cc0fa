"""Promotion and rollback: which release is the champion, moved on purpose, checked first, and recorded."""

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
from training_job.tracking.registry import CHAMPION, RegistryError, register

PROMOTE, ROLLBACK = "promote", "rollback"
RollOut = Callable[[str, str], None]
"""Makes a cluster serve a release, given the address of its `serving/` folder and its id; raises when it does not."""


class PromotionError(TrainingError):
    """The move that was asked for makes no sense."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or rollback did.

    Attributes:
        changed: False when the release was the champion already.
        golden_difference: how far the golden answers were from those recorded, at most (of P(positive)).
        registry_version: the MLflow version that carries the alias `champion` now; None when it was not moved.
        registry_problem: why it was not moved, with the remedy; None when it was, or no MLflow is in use.
    """

    champion: Champion
    changed: bool
    golden_difference: float
    registry_version: str | None
    registry_problem: str | None


def resolve(store: ReleaseStore, name: str, id_or_prefix: str) -> str:
    """The full id.

    Raises:
        ReleaseNotFound: none or several begin so; the message lists the nearest there are.
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
    """Do what a predictor will do: fetch `serving/`, check every file, load the engine, replay the golden inputs.

    Args:
        cache: folder to fetch into and to leave the files in; a temporary one when absent.

    Returns:
        The largest difference of P(positive) from the golden answers.

    Raises:
        ReleaseError: whatever would stop a predictor.
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
    """The releases that rollbacks from the champion go through, the next one first.

    A promotion adds to the trail and a rollback takes from it, so rolling back twice goes two releases back, never
    forth to the one that was just left. `audit` has the oldest entry first; its last may belong to a move that was
    never completed, so the trail ends at the champion that there is.
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
    """Every promotion and rollback, the oldest first."""
    return [Champion.model_validate(entry) for entry in store.audit(name)]


@dataclass(frozen=True, slots=True)
class Promoter:
    """Moves the champion of one model.

    Attributes:
        who: the account that the audit trail names.
        tracking_uri: MLflow, whose alias `champion` follows; None for no MLflow.
        cache: folder to fetch the release into for its check; a temporary one when absent.
        threads: of the check; 0 takes the CPU quota.
        roll_out: has the cluster serve the release before the store records it; None to change the store alone.
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
        champion again verifies it and repairs what a crash between two of these steps left undone.

        Raises:
            ReleaseNotFound: no such release; the nearest ids are named.
            ReleaseError: the release would not serve, or the store cannot be reached; nothing was changed.
            RolloutError: the cluster does not serve it; the message says whether the former release is served again.
            PromotionError: the cluster serves it, and the store became unreachable before it was recorded.
        """
        return self._move(resolve(self.store, self.name, id_or_prefix), PROMOTE)

    def rollback(self) -> Promotion:
        """Make the champion before this one the champion again; each further rollback goes one further back.

        Raises:
            PromotionError: no earlier champion exists; or the store became unreachable after the rollout.
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
        """MLflow's version with the alias, or the reason why the alias was not moved."""
        if self.tracking_uri is None:
            return None, None
        release_id, run_id = manifest.release_id, manifest.mlflow_run_id
        uri = self.store.uri(manifest.name, release_id)
        try:
            return register(self.tracking_uri, manifest.name, uri, release_id, run_id, alias=CHAMPION), None
        except RegistryError as error:
            return None, f"{error}. The release is promoted all the same; promote it again to move MLflow's alias"
