"""The loop: train, promote, serve, query, log, watch. `run_loop` runs all stages in order."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sentiment_cli.client.transports import connect
from sentiment_cli.demo.data import (
    FEWEST_TEST,
    LABELS,
    Parts,
    Table,
    TooFewRows,
    distinct,
    read_table,
    split_one,
    split_test,
    write_csv,
)
from sentiment_cli.demo.processes import ProgramFailed, ServerProcess, child_environment, free_ports, run_program
from sentiment_cli.demo.record import DemoRecord, DriftRecord, Expectation
from sentiment_cli.demo.settings import OWN_REVIEWS, DemoSettings
from sentiment_cli.demo.stages import Stage, Stages
from sentiment_cli.demo.traffic import (
    Connect,
    Sent,
    by_transport,
    compare_transports,
    failures,
    plan_requests,
    send_all,
)

MODEL = "sentiment"
AGREEMENT_TEXTS = 25
AGREEMENT_LIMIT = 1e-3
LOG_SECONDS = 20.0
OWN_EPOCHS = 4
OWN_COLUMNS = ("text", "label")
DRIFT_CODES = (0, 10, 20, 30)


@dataclass(frozen=True, slots=True)
class Place:
    """The demo's folder, and the environment that keeps all programs inside it."""

    folder: Path
    environment: dict[str, str]

    @property
    def releases_uri(self) -> str:
        return self.environment["RELEASES_URI"]

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def log(self, name: str) -> Path:
        """Return the output file of a stage's program."""
        path = self.folder / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def run_loop(settings: DemoSettings, record: DemoRecord, stages: Stages) -> None:
    """Run every stage and write its results to `record`; the server is always stopped.

    Raises:
        StageFailed: a stage failed; `record` has the results of the stages before.
    """
    place = Place(settings.folder, child_environment(settings.folder, settings.seed))
    with stages.stage("data") as stage:
        parts, foreign = prepare(settings, place, stage)
        record.rows = {"test": len(parts.test), "like": len(parts.like), "foreign": len(foreign)}
    with stages.stage("train") as stage:
        train(settings, place, record, stage)
    with stages.stage("promote") as stage:
        run_program(
            ["training_job", "promote", str(record.release_id)], place.environment, stage.log(place.log("promote"))
        )
        stage.describe(f"{record.release_id} is the champion")
    with ExitStack() as cleanup:
        with stages.stage("serve") as stage:
            server = serve(settings, place, record, stage)
            cleanup.callback(server.close)
            record.ready_seconds = server.wait_ready()
            stage.describe(f"ready at {server.url} and gRPC {server.grpc_target}")
        open_client = partial(connect, http_url=server.url, grpc_target=server.grpc_target, model=MODEL)
        began = datetime.now(UTC)
        with stages.stage("agree") as stage:
            agree(parts.like.texts[:AGREEMENT_TEXTS], open_client, record, stage)
        windows, sent = {}, list[Sent]()
        for name, table in (("like", parts.like), ("foreign", foreign)):
            with stages.stage(name) as stage:
                windows[name], answered = send_window(table, open_client, settings.threads, stage)
                sent += answered
        record.transports = by_transport(sent)
        with stages.stage("log") as stage:
            count_log(place, began, record, sent, stage)
        for name, expected in (("like", "stable"), ("foreign", "drift")):
            with stages.stage(f"drift-{name}") as stage:
                record.drift.append(check_drift(place, record, name, expected, windows[name], stage))
        with stages.stage("stop") as stage:
            record.shutdown_seconds = server.stop()
            stage.describe("drained, the log flushed")
    record.expectations = expectations(record)


