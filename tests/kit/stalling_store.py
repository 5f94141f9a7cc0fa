"""An S3 server of one bucket, read from a folder, that stalls in the middle of one object."""

import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class StallingStore(ThreadingHTTPServer):
    """Objects are the files of `folder`; one whose key ends with `stalls_at` is sent half and never ends.

    Attributes:
        stalled: set once a client waits for the rest.
        released: set to end the wait, as `close` does.
    """

    daemon_threads = True

    def __init__(self, folder: Path, stalls_at: str) -> None:
        super().__init__(("127.0.0.1", 0), _Objects)
        self.folder, self.stalls_at = folder, stalls_at
        self.stalled, self.released = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a program needs to read the bucket `store`."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "RELEASES_URI": "s3://store",
        }

    def close(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class _Objects(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StallingStore

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        if (content := self._head()) is None:
            return
        if not self.path.endswith(self.server.stalls_at):
            self.wfile.write(content)
            return
        self.wfile.write(content[: len(content) // 2])
        self.server.stalled.set()
        self.server.released.wait()
        self.close_connection = True

    def _head(self) -> bytes | None:
        """Send the head of the requested object, or a whole 404; return its content."""
        path = self.server.folder / unquote(urlsplit(self.path).path).removeprefix("/store/")
        content = path.read_bytes() if path.is_file() else None
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.send_header("ETag", '"0"')
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        """Log nothing."""
