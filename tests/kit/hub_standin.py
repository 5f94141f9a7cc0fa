"""A local stand-in for a model hub: as much of its HTTP interface as downloading a dataset or a model takes."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


class _Handler(BaseHTTPRequestHandler):
    root: Path  # holds datasets/OWNER/NAME and models/OWNER/NAME
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), headers={"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._send(b'{"error": "not found"}', 404, {"X-Error-Code": code, "Content-Type": "application/json"})

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        api = parts[0] == "api"
        if api:
            parts = parts[1:]
        kind = parts.pop(0) if parts[0] in {"datasets", "models"} else "models"
        repo, rest = self.root / kind / "/".join(parts[:2]), parts[2:]
        if not repo.is_dir():
            self._missing("RepoNotFound")
        elif api:
            self._api(repo, "/".join(parts[:2]), rest, body)
        else:
            self._file(repo / "/".join(rest[2:]))

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the names are the base class's

    def _entry(self, repo: Path, path: Path) -> dict[str, object]:
        name = path.relative_to(repo).as_posix()
        if path.is_dir():
            return {"type": "directory", "path": name, "size": 0, "oid": hashlib.sha1(name.encode()).hexdigest()}
        oid = hashlib.sha1(path.read_bytes()).hexdigest()
        return {"type": "file", "path": name, "size": path.stat().st_size, "oid": oid}

    def _api(self, repo: Path, name: str, rest: list[str], body: bytes) -> None:
        files = sorted(path for path in repo.rglob("*") if path.is_file())
        if not rest or rest[0] == "revision":
            siblings = [{"rfilename": path.relative_to(repo).as_posix()} for path in files]
            self._json(
                {"id": name, "sha": REVISION, "private": False, "tags": [], "downloads": 0, "siblings": siblings}
            )
        elif rest[0] == "tree":
            folder = repo / "/".join(rest[2:])
            deep = "recursive=true" in urlsplit(self.path).query.lower()
            found = sorted(folder.rglob("*") if deep else folder.glob("*"))
            self._json([self._entry(repo, path) for path in found])
        elif rest[0] == "paths-info":
            fields = json.loads(body) if body[:1] == b"{" else parse_qs(body.decode())
            wanted = {str(path).strip("/") for path in fields.get("paths", [])}
            entries = [self._entry(repo, path) for path in files]
            self._json([entry for entry in entries if entry["path"] in wanted])
        else:
            self._missing("EntryNotFound")

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._missing("EntryNotFound")
            return
        body = path.read_bytes()
        self._send(body, headers={"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": REVISION})


@contextmanager
def hub(root: Path) -> Iterator[str]:
    """Serve `root`; yield the address for HF_ENDPOINT."""
    handler = type("Handler", (_Handler,), {"root": root})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
