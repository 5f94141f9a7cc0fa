"""Traffic of the end-to-end run: V2 calls by REST and gRPC, and texts that are like the training rows or foreign to it."""

import csv
import gzip
import json
import random
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import grpc
from commands import ROOT, expect
from kit.v2_requests import INFER, grpc_request, json_request, read_rpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from training_job.data.reading import read_rows

SAMPLES = ROOT / "training_job/sample_reviews.csv"
FOREIGN = ROOT / "sentiment_cli/demo_data/foreign.csv"


def rows_of(path: Path, count: int) -> tuple[list[str], list[str]]:
    """Up to `count` texts of a file of rows and their labels, drawn from all of it: files are often sorted by label."""
    rows = read_rows(str(path), "train", ("text", "label"))
    labels = dict(zip(rows.texts, ("positive" if label else "negative" for label in rows.labels), strict=True))
    texts = random.Random(2026).sample(list(labels), min(count, len(labels)))
    return texts, [labels[text] for text in texts]


def foreign_texts() -> list[str]:
    """Make texts that no model of film reviews was trained for."""
    opened = gzip.open if FOREIGN.suffix == ".gz" else open
    with opened(FOREIGN, "rt", encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def ask_rest(port: int, texts: Sequence[str], outputs: Sequence[str] = ("prediction_id",)) -> list[str]:
    """Send one V2 call per text by REST; return the prediction ids."""
    ids = []
    for text in texts:
        body = json.dumps(json_request([text], outputs)).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{INFER}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
        ids.extend(next(one["data"] for one in answer["outputs"] if one["name"] == "prediction_id"))
    return ids


def give_feedback(port: int, ids: Sequence[str], labels: Sequence[str]) -> None:
    """Send the true label of each prediction."""
    for prediction_id, label in zip(ids, labels, strict=True):
        body = json.dumps({"prediction_id": prediction_id, "label": label, "who": "e2e"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/feedback", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            expect(response.status == 200, f"feedback for {prediction_id} was not taken")


def ask_grpc(port: int, texts: Sequence[str]) -> list[str]:
    """Send one V2 call per text by gRPC; return the prediction ids."""
    ids: list[str] = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        for text in texts:
            answer = read_rpc(stub.ModelInfer(grpc_request([text], ["prediction_id"]), timeout=60))
            ids.extend(answer["prediction_id"].tolist())
    expect(len(set(ids)) == len(texts), "two predictions have one id")
    return ids
