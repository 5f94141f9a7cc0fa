"""One server on one machine: start, memory, equality of the transports, requests a second.

    python benchmarks/serving/one_machine.py --release-uri var/releases --texts reviews.csv.gz

The client runs on the same cores as the server and takes its share of them; clients are closed loops over kept-alive
connections, one text a request, V2 REST with JSON.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from harness import ServerProcess, machine, markdown, read_texts, save
from rich.console import Console

from model_release import ReleaseStore, Scorer
from prediction_log import upgrade
from sentiment_cli.client.transports import TRANSPORTS, connect

console = Console()
INFER = "/v2/models/sentiment/infer"


def short_texts(texts: list[str], scorer: Scorer, tokens: int = 35) -> list[str]:
    """The texts cut to about `tokens` tokens."""
    cut = []
    for text in texts:
        encoding = scorer.tokenizer.encode(text, add_special_tokens=False)
        if len(encoding) >= tokens - 2:
            cut.append(text[: encoding.offsets[tokens - 3][1]])
    return cut


def body_of(text: str) -> bytes:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


def _client(
    port: int, bodies: list[bytes], seed: int, seconds: float, latencies: list[float], failed: list[str]
) -> None:
    rng = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        connection.request("POST", INFER, rng.choice(bodies), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            failed.append(f"{response.status} {body[:200]!r}")
        latencies.append(time.perf_counter() - start)


def _load(port: int, bodies: list[bytes], clients: int, seconds: float, queue: Any) -> None:
    latencies: list[float] = []
    failed: list[str] = []
    threads = [
        threading.Thread(target=_client, args=(port, bodies, seed, seconds, latencies, failed))
        for seed in range(clients)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put((latencies, failed, time.perf_counter() - started))


def throughput(server: ServerProcess, texts: list[str], clients: int, seconds: float) -> dict[str, Any]:
    """Requests a second and latencies of `clients` closed loops that run in one other process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    bodies = [body_of(text) for text in texts]
    process = context.Process(target=_load, args=(server.http_port, bodies, clients, seconds, queue))
    process.start()
    latencies, failed, took = queue.get(timeout=seconds + 120)
    process.join()
    p50, p95, p99 = np.percentile(np.array(latencies) * 1000, [50, 95, 99])
    return {
        "clients": clients,
        "requests": len(latencies),
        "failed": len(failed),
        "requests_per_second": round(len(latencies) / took, 1),
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "p99_ms": round(p99, 1),
    }


def logged_rows(database: Path, expected: int) -> int:
    """Rows in the log, once the writer has had time to write `expected` of them."""
    for _ in range(100):
        with sqlite3.connect(database) as connection:
            (rows,) = connection.execute("SELECT COUNT(*) FROM predictions").fetchone()
        if rows >= expected:
            break
        time.sleep(0.1)
    return int(rows)


def transports_agree(server: ServerProcess, texts: list[str], database: Path, workers: int = 8) -> dict[str, Any]:
    """The same texts by every transport: largest differences of P(positive), alone and at once, and the log's rows."""

    def ask(transport: str, rows: list[str]) -> list[float]:
        client = connect(transport, server.url, server.grpc_target)
        try:
            return [client.predict([text])[0].probability for text in rows]
        finally:
            client.close()

    before = logged_rows(database, 0)
    alone = np.array([ask(transport, texts) for transport in TRANSPORTS])
    rows_alone = logged_rows(database, before + alone.size) - before
    spread_alone = float(np.ptp(alone, axis=0).max())

    chunks = [texts[start::workers] for start in range(workers)]
    jobs = [(transport, chunk) for transport in TRANSPORTS for chunk in chunks]
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(lambda job: ask(*job), jobs))
    together = np.empty_like(alone)
    for (transport, chunk), probabilities in zip(jobs, answers, strict=True):
        together[TRANSPORTS.index(transport), chunks.index(chunk) :: workers] = probabilities
    rows_together = logged_rows(database, before + 2 * alone.size) - before - rows_alone
    return {
        "texts": len(texts),
        "transports": list(TRANSPORTS),
        "largest_difference_one_at_a_time": spread_alone,
        "largest_difference_concurrent": float(np.abs(together - alone[0]).max()),
        "rows_logged_one_at_a_time": rows_alone,
        "rows_logged_concurrent": rows_together,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release-uri", default="var/releases")
    parser.add_argument("--name", default="sentiment")
    parser.add_argument("--release", help="id or its start; the champion when absent")
    parser.add_argument("--texts", type=Path, required=True, help="CSV with a column `text`")
    parser.add_argument("--seconds", type=float, default=20, help="of each load (20)")
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    described = machine()
    store = ReleaseStore(options.release_uri)
    champion = store.champion(options.name)
    if options.release:
        release_id = store.resolve(options.name, options.release)
    elif champion:
        release_id = champion.id
    else:
        parser.error("no champion: give --release")

    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        model_dir = store.fetch(options.name, release_id, work / "cache") / "serving"
        scorer = Scorer.load(model_dir, threads=1, verify=False)
        reviews = random.Random(0).sample(read_texts(options.texts), 2000)
        loads = {"IMDB-length": reviews, "35 tokens": short_texts(reviews, scorer)}
        lengths = {
            name: statistics.mean(len(encoding.ids) for encoding in scorer.encode(texts))
            for name, texts in loads.items()
        }
        del scorer
        database = work / "log.db"
        url = f"sqlite:///{database}"
        upgrade(url)

        starts = []
        for _ in range(options.starts):
            with ServerProcess(model_dir, url, work) as server:
                starts.append(round(server.ready_seconds, 2))
                server.stop()
        with ServerProcess(model_dir, url, work) as server:
            resident = {"ready": round(server.resident_mib())}
            agreement = transports_agree(server, reviews[:200], database)
            console.print(agreement)
            client = connect("rest-json", server.url, server.grpc_target)
            for text in reviews[:1000]:
                client.predict([text])
            client.close()
            resident["after_1000_requests"] = round(server.resident_mib())
            results = []
            for name, texts in loads.items():
                for clients in (1, 8):
                    measured = throughput(server, texts, clients, options.seconds)
                    results.append({"texts": name, "mean_tokens": round(lengths[name], 1), **measured})
                    console.print(results[-1])
            resident["after_all_loads"] = round(server.resident_mib())
            exit_code = server.stop()

    manifest = store.manifest(options.name, release_id)
    document = {
        "machine": described,
        "release": {
            "id": release_id,
            "base_model": manifest.base_model,
            "variant": manifest.default_variant,
            "max_tokens": manifest.max_tokens,
        },
        "engine_threads": described["cores"],
        "seconds_to_ready": starts,
        "resident_mib": resident,
        "transports": agreement,
        "throughput": results,
        "exit_code_after_sigterm": exit_code,
    }
    console.print(f"written: {save('serving', document)}")
    headers = ["texts", "clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failed"]
    keys = ["texts", "clients", "requests_per_second", "p50_ms", "p95_ms", "p99_ms", "failed"]
    console.print(markdown(headers, [[row[key] for key in keys] for row in results]), markup=False)


if __name__ == "__main__":
    main()
