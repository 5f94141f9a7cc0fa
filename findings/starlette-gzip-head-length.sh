#!/usr/bin/env bash
# Expected: HEAD answers with the Content-Length that GET would have, or without one: RFC 9110, 9.3.2 lets a server leave a
#   field out whose value only the content gives, and 8.6 forbids a Content-Length that is not that of the GET's answer.
# Happens: Starlette's GZipMiddleware compresses the answer of GET and not that of HEAD, because a HEAD has no body to
#   compress: HEAD of the same file, with the same Accept-Encoding, names the size of the plain file and no Content-Encoding.
# Hurts: download managers, link checkers and caches that ask HEAD first and compare; nothing fails loudly.
#   Here: tests/sentiment_common/test_http_routing.py::test_head_has_the_headers_of_get
# Versions: starlette 1.10.0, uvicorn 0.54.0
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2> /dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "starlette==1.10.0" "uvicorn==0.54.0"
mkdir "$work/files"
python3 -c 'print("export {}\n" * 1000, end="")' > "$work/files/app.js"
cat > "$work/app.py" << 'PY'
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

app = Starlette(routes=[Mount("/", GZipMiddleware(StaticFiles(directory="files")))])
PY
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$work"
venv/bin/uvicorn app:app --port "$port" --log-level warning &
server=$!

venv/bin/python - "$port" << 'PY'
import http.client
import importlib.metadata
import sys
import time

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("starlette", "uvicorn")))


def ask(method):
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
            connection.request(method, "/app.js", headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Encoding"), answer.getheader("Content-Length"), answer.read()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


got, head = ask("GET"), ask("HEAD")
for method, (status, coding, length, body) in (("GET", got), ("HEAD", head)):
    print(f"{method}: {status}, Content-Encoding {coding}, Content-Length {length}, {len(body)} bytes of body")
if got[1] == "gzip" and head[1] is None and head[2] == "10000" and len(got[3]) < 10_000:
    print("as described")
else:
    raise SystemExit("changed: HEAD has the headers of GET")
PY
