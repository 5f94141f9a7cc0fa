"""The checks, by what they ask. Importing this package registers all of them."""

from . import (
    binary,
    classification,
    codings,
    curl,
    datatypes,
    errors,
    infer,
    metadata,
    repository,
    rpc,
    rpc_errors,
    rpc_standard,
    sockets,
    states,
    triton_grpc,
    triton_http,
)

__all__ = [
    "binary",
    "classification",
    "codings",
    "curl",
    "datatypes",
    "errors",
    "infer",
    "metadata",
    "repository",
    "rpc",
    "rpc_errors",
    "rpc_standard",
    "sockets",
    "states",
    "triton_grpc",
    "triton_http",
]
