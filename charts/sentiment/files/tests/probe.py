"""What the probes share: one line for a good end, one for a bad one, and patience with parts that have just started."""

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
    """End the probe; the sentence names the part and the remedy."""
    sys.exit(f"failed: {sentence}")


def passed(sentence: str) -> NoReturn:
    """End the probe."""
    sys.stdout.write(f"ok: {sentence}\n")
    sys.exit(0)


def asked(url: str, body: bytes | None = None) -> bytes:
    """The body of a GET, or of a POST of JSON, tried again while the other side starts.

    Ends the probe where it gives none in time.
    """
    # A Service's name need not stand in its certificate, and what is asked is whether it answers.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})

    def answer() -> bytes:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            return bytes(response.read())

    return patiently(answer, f"{url} does not answer")


def patiently(answer: Callable[[], bytes], what: str) -> bytes:
    """What `answer` gives within `PATIENCE_SECONDS`; a client's mistake (4xx) is not tried again."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return answer()
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read(300).decode(errors='replace')}"
            if error.code < 500 or time.monotonic() > end:
                failed(f"{what}: {said}")
        except OSError as error:
            if time.monotonic() > end:
                failed(f"{what}: {error}; see the pods with kubectl get pods, and the NetworkPolicies")
        time.sleep(2)


def settled(problem: Callable[[], str]) -> None:
    """Wait until there is no problem any more; ends the probe with the last one's sentence."""
    end = time.monotonic() + PATIENCE_SECONDS
    while sentence := problem():
        if time.monotonic() > end:
            failed(sentence)
        time.sleep(3)
