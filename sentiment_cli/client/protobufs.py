"""The V2 protocol's protobufs, from KServe's package."""

import sys
from typing import Any


def protobufs() -> tuple[Any, Any]:
    """Import the messages and the class of a client's stub.

    Importing any part of kserve parses this process' command line with kserve's own parser. That parser ends the thread
    at an option that it takes for an ambiguous one of its own, such as `doctor --grpc`; so it is shown no options.
    """
    shown = sys.argv
    sys.argv = shown[:1]
    try:
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
    finally:
        sys.argv = shown
    return messages, GRPCInferenceServiceStub
