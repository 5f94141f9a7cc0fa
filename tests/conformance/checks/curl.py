"""REST by curl, as people type it: no Content-Type, a form's Content-Type, bytes from a pipe, compressed answers."""

import json
import shutil
import subprocess
from typing import Any

from conformance.check import PRACTICE, Skipped, expect, group, shorten
from conformance.target import LENGTH_HEADER, Target, pack

check = group("curl", PRACTICE)
JSON = ("-H", "Content-Type: application/json")


def _curl(target: Target, *arguments: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of a call of the model's infer."""
    program = shutil.which("curl")
    if program is None:
        raise Skipped("curl is not installed")
    url = target.rest.rstrip("/") + target.path
    quiet = ["-q", "-s", "--noproxy", "*", "-m", str(int(target.timeout)), "-w", "\n%{http_code}"]
    done = subprocess.run([program, *quiet, *arguments, url], input=body, capture_output=True, check=False)
    expect(done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    answer, _, status = done.stdout.rpartition(b"\n")
    return int(status), answer


def _answered(status: int, answer: bytes) -> dict[str, Any]:
    expect(status == 200, f"answered {status} {shorten(answer)}; expected 200")
    document = dict(json.loads(answer))
    expect(document.get("outputs"), f"the answer has no outputs: {shorten(document)}")
    return document


@check("curl.no-content-type", "OIP REST; RFC 9110 8.3: a Content-Type may be absent")
def no_content_type(target: Target) -> None:
    body = json.dumps(target.document(id="curl")).encode()
    answer = _answered(*_curl(target, "-H", "Content-Type:", "--data-binary", "@-", body=body))
    expect(answer.get("id") == "curl", f"id is {shorten(answer.get('id'))}")


@check("curl.form-content-type", "OIP REST; curl's -d says application/x-www-form-urlencoded")
def form_content_type(target: Target) -> None:
    _answered(*_curl(target, "-d", json.dumps(target.document())))


@check("curl.binary", "Binary tensor data extension", "binary_tensor_data")
def binary(target: Target) -> None:
    body, headers = target.binary(pack(target.texts), len(target.texts))
    length = f"{LENGTH_HEADER}: {headers[LENGTH_HEADER]}"
    _answered(
        *_curl(target, "-H", "Content-Type: application/octet-stream", "-H", length, "--data-binary", "@-", body=body)
    )


@check("curl.chunked", "RFC 9112 7.1")
def chunked(target: Target) -> None:
    body = json.dumps(target.document()).encode()
    chunks = ["-H", "Transfer-Encoding: chunked", *JSON]
    _answered(*_curl(target, *chunks, "--data-binary", "@-", body=body))


@check("curl.expect-continue", "RFC 9110 10.1.1")
def expect_continue(target: Target) -> None:
    """curl waits for 100 Continue before it sends a large body."""
    body = json.dumps(target.document()).encode()
    _answered(*_curl(target, *JSON, "-H", "Expect: 100-continue", "--data-binary", "@-", body=body))


@check("curl.http-1.0", "RFC 9112 2.3")
def http_1_0(target: Target) -> None:
    _answered(*_curl(target, *JSON, "--http1.0", "--data-binary", "@-", body=json.dumps(target.document()).encode()))


@check("curl.compressed-answer", "RFC 9110 12.5.3")
def compressed(target: Target) -> None:
    document = target.document([f"{target.texts[0]} {number}" for number in range(200)])
    answer = _answered(*_curl(target, *JSON, "--compressed", "--data-binary", "@-", body=json.dumps(document).encode()))
    expect(answer["outputs"][0]["shape"][0] == 200, f"200 texts gave {answer['outputs'][0]['shape']}")


@check("curl.error", "OIP REST, Inference Response JSON Error Object")
def error(target: Target) -> None:
    status, answer = _curl(target, *JSON, "--data-binary", "@-", body=b"{")
    expect(status == 400, f"answered {status} {shorten(answer)}; expected 400")
    expect(isinstance(json.loads(answer).get("error"), str), f"the error's body is {shorten(answer)}")
