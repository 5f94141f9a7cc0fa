#!/bin/bash
# Expected: a server that does not take an offer to upgrade ignores it and answers the request as it is (RFC 9110, 7.8:
#           "A server MAY ignore a received Upgrade header field"). Uvicorn says that it does: it logs "Unsupported
#           upgrade request" and continues.
# Happens:  with httptools, which uvicorn takes by default where it is installed, the application gets the request with
#           an empty body. The parser skips the body of a request that offers an upgrade, and uvicorn does not read it.
#           With h11 the same request arrives whole.
# Hurts:    whoever serves JSON by FastAPI, KServe's SDK or MLflow to `curl --http2` without TLS, or to Java's HttpClient,
#           whose default offers h2c with every first POST: the answer is 400 or 422 for a body that was sent.
# Versions: uvicorn 0.54.0, httptools 0.9.0, h11 0.16.0. In this project:
#           tests/sentiment_common/test_http_upgrade.py::test_an_upgrade_offer_is_ignored_and_its_request_answered.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0
cd "$work"

cat > ask.py <<'PYTHON'
"""Send one POST with a body and an offer of h2c to uvicorn with each parser; what the application got."""
import asyncio
import socket
from importlib.metadata import version

import uvicorn

BODY = b'{"text": "good"}'
REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = b"the body has %d bytes" % len(body)
    fields = [(b"content-length", b"%d" % len(answer)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": answer})


async def ask(parser):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=parser, ws="none", lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        server.should_exit = True
        await serving
    return answer.rpartition(b"\r\n\r\n")[2].decode()


print(", ".join(f"{name} {version(name)}" for name in ("uvicorn", "httptools", "h11")))
print(f"sent: {len(BODY)} bytes of body, and an offer of h2c")
seen = {parser: asyncio.run(ask(parser)) for parser in ("httptools", "h11")}
for parser, answer in seen.items():
    print(f"{parser}: {answer}")
expected = {"httptools": "the body has 0 bytes", "h11": f"the body has {len(BODY)} bytes"}
if seen != expected:
    raise SystemExit("changed: both parsers no longer differ in this way")
print("as described")
PYTHON
"$work/env/bin/python" ask.py
