"""Meaning of requests and answers: V2, V1, tensors, parameters. No HTTP, no gRPC."""
