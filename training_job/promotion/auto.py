"""Comparison of a new release with the champion, which gates its promotion."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from model_release import Manifest, Scorer
from model_release.manifest import SERVING
from model_release.seen import is_new_to
from training_job.data.rows import Rows
from training_job.measure.evaluate import Evaluation
from training_job.measure.gate import Gate, judge, refuse_constant, refuse_rows
from training_job.promotion.promote import Promoter
from training_job.stages import Reporter


def compare_with_champion(
    promoter: Promoter, manifest: Manifest, test: Rows, evaluation: Evaluation, reporter: Reporter, folder: Path
) -> Gate:
    """Judge a release that was just published.

    The champion answers, through the scorer that serves it, the test rows that are known to be new to both releases: a
    row that a release or its base was trained or validated on would flatter that release. The gate fails when the
    champion cannot answer, with too few such rows, and for a release that gives every row the same label.

    Args:
        test, evaluation: the rows that the new release was measured on, and its answers to them.
        folder: the new release's folder; the champion is fetched to a folder in it.
    """
    predicted = evaluation.probability >= manifest.decision_threshold
    champion_id = None
    try:
        if constant := refuse_constant(predicted.astype(np.int64), manifest.labels):
            return constant
        champion = promoter.store.champion(promoter.name)
        if champion is None:
            return Gate(True, "there is no champion to compare with")
        champion_id = champion.id
        if champion_id == manifest.release_id:
            return Gate(True, "it is the champion already")
        with tempfile.TemporaryDirectory(prefix="champion-", dir=folder) as scratch:
            parts = (SERVING, "training/", "reference/")
            fetched = promoter.store.fetch(promoter.name, champion_id, Path(scratch), parts)
            new = is_new_to(fetched, test.texts) & is_new_to(folder, test.texts)
            if refused := refuse_rows(champion_id, new, test.labels):
                return refused
            common = test.take(np.flatnonzero(new))
            reporter.begin("compare with the champion", len(common))
            scorer = Scorer.load(fetched, expect_id=champion_id, threads=promoter.threads)
            try:
                champion_right = scorer.score(common.texts, on_progress=reporter.advance).label == common.labels
            finally:
                scorer.engine.close()
    except Exception as error:  # the release is published: a failed comparison prevents its promotion only
        return Gate(False, f"the champion cannot answer ({error})", champion_id)
    gate = judge(champion_id, champion_right, predicted[new] == (common.labels == 1), common.labels)
    note = f"all {len(test):,} test rows are new to both"
    if left_out := len(test) - len(common):
        note = f"{left_out:,} of {len(test):,} test rows are left out because they are not known to be new to both"
    return replace(gate, reason=f"{gate.reason}; {note}")
