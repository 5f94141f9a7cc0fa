"""The whole demo, with a network of random weights and made-up reviews."""

import json
import random
import sqlite3
from pathlib import Path

import pytest
from kit.factories import make_texts

from sentiment_cli.demo.data import Table, write_csv

SMALL = {
    "BASE_MODEL": "scratch-tiny",
    "MAX_TOKENS": "64",
    "DEMO_TEST_ROWS": "120",
    "DEMO_LIKE_ROWS": "110",
    "DEMO_FOREIGN_ROWS": "110",
    "DRIFT_EVIDENTLY": "0",
}


def reviews(path: Path, count: int, seed: int) -> str:
    texts, labels = make_texts(count, seed)
    return str(write_csv(Table(tuple(texts), tuple(labels.tolist())), path))


def invoices(path: Path, count: int) -> str:
    rng = random.Random(0)
    words = "invoice 2024 router cable refund 40% parcel depot #77 tariff kWh upload reboot".split()
    texts = tuple(" ".join(rng.choices(words, k=rng.randint(60, 80))).upper() for _ in range(count))
    return str(write_csv(Table(texts, tuple(number % 2 for number in range(count))), path))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return {
        "TRAIN_DATA": reviews(folder / "train.csv", 120, 1),
        "TEST_DATA": reviews(folder / "test.csv", 260, 2),
        "FOREIGN_DATA": invoices(folder / "foreign.csv", 120),
    }


@pytest.mark.timeout(900)
def test_the_whole_loop(alone, data, tmp_path):
    folder = tmp_path / "demo"
    done = alone("demo", "--folder", str(folder), **SMALL, **data)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "ok"
    assert {stage["outcome"] for stage in summary["stages"]} == {"done"}
    assert all(each["met"] for each in summary["expectations"])
    assert {each["transport"] for each in summary["transports"]} == {"rest-json", "rest-binary", "grpc", "predict"}
    assert [each["verdict"] for each in summary["drift"]] == ["stable", "drift"]
    assert all(Path(each["report"]).is_file() for each in summary["drift"])
    assert summary["peak_mib"] > 100

    with sqlite3.connect(folder / "predictions.db") as database:
        (rows,) = database.execute("SELECT count(*) FROM prediction_logs").fetchone()
        (reports,) = database.execute("SELECT count(*) FROM drift_reports").fetchone()
    assert rows == summary["rows_logged"] == summary["texts_sent"]
    assert reports == 2
    assert summary["release_id"] in done.stdout
    assert "sentiment status" in done.stdout
    assert not (tmp_path / "predictions.db").exists()  # all of it stays in the demo's folder


def test_a_stage_that_fails_is_named_with_its_reason_and_its_log(alone, data, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\nfine,positive\npoor,perhaps\n")
    folder = tmp_path / "demo"
    done = alone("demo", "--folder", str(folder), **SMALL, **(data | {"TRAIN_DATA": str(bad)}))
    assert done.returncode == 1
    assert "stage `train`" in done.stdout
    assert "'perhaps'" in done.stdout
    assert f"{folder}/logs/train.log" in done.stdout.replace("\n", "")
    assert "Traceback" not in done.stdout + done.stderr
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcome"] == "failed"
    assert [stage["outcome"] for stage in summary["stages"]][:3] == ["done", "failed", "not reached"]


def test_a_missing_file_is_named(alone, data, tmp_path):
    done = alone(
        "demo", "--folder", str(tmp_path / "demo"), **SMALL, **(data | {"TEST_DATA": str(tmp_path / "none.csv")})
    )
    assert done.returncode == 1
    assert "none.csv does not exist" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
