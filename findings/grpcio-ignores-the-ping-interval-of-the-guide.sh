#!/bin/bash
# Expected: the core's guide to keepalive (github.com/grpc/grpc/blob/master/doc/keepalive.md) names the server's bound on
#           clients' pings GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS. In Python a channel argument is its name
#           in lower case behind `grpc.`, as with GRPC_ARG_KEEPALIVE_TIME_MS and grpc.keepalive_time_ms.
# Happens:  `grpc.http2.min_recv_ping_interval_without_data_ms` is accepted and ignored; the value of that constant is
#           `grpc.http2.min_ping_interval_without_data_ms`, without `recv`. No unknown channel argument is reported.
# Hurts:    a server that permits pings by the guide still sends its clients away with "Too many pings", about three of
#           their pings into any call, which tests with short calls never meet.
#           Here: tests/model_server/rpc/test_grpc_connections.py::test_clients_that_ping_stay
# Versions: grpcio 1.76.0, Python 3.11
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.76.0
"$folder/venv/bin/python" - <<'EOF' 2>/dev/null
import platform
import time
from concurrent import futures

import grpc

print("grpcio", grpc.__version__, "Python", platform.python_version())


def slow(request, context):
    time.sleep(6)
    return b"answered"


def outcome(argument):
    """What a call of 6 s ends with whose client pings every second, at a server that permits two pings a second."""
    options = [("grpc.keepalive_permit_without_calls", 1), (argument, 500)]
    server = grpc.server(futures.ThreadPoolExecutor(4), options=options)
    methods = {"slow": grpc.unary_unary_rpc_method_handler(slow)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pings = [("grpc.keepalive_time_ms", 1000), ("grpc.http2.max_pings_without_data", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", pings) as channel:
        try:
            result = channel.unary_unary("/s/slow")(b"").decode()
        except grpc.RpcError as error:
            result = f"{error.code().name}: {error.details()}"
    server.stop(0)
    print(argument, "->", result)
    return result


guides = outcome("grpc.http2.min_recv_ping_interval_without_data_ms")
works = outcome("grpc.http2.min_ping_interval_without_data_ms")
described = guides == "UNAVAILABLE: Too many pings" and works == "answered"
print("as described" if described else f"changed: {guides}, {works}")
raise SystemExit(0 if described else 1)
EOF