def prepare(settings: DemoSettings, place: Place, stage: Stage) -> tuple[Parts, Table]:
    """Read, split and write the rows, including the foreign rows."""
    columns = (settings.text_column, settings.label_column)
    sizes = {"like_rows": settings.like_rows, "test_rows": settings.test_rows, "seed": settings.seed}
    if settings.test_data:
        parts = split_test(read_table(settings.test_data, "test", columns), **sizes)
    else:
        source = settings.train_data or str(OWN_REVIEWS)
        parts = split_one(read_table(source, "train", columns if settings.train_data else OWN_COLUMNS), **sizes)
    foreign = distinct(read_table(settings.foreign_data, "test", OWN_COLUMNS))
    foreign = foreign.take(range(min(settings.foreign_rows, len(foreign))))
    if len(foreign) < FEWEST_TEST:
        raise TooFewRows(f"{settings.foreign_data} holds {len(foreign)} different rows; {FEWEST_TEST} are needed")
    written = {"test": parts.test, "like": parts.like, "foreign": foreign}
    for name, table in (written if parts.train is None else written | {"train": parts.train}).items():
        write_csv(table, place.folder / "data" / f"{name}.csv", columns)
    training = f"{len(parts.train)} to train" if parts.train is not None else f"{settings.train_data} to train"
    stage.describe(f"{training}, {len(parts.test)} to evaluate, {len(parts.like)} and {len(foreign)} foreign to send")
    return parts, foreign


def training_environment(settings: DemoSettings, folder: Path) -> dict[str, str]:
    """Build the training's variables: `quick` for a user's data, `full` with more epochs for the own reviews."""
    split_here = settings.test_data is None
    variables = {
        "TRAIN_MODE": settings.mode or ("full" if settings.own_reviews else "quick"),
        "TRAIN_DATA": str(folder / "data" / "train.csv") if split_here else str(settings.train_data),
        "TEST_DATA": str(folder / "data" / "test.csv"),
        "BASE_MODEL": settings.base_model,
        "MAX_TOKENS": str(settings.max_tokens),
        "SEED": str(settings.seed),
    }
    epochs = settings.epochs or (OWN_EPOCHS if settings.own_reviews and settings.mode is None else None)
    return variables | ({"EPOCHS": f"{epochs:g}"} if epochs else {})


def train(settings: DemoSettings, place: Place, record: DemoRecord, stage: Stage) -> None:
    """Train in a separate process, then read the published release from the store."""
    from model_release import ReleaseStore

    environment = place.environment | training_environment(settings, place.folder)
    log = stage.log(place.log("train"))
    run_program(["training_job", "train"], environment, log, on_line=stage.progress)
    store = ReleaseStore(place.releases_uri)
    ids = store.list_releases(MODEL)
    if not ids:
        raise ProgramFailed(f"training succeeded, but there is no release in {store.base}; see {log}")
    manifest = store.manifest(MODEL, ids[0])
    record.release_id, record.release_uri = manifest.release_id, store.uri(MODEL, manifest.release_id)
    record.base_model, record.default_variant = manifest.base_model, manifest.default_variant
    record.metrics = {name: metric.model_dump() for name, metric in manifest.metrics.items()}
    accuracy = record.metrics.get("accuracy", {}).get("value", float("nan"))
    baseline = record.metrics.get("baseline_accuracy", {}).get("value", float("nan"))
    stage.describe(f"release {manifest.release_id}, accuracy {accuracy:.3f} (baseline: {baseline:.3f})")


def serve(settings: DemoSettings, place: Place, record: DemoRecord, stage: Stage) -> ServerProcess:
    """Start `sentiment serve` on the given ports, or on free ones."""
    free = free_ports(2)
    http_port, grpc_port = settings.http_port or free[0], settings.grpc_port or free[1]
    record.environment["HTTP_PORT"], record.environment["GRPC_PORT"] = str(http_port), str(grpc_port)
    return ServerProcess(place.environment, stage.log(place.log("server")), http_port, grpc_port)


def agree(texts: Sequence[str], open_client: Connect, record: DemoRecord, stage: Stage) -> None:
    """Send the same texts by every transport, one at a time."""
    record.agreement = found = compare_transports(texts, open_client)
    record.texts_sent += found.texts * len(found.by_transport)
    stage.describe(f"{found.texts} texts, P(positive) differs by at most {found.largest_difference:.1g}")


