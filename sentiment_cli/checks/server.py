"""The running server: its ports, its release, its answers, and the rows that it writes."""

import socket
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sentiment_cli.checks.check import Check, fail, ok, skip, warn
from sentiment_cli.errors import ServerAnswer
from sentiment_cli.health.snapshot import ServerView
from sentiment_cli.settings import absent_sqlite
from sentiment_common.errors import first_line

GOLDEN_TEXTS = 5
WORST_DIFFERENCE = 0.03
ARRIVAL_SECONDS = 10.0
DRIFT_HOURS = 26.0


def listens(host: str, port: int) -> bool:
    """Report whether a program accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def split_target(target: str, port: int) -> tuple[str, int]:
    """Split a URL or host:port into host and port."""
    parts = urlsplit(target if "//" in target else f"//{target}")
    return parts.hostname or "127.0.0.1", parts.port or port


def check_http_port(view: ServerView) -> Check:
    """Check that the REST port is free or ours."""
    host, port = split_target(view.url, 80)
    if view.problem is None:
        return ok("REST port", f"{port} is answered by our server")
    if listens(host, port):
        remedy = f"end what uses port {port}, or choose another: sentiment serve --http-port …, doctor --url …"
        return fail("REST port", f"{port} is used, but not by our server", remedy)
    return ok("REST port", f"{port} is free")


def check_grpc_port(target: str, view: ServerView) -> Check:
    """Check that the gRPC port is free or ours."""
    import grpc

    from model_server.rpc.messages import pb
    from sentiment_cli.client.rpc import method

    host, port = split_target(target, 8081)
    if not listens(host, port):
        if view.problem is None:
            return fail("gRPC port", f"REST answers, but nothing listens on {port}", "see the server's log")
        return ok("gRPC port", f"{port} is free")
    with grpc.insecure_channel(target) as channel:
        try:
            method(channel, "ServerLive")(pb.ServerLiveRequest(), timeout=3)
        except grpc.RpcError:
            remedy = f"end what uses port {port}, or choose another: sentiment serve --grpc-port …, doctor --grpc …"
            return fail("gRPC port", f"{port} is used, but not by our server", remedy)
    return ok("gRPC port", f"{port} is answered by our server")


def check_server(view: ServerView, champion_id: Callable[[], str | None]) -> Check:
    """Check that the server is ready and serves the champion."""
    if view.problem is not None:
        return warn("server", view.problem, "sentiment serve")
    if not view.ready:
        return fail("server", f"the server answers, but is not ready: {view.phase}", "wait a moment, or see its log")
    champion = champion_id()
    if champion is None:
        return warn("server", f"ready with {view.release_id}; no champion is known here", "sentiment promote ID")
    if view.release_id != champion:
        remedy = "restart it: sentiment serve (or promote the release that it serves)"
        return warn("server", f"ready with {view.release_id}, but the champion is {champion}", remedy)
    return ok("server", f"ready with the champion {champion}")


def check_golden(transport: str, view: ServerView, grpc_target: str, golden: Path, model: str) -> Check:
    """Check that the server answers golden texts as its release did when it was created."""
    from model_release.golden import read_golden
    from sentiment_cli.client.transports import connect

    name = f"answers by {transport}"
    expected = read_golden(golden)
    texts = expected.texts[:GOLDEN_TEXTS]
    client = connect(transport, view.url, grpc_target, model)
    try:
        answers = [client.predict([text])[0].probability for text in texts]
    except ServerAnswer as error:
        return fail(name, first_line(error), "see the server's log")
    finally:
        client.close()
    worst = max(abs(got - want) for got, want in zip(answers, expected.probabilities, strict=False))
    found = f"{len(texts)} golden texts, largest difference {worst:.4f}"
    if worst > max(expected.tolerance, WORST_DIFFERENCE):
        return fail(name, found, "the server answers like another release: restart it with sentiment serve")
    return ok(name, found)


def check_arrival(view: ServerView, database_url: str, model: str, limit: float = ARRIVAL_SECONDS) -> Check:
    """Check that a new prediction appears in the log."""
    from prediction_log import LogError, WindowReader
    from sentiment_cli.client.transports import RestJson

    name, began = "log rows arrive", time.monotonic()
    with RestJson(view.url, model) as client:
        try:
            (answer,) = client.predict(["A probe of `sentiment doctor`: all is well."])
        except ServerAnswer as error:
            return fail(name, first_line(error), "see the server's log")
    start = datetime.now(UTC) - timedelta(minutes=5)
    reader = WindowReader(database_url)
    while time.monotonic() - began < limit:
        try:
            window = reader.read(start, datetime.now(UTC) + timedelta(minutes=5))
        except LogError as error:
            return fail(name, first_line(error), "check DATABASE_URL and that the database runs")
        if answer.prediction_id in window.ids:
            return ok(name, f"the probe's row appeared after {time.monotonic() - began:.1f} s")
        time.sleep(0.25)
    remedy = "give the server the same DATABASE_URL; `sentiment status` shows the state of its log"
    return fail(name, f"the probe {answer.prediction_id} is not in the log after {limit:.0f} s", remedy)


def check_spill(view: ServerView, folder: Path) -> Check:
    """Check that the journal of rows that the database did not accept is empty."""
    if view.log:
        rows, lost = int(view.log["journal_rows"]), int(view.log["lost"])
        if lost:
            return fail("spill journal", f"{lost} rows were lost", "check whether the disk of SPILL_DIR is full")
        if rows:
            return warn("spill journal", f"{rows} rows wait", "the server writes them when the database is back")
        return ok("spill journal", "empty")
    try:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    except OSError as error:
        return fail("spill journal", f"{folder}: {first_line(error)}", f"chown or chmod {folder}")
    if size:
        remedy = "start the server with the same SPILL_DIR: it writes them to the log"
        return warn("spill journal", f"{size:,} bytes of rows wait in {folder}", remedy)
    return ok("spill journal", f"{folder} is empty")


def check_drift_age(database_url: str, releases: Collection[str] | None = None) -> Check:
    """Check the age and verdict of the last drift check of these releases (of all by default)."""
    from prediction_log import LogError, latest_reports

    remedy = "sentiment drift check --hours 24 (a daily cron job does it)"
    if absent_sqlite(database_url):
        return skip("drift check", "there is no log yet (see database)")
    try:
        reports = latest_reports(database_url, 1, releases=releases)
    except LogError as error:
        return skip("drift check", first_line(error))
    if not reports:
        return warn("drift check", "never run", remedy)
    report = reports[0]
    hours = (datetime.now(UTC) - report.created).total_seconds() / 3600
    found = f"{hours:.1f} h ago: {report.verdict}"
    if hours > DRIFT_HOURS:
        return warn("drift check", found, remedy)
    if report.verdict == "drift":
        return warn("drift check", found, f"read its report: {report.report_uri or 'none was written'}")
    return ok("drift check", found)
