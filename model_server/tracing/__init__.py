"""OpenTelemetry traces of REST and gRPC, off unless the environment names a collector.

Spans are our own and hold nothing that a client wrote. FastAPI's would hold query strings and texts of exceptions; they
stay off because no provider is made the process's global one.
"""
