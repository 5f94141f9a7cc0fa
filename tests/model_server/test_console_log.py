"""The program's own log: a JSON object a line where asked for, a line a request at most, never a text or a secret."""

import hashlib
import json
import logging
import re
import sys
from pathlib import Path

import httpx
import pytest
from kit.server_process import model_server
from kit.v2_requests import INFER, json_request

from model_server.console_log import FIELDS, JsonFormatter


def formatted(message: object, *arguments: object, **other: object) -> dict[str, object]:
    record = logging.LogRecord(
        "a.logger", logging.WARNING, "file.py", 1, message, arguments, other.pop("exc_info", None)
    )
    record.__dict__.update(other)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_its_time_level_logger_and_message():
    line = formatted("%d rows of\n%s", 3, "ünï")
    assert list(line) == ["time", "level", "logger", "message"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["time"]))
    assert (line["level"], line["logger"], line["message"]) == ("warning", "a.logger", "3 rows of\nünï")


def test_fields_replace_the_message_and_exceptions_are_on_the_same_line():
    line = formatted("ignored", **{FIELDS: {"route": "v1", "path": Path("a")}})
    assert (line["route"], line["path"]) == ("v1", "a") and "message" not in line
    try:
        raise ValueError("inside")
    except ValueError:
        line = formatted("failed", exc_info=sys.exc_info())
    assert str(line["exception"]).startswith("Traceback") and "inside" in str(line["exception"])


@pytest.mark.parametrize("access", ["true", "false"])
def test_every_line_of_a_server_is_json_and_requests_have_one_at_most(serving, tmp_path, access):
    secret, text = "a good secret", "unmistakable words"
    keys = {"keys": [{"name": "page", "sha256": hashlib.sha256(secret.encode()).hexdigest()}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    environment = {"LOG_FORMAT": "json", "ACCESS_LOG": access, "API_KEYS_FILE": str(tmp_path / "keys.json")}
    with (
        model_server(serving, tmp_path / "work", "--a_flag_of_kserve", "x", **environment) as server,
        httpx.Client(base_url=server.url, headers={"X-API-Key": secret}, trust_env=False) as client,
    ):
        assert client.post("/predict", json={"text": text}).status_code == 200
        assert client.post(INFER, json=json_request([text])).status_code == 200
        assert client.post("/predict", json={"text": text, "truncation": "tail"}).status_code == 400
        for path in ("/metrics", "/v2/health/ready", "/health"):
            client.get(path)
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.output.splitlines()]
    assert all({"time", "level", "logger"} <= set(line) for line in lines)
    assert any("ignored: --a_flag_of_kserve x" in str(line.get("message")) for line in lines)
    assert text not in server.output and secret not in server.output
    requests = [line for line in lines if line["logger"] == "model_server.access"]
    logged = [(line["route"], line["status"], line.get("error"), line["key"]) for line in requests]
    expected = [
        ("predict", "200", None, "page"),
        ("v2-rest", "200", None, "page"),
        ("predict", "400", "InvalidInput", "page"),
    ]
    assert logged == (expected if access == "true" else [])
