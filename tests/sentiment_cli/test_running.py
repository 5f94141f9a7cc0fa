"""Client, status and doctor against a real server that `sentiment serve` started."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from kit.factories import make_texts

from sentiment_cli.client.transports import TRANSPORTS, Predict, connect
from sentiment_cli.demo.processes import free_ports
from sentiment_cli.demo.traffic import by_transport, compare_transports, plan_requests, send_all
from sentiment_cli.errors import ServerAnswer

UNUSUAL = ["", "  ", "emoji \U0001f600 and ümläüts", "line\u2028break\u0085and\nmore", "x" * 5000]


def client_of(running, transport):
    return connect(transport, running.url, running.grpc)


def test_all_transports_give_the_same_answers_to_ordinary_and_unusual_texts(running):
    texts = make_texts(20, seed=3)[0] + UNUSUAL[2:]
    found = compare_transports(texts, partial(client_of, running))
    assert found.labels_agree
    assert found.largest_difference < 1e-3


@pytest.mark.parametrize("transport", ["rest-json", "rest-binary", "grpc"])
def test_many_texts_in_one_request_come_back_in_order(running, transport):
    texts = make_texts(12, seed=4)[0]
    client = client_of(running, transport)
    together = client.predict(texts)
    alone = [client.predict([text])[0] for text in texts]
    client.close()
    assert [answer.label for answer in together] == [answer.label for answer in alone]
    assert [answer.probability for answer in together] == pytest.approx(
        [answer.probability for answer in alone], abs=1e-3
    )
    assert len({answer.prediction_id for answer in [*together, *alone]}) == 24


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refusal_is_reported_in_the_servers_words(running, transport):
    client = connect(transport, running.url, running.grpc, model="sentiment" if transport == "predict" else "other")
    with pytest.raises(ServerAnswer) as refused:
        client.predict(["x" * 300_000 if transport == "predict" else "a text"])
    client.close()
    assert refused.value.status in {404, "NOT_FOUND", 400, 413}
    assert "answered" in str(refused.value)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_missing_server_is_reported(transport):
    rest, grpc = free_ports(2)
    client = connect(transport, f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}")
    with pytest.raises(ServerAnswer, match=r"no server answers there|UNAVAILABLE"):
        client.predict(["a text"])
    client.close()


def test_an_unknown_transport_is_a_bug():
    with pytest.raises(ValueError, match="carrier-pigeon"):
        connect("carrier-pigeon", "http://x", "x:1")


def test_every_text_that_was_sent_from_many_threads_is_in_the_log(running):
    from prediction_log import WindowReader

    start = datetime.now(UTC)
    texts = [f"{text} {number}" for number, text in enumerate(make_texts(80, seed=5)[0])]
    sent = send_all(plan_requests(texts), partial(client_of, running), threads=4)
    assert not any(each.failed for each in by_transport(sent))
    reader = WindowReader(running.environment["DATABASE_URL"])
    for _ in range(100):
        window = reader.read(start, datetime.now(UTC) + timedelta(seconds=1))
        if len(window) >= len(texts):
            break
    assert sorted(text or "" for text in window.text) == sorted(texts)


def test_status_of_a_running_server(running):
    with Predict(running.url) as client:
        client.predict(["a wonderful film"])
    shown = json.loads(running.command("status", "--json", "--hours", "1").stdout)
    lines = {line["name"]: line for line in shown["lines"]}
    assert shown["release_id"] == running.release_id
    assert lines["model"]["grade"] == "green"
    assert lines["prediction log"]["grade"] == "green"
    assert lines["error rate"]["grade"] == "green"
    assert lines["drift"]["grade"] == "unknown"
    assert lines["p95 latency"]["grade"] in {"green", "yellow", "red"}
    assert shown["overall"] in {"green", "yellow", "red"}


def test_status_says_grades_in_words_and_ends_accordingly(running):
    done = running.command("status", "--hours", "1")
    assert f"loaded, release {running.release_id}" in done.stdout
    assert "(healthy)" in done.stdout
    overall = next(line for line in done.stdout.splitlines() if line.startswith("overall"))
    assert done.returncode == int("red" in overall)
    assert "Traceback" not in done.stderr


def test_status_without_a_server_reads_the_log_and_ends_with_1(running):
    (port,) = free_ports(1)
    done = running.command("status", "--json", "--url", f"http://127.0.0.1:{port}")
    lines = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
    assert done.returncode == 1
    assert "not reachable" in lines["model"]["value"]
    assert lines["model"]["remedy"] == "start it: sentiment serve"
    assert lines["predictions"]["value"].endswith("in 24 h")


def test_status_without_a_database_takes_the_servers_own_figures(running):
    done = running.command("status", "--json", "--database-url", "postgresql://me:secret@127.0.0.1:9/log")
    lines = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
    assert done.returncode == 1
    assert lines["model"]["grade"] == "green"
    assert lines["prediction log"]["grade"] == "red"
    assert lines["predictions"]["value"].endswith("since the server started")
    assert "secret" not in done.stdout + done.stderr


def test_status_without_anything_still_answers(alone):
    done = alone("status")
    assert done.returncode == 1
    assert "not reachable" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_doctor_finds_a_running_system_well(running):
    done = running.command("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    for name in ("releases", "champion's files", "database", "REST port", "gRPC port", "server", "spill journal"):
        assert checks[name]["state"] == "ok", checks[name]
    for name in ("answers by rest-json", "answers by grpc", "log rows arrive"):
        assert checks[name]["state"] == "ok", checks[name]
    assert checks["drift check"]["state"] == "warn"
    assert all(check["remedy"] for check in checks.values() if check["state"] in {"warn", "fail"})
    assert done.returncode == 0


def test_doctor_names_what_is_broken_and_continues(running, tmp_path):
    shutil.copytree(running.environment["RELEASES_URI"], tmp_path / "store")
    (manifest,) = (tmp_path / "store").glob("sentiment/releases/*/serving/tokenizer.json")
    manifest.write_bytes(b"{}")
    done = running.command(
        "doctor", "--releases-uri", str(tmp_path / "store"), "--database-url", "postgresql://me:secret@127.0.0.1:9/log"
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "secret" not in done.stdout
    failed = {line[6:26].strip() for line in done.stdout.splitlines() if line.startswith("fail")}
    assert failed == {"champion's files", "database", "log rows arrive"}
    assert "-> check DATABASE_URL" in done.stdout


def test_doctor_without_a_server_says_how_to_start_one(alone, tmp_path):
    done = alone("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert checks["server"]["remedy"] == "sentiment serve"
    assert checks["log rows arrive"]["state"] == "skip"
    assert not (tmp_path / "predictions.db").exists()
