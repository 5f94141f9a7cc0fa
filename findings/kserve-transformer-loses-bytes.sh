#!/bin/bash
# Expected: a transformer of KServe's SDK hands a V2 request on to its predictor, whichever way each side speaks. The SDK's
#           own ModelServer listens on REST and gRPC at once, and --predictor_protocol sets how the predictor is called:
#           https://kserve.github.io/website/docs/model-serving/predictive-inference/transformers/custom-transformer
# Happens:  with --predictor_protocol v2 no gRPC request with a BYTES tensor arrives. Typed contents are bytes, which
#           the SDK then writes as JSON (TypeError); raw contents are appended to the JSON without `binary_data_size`,
#           which the SDK's own predictor refuses (422). The client gets INTERNAL "Internal server error" for both, and
#           the same requests to the predictor itself are answered.
# Hurts:    whoever serves text or images behind a transformer and lets clients in by gRPC. The client's code is right, the
#           predictor's too, and the error names nothing. With --predictor_protocol grpc-v2 all of them pass.
# Versions: kserve 0.21.0. In this project: tests/model_server/test_kserve_clients.py::test_a_transformer_asks_by_grpc.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet kserve==0.21.0
cd "$work"

cat > server.py <<'PYTHON'
"""A predictor that answers texts in capitals; with --predictor_host a transformer that changes nothing."""
from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.model_server import args


class Transformer(Model):
    def __init__(self, name):
        super().__init__(name)
        self.ready = True


class Predictor(Transformer):
    async def predict(self, payload, headers=None, response_headers=None):
        texts = [text.decode() if isinstance(text, bytes) else text for text in payload.inputs[0].as_numpy()]
        output = InferOutput("loud", [len(texts)], "BYTES", [text.upper() for text in texts])
        return InferResponse(payload.id or "1", self.name, [output])


ModelServer().start([(Transformer if args.predictor_host else Predictor)("loud")])
PYTHON

cat > ask.py <<'PYTHON'
"""Ask each server by gRPC, with typed and with raw contents."""
import asyncio
import logging
import sys
from importlib.metadata import version

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

logging.disable(logging.CRITICAL)  # the client logs each error before it raises it


async def ask(target, raw):
    tensor = InferInput("text", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([b"good"], dtype=object), binary_data=raw)
    async with InferenceGRPCClient(target) as client:
        try:
            answer = await client.infer(InferRequest("loud", [tensor]))
            return answer.outputs[0].as_numpy().tolist()
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"


async def main():
    print("kserve", version("kserve"))
    seen = []
    for name, port in zip(("predictor", "transformer, v2", "transformer, grpc-v2"), sys.argv[1:]):
        for raw in (False, True):
            seen.append(await ask(f"127.0.0.1:{port}", raw))
            print(f"{name}, {'raw' if raw else 'typed'} contents: {seen[-1]}")
    passed, lost = [b"GOOD"], "INTERNAL: Internal server error"
    if seen != [passed, passed, lost, lost, passed, passed]:
        sys.exit("changed: the transformer answers otherwise")
    print("as described")


asyncio.run(main())
PYTHON

ports=($("$work/env/bin/python" -c '
import socket
sockets = [socket.socket() for _ in range(6)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))'))

start() { # REST's port, gRPC's port, flags
    local rest=$1 rpc=$2
    shift 2
    "$work/env/bin/python" server.py --http_port "$rest" --grpc_port "$rpc" "$@" > "$rest.log" 2>&1 &
    until (exec 3<> "/dev/tcp/127.0.0.1/$rest" 4<> "/dev/tcp/127.0.0.1/$rpc") 2> /dev/null; do
        kill -0 $! || { cat "$rest.log"; exit 1; }
        sleep 0.2
    done
}
start "${ports[0]}" "${ports[1]}"
start "${ports[2]}" "${ports[3]}" --predictor_host "127.0.0.1:${ports[0]}" --predictor_protocol v2
start "${ports[4]}" "${ports[5]}" --predictor_host "127.0.0.1:${ports[1]}" --predictor_protocol grpc-v2
"$work/env/bin/python" ask.py "${ports[1]}" "${ports[3]}" "${ports[5]}"
