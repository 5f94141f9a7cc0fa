"""OpenTelemetry traces of REST and gRPC, off unless the environment names a collector.

Spans hold nothing that a client wrote: no query strings, no texts of exceptions.
"""
