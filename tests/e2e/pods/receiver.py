"""Keeps what Alertmanager posts: POST anything, GET gives back the bodies as a JSON list."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

posted: list[object] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer({})

    def do_GET(self) -> None:
        self._answer(posted)

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
