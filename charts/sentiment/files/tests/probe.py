"""Shared parts of the probes: a line for success or failure, and retries while a part starts."""

import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import NoReturn

PATIENCE_SECONDS = float(os.environ.get("PATIENCE_SECONDS", "90"))


def failed(sentence: str) -> NoReturn:
    """Exit with a sentence that names the part and the remedy."""
    sys.exit(f"failed: {sentence}")


def passed(sentence: str) -> NoReturn:
    """Exit with success."""
    sys.stdout.write(f"ok: {sentence}\n")
    sys.exit(0)


def fetch(url: str, body: bytes | None = None) -> bytes:
    """Send a GET, or a POST of JSON, and retry while the other side starts.

    Ends the probe without an answer in time.
    """
    # The certificate may lack the Service's name, and the probe checks reachability only.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})

    def answer() -> bytes:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            return bytes(response.read())

    return patiently(answer, f"{url} does not answer")


def patiently(answer: Callable[[], bytes], what: str) -> bytes:
    """Return the answer within `PATIENCE_SECONDS`; a client error (4xx) is not retried."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return answer()
        except urllib.error.HTTPError as error:
            message = f"{error.code} {error.read(300).decode(errors='replace')}"
            if error.code < 500 or time.monotonic() > end:
                failed(f"{what}: {message}")
        except OSError as error:
            if time.monotonic() > end:
                failed(f"{what}: {error}; see the pods with kubectl get pods, and the NetworkPolicies")
        time.sleep(2)


def settled(problem: Callable[[], str]) -> None:
    """Wait until `problem` returns an empty sentence; exit with the last sentence after `PATIENCE_SECONDS`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while sentence := problem():
        if time.monotonic() > end:
            failed(sentence)
        time.sleep(3)
