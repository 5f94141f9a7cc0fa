"""A stand-in of KServe 0.20's graph router: an Ensemble of hard dependencies, with what it drops and what it passes on."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def _call(url: str, body: bytes) -> tuple[int, bytes]:
    """POST with no header of the caller's; any method became a POST, any path the step's address."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _ensemble(steps: dict[str, str], body: bytes) -> tuple[int, bytes]:
    try:
        with ThreadPoolExecutor() as pool:
            calls = {name: pool.submit(_call, url, body) for name, url in steps.items()}
            answers = {name: call.result() for name, call in calls.items()}
        for status, raw in answers.values():
            if not 200 <= status <= 299:  # the first hard dependency that fails decides
                return status, json.dumps(json.loads(raw)).encode()
        return 200, json.dumps({name: json.loads(raw) for name, (_, raw) in sorted(answers.items())}).encode()
    except (OSError, ValueError) as error:
        return 500, json.dumps({"error": "Failed to process request", "cause": str(error)}).encode()


@contextlib.contextmanager
def graph_router(steps: dict[str, str]) -> Iterator[str]:
    """The router's address; `steps` are the addresses by name, and may be changed while it runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/readyz":
                self._answer(200, b"")
            else:
                self._answer(*_ensemble(steps, b""))

        def do_POST(self) -> None:
            self._answer(*_ensemble(steps, self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
