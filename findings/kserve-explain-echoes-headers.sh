#!/bin/bash
# Expected: the answer of V1's :explain has its own headers, as that of :predict has
#           (RFC 9110, 6.3 and 15: a response's fields describe the response).
# Happens:  KServe's server answers POST /v1/models/{model}:explain with the headers of the request beside its own: Host,
#           User-Agent, Accept and every other field. `DataPlane.explain` begins the answer's headers with the request's
#           where `DataPlane.infer` begins with none.
# Hurts:    clients and proxies that read an answer's fields: a request's Content-Encoding or Cache-Control is claimed
#           for an answer that has none, and what logs an answer's headers logs the request's.
# Versions: kserve 0.21.0. In this project `model_server.kserve_model` takes the headers out:
#           tests/model_server/test_kserve_model.py::test_an_explanation_does_not_send_the_requests_headers_back.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet kserve==0.21.0
cd "$work"

cat > server.py <<'PYTHON'
from kserve import Model, ModelServer


class Echo(Model):
    def __init__(self, name):
        super().__init__(name)
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        return {"predictions": payload["instances"]}

    async def explain(self, payload, headers=None):
        return {"explanations": payload["instances"]}


ModelServer(enable_grpc=False).start([Echo("echo")])
PYTHON

cat > ask.py <<'PYTHON'
import json
import sys
import urllib.request
from importlib.metadata import version

print("kserve", version("kserve"))
sent = {"Content-Type": "application/json", "Accept": "application/json", "Cache-Control": "no-store"}
seen = {}
for verb in ("predict", "explain"):
    url = f"http://127.0.0.1:{sys.argv[1]}/v1/models/echo:{verb}"
    body = json.dumps({"instances": ["a"]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, sent)) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        seen[verb] = {name: headers[name] for name in ("accept", "cache-control", "host") if name in headers}
    print(f":{verb} answers with {seen[verb] or 'none of them'}")
if seen["predict"] or set(seen["explain"]) != {"accept", "cache-control", "host"}:
    sys.exit("changed: the headers are handled otherwise")
print("as described")
PYTHON

port=$("$work/env/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$work/env/bin/python" server.py --http_port "$port" > server.log 2>&1 &
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
    kill -0 $! || { cat server.log; exit 1; }
    sleep 0.2
done
"$work/env/bin/python" ask.py "$port"
