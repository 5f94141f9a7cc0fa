"""A conformance kit for servers of the Open Inference Protocol (V2) that classify texts: REST and gRPC, by URL.

`python -m conformance --help` (with `tests/` on the path). It needs httpx, grpcio, protobuf and rich, and knows nothing
of the server's code; the checks by tritonclient run where that is installed, and are skipped elsewhere.
"""