def send_window(
    table: Table, open_client: Connect, threads: int, stage: Stage
) -> tuple[tuple[datetime, datetime], list[Sent]]:
    """Send all rows; return the time window that holds exactly these rows, and the answers.

    Raises:
        ProgramFailed: a request was refused.
    """
    time.sleep(0.05)  # ids carry milliseconds: keep the windows apart
    start = datetime.now(UTC)
    sent = send_all(plan_requests(table.texts), open_client, threads)
    end = datetime.now(UTC)
    time.sleep(0.05)
    refused = failures(sent)
    if refused:
        raise ProgramFailed(f"{len(refused)} of {len(sent)} requests failed, the first: {refused[0]}")
    pairs = [
        (label, truth)
        for one, truths in zip(sent, _truths(table, sent), strict=True)
        for label, truth in zip(one.labels, truths, strict=True)
    ]
    right = sum(label == truth for label, truth in pairs) / len(pairs)
    stage.describe(f"{len(sent)} requests with {len(pairs)} texts from {threads} threads, {right:.0%} correct")
    return (start, end), sent


def _truths(table: Table, sent: Sequence[Sent]) -> list[tuple[str, ...]]:
    """Return the true labels of each request's texts."""
    truth = dict(zip(table.texts, table.labels, strict=True))
    return [tuple(LABELS[truth[text]] for text in one.request.texts) for one in sent]


def count_log(place: Place, began: datetime, record: DemoRecord, sent: Sequence[Sent], stage: Stage) -> None:
    """Wait until the log holds one row per sent text.

    Raises:
        ProgramFailed: after 20 s the counts still differ.
    """
    from prediction_log import WindowReader

    record.texts_sent += sum(len(one.request.texts) for one in sent)
    reader = WindowReader(place.database_url)
    limit = time.monotonic() + LOG_SECONDS
    while True:
        record.rows_logged = reader.summary(began, datetime.now(UTC) + timedelta(seconds=1)).predictions
        if record.rows_logged >= record.texts_sent or time.monotonic() > limit:
            break
        time.sleep(0.3)
    if record.rows_logged != record.texts_sent:
        raise ProgramFailed(
            f"{record.texts_sent} texts were answered, but {place.database_url} holds {record.rows_logged} of them "
            f"after {LOG_SECONDS:.0f} s; see {place.log('server')}"
        )
    stage.describe(f"{record.rows_logged} rows for {record.texts_sent} texts")


def check_drift(
    place: Place, record: DemoRecord, name: str, expected: str, window: tuple[datetime, datetime], stage: Stage
) -> DriftRecord:
    """Run the drift program on one window and read its row from the log."""
    from prediction_log import latest_reports

    start, end = window
    environment = place.environment | {
        "DRIFT_END": end.isoformat(),
        "DRIFT_HOURS": repr((end - start).total_seconds() / 3600),
        "DRIFT_RELEASE": str(record.release_id),
    }
    log = stage.log(place.log(f"drift-{name}"))
    finished = run_program(["drift_cronjob", "check"], environment, log, expected=DRIFT_CODES, on_line=stage.progress)
    row = latest_reports(place.database_url, 1)[0]
    stage.describe(f"{row.verdict} (expected: {expected})")
    return DriftRecord(name, expected, row.verdict, row.reason, row.rows, row.report_uri, finished.seconds)


def expectations(record: DemoRecord) -> list[Expectation]:
    """Evaluate the expectations of a demo. A `warning` on like traffic is not an alarm and passes."""
    verdicts = {drift.traffic: drift.verdict for drift in record.drift}
    agreement = record.agreement
    met = [
        Expectation(
            "the log holds every text once",
            record.rows_logged == record.texts_sent,
            f"{record.rows_logged} rows, {record.texts_sent} texts",
        ),
        Expectation(
            "traffic of the same kind raises no alarm", verdicts.get("like") in {"stable", "warning"}, verdicts["like"]
        ),
        Expectation("foreign traffic is detected", verdicts.get("foreign") == "drift", verdicts["foreign"]),
    ]
    if agreement:
        same = agreement.largest_difference <= AGREEMENT_LIMIT and agreement.labels_agree
        found = f"largest difference {agreement.largest_difference:.2g}"
        met.insert(0, Expectation("all four transports give the same answers", same, found))
    return met
