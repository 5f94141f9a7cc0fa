"""Build of a release folder from a fine-tuned network: export, quantise, calibrate, measure, describe."""

import functools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_release import EngineVariant, Manifest, OpenVINOEngine, Scorer, Scores, fill_manifest_files
from model_release.folder import ReleaseFolder
from model_release.golden import build_golden, replay, write_golden
from model_release.manifest import Fact
from model_release.reference import REFERENCE, build_reference, write_reference
from model_release.scoring.engine import Precision
from model_release.scoring.scorer import load_tokenizer
from model_release.scoring.spec import ScoringSpec
from model_release.seen import KNOWN_NEW, SEEN, write_known_new, write_seen
from sentiment_common.disk import is_full, reports_full
from sentiment_common.intervals import Interval
from training_job.build.quantise import calibration_rows, quantise
from training_job.build.types import CARD_PAGE, BuiltRelease, ReleaseInputs
from training_job.card import findings, plots
from training_job.card import html as card_page
from training_job.card.markdown import CardInputs, render_card, short_card
from training_job.extras import Extras, Made
from training_job.measure.baseline import Baseline, measure_baseline
from training_job.measure.calibrate import fit_temperature
from training_job.measure.evaluate import Evaluation, evaluate
from training_job.measure.quantisation import Comparison, Decision, choose_default, compare

LABELS = ("negative", "positive")
THRESHOLD = 0.5
FIGURES = "accuracy balanced_accuracy constant_accuracy f1 ece_before ece_after brier nll".split()
REFERENCE_ROWS = 2000
GOLDEN_TEXTS = 100
TOLERANCE = 0.03  # largest change of P(positive) between CPUs and between batches
FULL, INT8 = "openvino-bf16", "openvino-int8"  # bf16 is a hint on the fp32 IR, not a separate IR
PRECISIONS: dict[str, Precision] = {FULL: "bf16", INT8: "int8"}
# Texts that reveal a changed tokenizer, whatever the test rows contain.
PROBES = (
    "Café, naïve, señor: a très charming film!",
    "I loved it 😀👍",
    "10/10 — would watch again…",
    "NOT GOOD. NOT GOOD AT ALL!!!",
    "It wasn't bad;<br /><br />it isn't great either.",
    "好看 très gut очень хорошо",
    "supercalifragilisticexpialidocious",
    "Visit http://example.com/?a=b&c=d #film @critic",
    '"Quoted", (bracketed) [and] {braced} *starred* _marked_',
    "\u00a0tabs\tand\nnew\u0085lines ",
)


