"""A proxy for tests: a forward proxy for any host name, and a reverse proxy under `/tracking` that may ask for a login."""

import http.client
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PREFIX = "/tracking"
_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "host", "content-length", "date", "server"}


class Proxy:
    """A running proxy.

    Attributes:
        url: its address.
        hosts: the host names that forwarded requests were for.
        login: the `Authorization` header that the reverse proxy asks for; None lets everybody in.
    """

    def __init__(self, backend: str) -> None:
        self.backend = urlsplit(backend).netloc
        self.hosts: list[str] = []
        self.login: str | None = None
        self.url = ""


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path
            if "://" in path:
                parts = urlsplit(path)
                proxy.hosts.append(str(parts.hostname))
                path = path.split(parts.netloc, 1)[1]
            elif not path.startswith(PREFIX):
                return self._answer(404, b"not here")
            elif proxy.login not in (None, self.headers.get("Authorization")):
                return self._answer(401, b"log in")
            else:
                path = path.removeprefix(PREFIX)
            connection = http.client.HTTPConnection(proxy.backend, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, path, body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.headers.items())
            return connection.close()

        do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = do_PUT = _handle  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def proxy_to(backend: str) -> Iterator[Proxy]:
    """A proxy whose requests all go to the server at the URL `backend`, whatever host they name."""
    proxy = Proxy(backend)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