def stratified(labels: npt.NDArray[np.integer], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw up to `count` distinct indices in random order by `seed`, with the classes in the proportion of `labels`."""
    truth = np.asarray(labels)
    count = min(count, len(truth))
    rng = np.random.default_rng(seed)
    positives = round(count * float(np.mean(truth == 1))) if len(truth) else 0
    parts = [rng.permutation(np.flatnonzero(truth == 1))[:positives], rng.permutation(np.flatnonzero(truth != 1))]
    return rng.permutation(np.concatenate([parts[0], parts[1][: count - positives]])).astype(np.int64)


def _take(scores: Scores, indices: npt.NDArray[np.int64]) -> Scores:
    return Scores(*(getattr(scores, name)[indices] for name in Scores.__slots__))


class _Builder:
    """Steps of one build; each writes files to the release folder and returns figures."""

    def __init__(self, inputs: ReleaseInputs) -> None:
        self.inputs = inputs
        self.variants: tuple[str, ...] = (INT8, FULL, "torch")
        self.manifest(FULL)  # refuse an invalid name or fact before any work
        inputs.work_dir.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix="release-", dir=inputs.work_dir))
        self.tokenizer = self.root / "serving/tokenizer.json"

    def stage(self, name: str, rows: int | None = None) -> None:
        if self.inputs.on_stage:
            self.inputs.on_stage(name, rows)

    def manifest(
        self,
        default: str,
        temperature: float = 1.0,
        extra: float = 0.0,
        metrics: Mapping[str, Interval] | None = None,
        facts: Mapping[str, Fact] | None = None,
    ) -> Manifest:
        """Make a manifest without files; `extra` is the additional tolerance of the variants that are not served."""
        variants = {
            key: EngineVariant(
                path=f"serving/{key}" if key == default else key,
                kind="torch" if key == "torch" else "openvino",
                precision=PRECISIONS.get(key, "fp32"),
                golden_tolerance=TOLERANCE if key == default else min(1.0, round(TOLERANCE + extra, 4)),
            )
            for key in self.variants
        }
        inputs = self.inputs
        return Manifest(
            name=inputs.name,
            created_at=inputs.created_at,
            base_model=inputs.base_model,
            labels=LABELS,
            max_tokens=inputs.max_tokens,
            truncation=inputs.truncation,
            hidden_size=int(inputs.model.config.dim),
            variants=variants,
            default_variant=default,
            decision_threshold=THRESHOLD,
            temperature=temperature,
            metrics=dict(metrics or {}),
            facts=dict(facts or inputs.facts),
            data_fingerprint=inputs.data_fingerprint,
            git_commit=inputs.git_commit,
            mlflow_run_id=inputs.mlflow_run_id,
            files=(),
        )

    def scorer(self, folder: Path, precision: Precision, temperature: float = 1.0) -> Scorer:
        inputs = self.inputs
        spec = ScoringSpec(
            LABELS, inputs.max_tokens, inputs.truncation, int(inputs.model.config.dim), THRESHOLD, temperature
        )
        return Scorer(spec, load_tokenizer(self.tokenizer), OpenVINOEngine(folder, precision, inputs.threads))

    def export(self) -> None:
        """Write `torch/`, the fp32 IR, and the tokenizer for both."""
        from transformers.utils.logging import disable_progress_bar

        from training_job.build.export import export_openvino

        self.stage("export")
        disable_progress_bar()  # it would garble the caller's
        model = self.inputs.model.eval().cpu()
        model.config.id2label = dict(enumerate(LABELS))
        model.config.label2id = {label: index for index, label in enumerate(LABELS)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about transformers' attributes, which tracing reads
            model.save_pretrained(self.root / "torch")
            export_openvino(model, self.root / FULL)
        self.tokenizer.parent.mkdir(parents=True, exist_ok=True)
        tokenizer = load_tokenizer(self.inputs.tokenizer_json)
        tokenizer.no_truncation()  # the base's limit must not cut texts that max_tokens permits
        tokenizer.no_padding()
        for path in (self.tokenizer, self.root / "torch/tokenizer.json"):
            tokenizer.save(str(path))

    def quantise(self) -> Comparison:
        """Write the int8 IR; compare its answers with those of fp32 on test rows."""
        inputs = self.inputs
        self.stage("quantise to int8")
        full = self.scorer(self.root / FULL, "fp32")
        pool = inputs.train.take(stratified(inputs.train.labels, 10 * inputs.calibration_rows, inputs.seed))
        encodings = full.encode(pool.texts)
        chosen = calibration_rows([len(item.ids) for item in encodings], inputs.calibration_rows, inputs.seed)
        quantise(self.root / FULL, self.root / INT8, [encodings[index] for index in chosen])

        rows = inputs.test.take(stratified(inputs.test.labels, inputs.compare_rows, inputs.seed))
        self.stage("compare int8 with fp32", 2 * len(rows))
        with closing(full.engine):
            exact = full.score(rows.texts, on_progress=inputs.on_progress).probability
        short = self.scorer(self.root / INT8, "int8")
        with closing(short.engine):
            answers = short.score(rows.texts, on_progress=inputs.on_progress).probability
        return compare(rows.labels, exact, answers, THRESHOLD)

    def quantised(self, extras: Extras) -> Comparison | None:
        """Return the comparison of `quantise`; None if NNCF or the int8 network fails, and the release has no int8."""
        comparison = self.attempt(extras, "int8", self.quantise)
        if comparison is None:
            self.drop(INT8)
        return comparison

    def attempt(self, extras: Extras, part: str, make: Callable[[], Made]) -> Made | None:
        """Make a part that a release can do without; a full disk still ends the build."""
        return extras.attempt(part, make, unless=lambda error: reports_full(error) or is_full(self.root))

    def drop(self, variant: str) -> None:
        """Leave a variant out of the release."""
        shutil.rmtree(self.root / variant, ignore_errors=True)
        self.variants = tuple(key for key in self.variants if key != variant)

    def calibrate(self, default: str) -> Scorer:
        """Return the scorer of the default variant, with the temperature fitted to its margins."""
        inputs = self.inputs
        folder = self.root / "serving" / default
        (self.root / default).rename(folder)
        self.stage("calibrate", len(inputs.validation))
        scorer = self.scorer(folder, PRECISIONS[default])
        margins = scorer.score(inputs.validation.texts, on_progress=inputs.on_progress).margin
        temperature = fit_temperature(margins, inputs.validation.labels)
        return Scorer(replace(scorer.spec, temperature=temperature), scorer.tokenizer, scorer.engine)

    def golden(self, scorer: Scorer, default: str, extras: Extras) -> float:
        """Write golden.json from probes and test texts; return the largest difference of the other variants' answers.

        A variant that cannot answer is left out of the release.
        """
        test = self.inputs.test
        picked = test.take(stratified(test.labels, GOLDEN_TEXTS, self.inputs.seed))
        golden = build_golden(scorer, (*PROBES, *picked.texts), default, TOLERANCE, GOLDEN_TEXTS)
        write_golden(golden, ReleaseFolder(self.root).golden)
        irs = [key for key in self.variants if key in PRECISIONS]
        folders = {key: self.root / "serving" / key if key == default else self.root / key for key in irs}
        # torch computes the same as the fp32 IR, so its difference is that of the IR without the bf16 hint.
        runs = {key: (folders[key], PRECISIONS[key]) for key in irs if key != default}
        runs["torch"] = folders[FULL], "fp32"

        def difference(key: str) -> float:
            peer = self.scorer(*runs[key], scorer.spec.temperature)
            with closing(peer.engine):
                return replay(peer, golden, tolerance=1.0)

        found = {key: self.attempt(extras, key, functools.partial(difference, key)) for key in runs}
        for key in [key for key, largest in found.items() if largest is None]:
            self.drop(key)
        return max((largest for largest in found.values() if largest is not None), default=0.0)


def _metrics(evaluation: Evaluation, baseline: Baseline | None, comparison: Comparison | None) -> dict[str, Interval]:
    quantised = (
        {"int8_agreement": comparison.agreement, "int8_accuracy_difference": comparison.accuracy_difference}
        if comparison
        else {}
    )
    of_baseline = {"baseline_accuracy": baseline.accuracy, "baseline_f1": baseline.f1} if baseline else {}
    return {name: getattr(evaluation, name) for name in FIGURES} | of_baseline | quantised


def _training_facts(inputs: ReleaseInputs) -> dict[str, Fact]:
    return {
        **inputs.facts,
        "train_rows": len(inputs.train),
        "validation_rows": len(inputs.validation),
        "test_rows": len(inputs.test),
        **{f"{package}_version": _version(package) for package in ("nncf", "openvino", "torch", "transformers")},
    }


def _version(package: str) -> str | None:
    """Return the installed version; None for a package installed without its metadata."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _measured_facts(baseline: Baseline | None, comparison: Comparison | None, decision: Decision) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"default_variant_reason": decision.reason}
    if baseline:
        facts |= {"baseline_features": baseline.features, "baseline_kind": baseline.kind}
    if comparison:
        largest = round(comparison.largest_probability_difference, 6)
        facts |= {"int8_compared_rows": comparison.rows, "int8_largest_probability_difference": largest}
    return facts


def build_release(inputs: ReleaseInputs) -> BuiltRelease:
    """Make a release folder in `inputs.work_dir`.

    int8 is the default variant unless it loses more than 0.5 points of accuracy. The temperature and all figures are
    those of the default variant, on all test rows, by the scorer that serving uses. A release is made without an
    optional part (another variant, baseline, picture, card, page) that fails; the card lists it with the reason.

    Raises:
        ReleaseError: the exported network cannot be run.
        Diverged: an answer of the network is NaN or infinite.
        ValueError: there are no test rows.
        OSError: the folder cannot be written.
    """
    builder, test, extras = _Builder(inputs), inputs.test, Extras(inputs.say)
    builder.export()
    comparison = builder.quantised(extras)
    decision = choose_default(comparison)
    scorer = builder.calibrate(decision.variant)

    builder.stage("evaluate", len(test))
    scores = scorer.score(test.texts, on_progress=inputs.on_progress)
    measure = functools.partial(evaluate, temperature=scorer.spec.temperature, threshold=THRESHOLD)
    evaluation = measure(test.texts, test.labels, scores.margin, scores.tokens, scores.truncated)
    builder.stage("baseline")
    train = inputs.train
    baseline = extras.attempt(
        "the baseline", lambda: measure_baseline(train.texts, train.labels, test.texts, test.labels)
    )

    builder.stage("describe")
    extra = builder.golden(scorer, decision.variant, extras)
    frozen = stratified(test.labels, REFERENCE_ROWS, inputs.seed)
    sample = test.take(frozen)
    reference = build_reference(_take(scores, frozen), sample.texts, sample.labels)
    write_reference(reference, builder.root / REFERENCE)
    write_seen([*inputs.train.texts, *inputs.validation.texts], builder.root / SEEN, inputs.inherited)
    if inputs.known_new is not None:
        write_known_new(inputs.known_new, builder.root / KNOWN_NEW)
    scorer.engine.close()
    facts = _training_facts(inputs)
    metrics = _metrics(evaluation, baseline, comparison)
    recorded = facts | _measured_facts(baseline, comparison, decision)
    manifest = builder.manifest(decision.variant, scorer.spec.temperature, extra, metrics, recorded)
    shown = evaluation, inputs.curves, inputs.watched_rows, LABELS
    titles = extras.attempt("the pictures' titles", lambda: findings.find(*shown))
    pictures = _pictures(extras, plots.drawings(*shown, titles, builder.root / "plots")) if titles else {}
    beside = {name: path.relative_to(builder.root) for name, path in pictures.items()}
    described = CardInputs(
        manifest, evaluation, baseline, comparison, decision, facts, beside, titles, dict(extras.missing)
    )
    markdown = extras.attempt("the model card", lambda: render_card(described))
    card = builder.root / "MODEL_CARD.md"
    card.write_text(markdown or short_card(manifest, extras.missing), "utf-8")
    page = extras.attempt(CARD_PAGE, lambda: _write_page(card, inputs.name))
    manifest = fill_manifest_files(builder.root, manifest)
    return BuiltRelease(builder.root, manifest, evaluation, pictures, card, page, extras.missing)


def _pictures(extras: Extras, drawings: Mapping[str, Callable[[], Path]]) -> dict[str, Path]:
    made = {name: extras.attempt(f"the picture {name}", draw) for name, draw in drawings.items()}
    return {name: path for name, path in made.items() if path}


def _write_page(card: Path, name: str) -> Path:
    page = card.with_suffix(".html")
    page.write_text(card_page.render_page(card.read_text("utf-8"), name, card.parent), "utf-8")
    return page
