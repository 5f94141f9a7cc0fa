"""The V2 protocol's protobufs, as KServe carries them."""

import sys
from typing import Any


def protobufs() -> tuple[Any, Any]:
    """The messages, and the class of a client's stub.

    Importing any part of kserve parses this process' command line by kserve's own parser, which ends the thread at an
    option that it takes for an ambiguous one of its own, such as `doctor --grpc`; so it sees none.
    """
    shown = sys.argv
    sys.argv = shown[:1]
    try:
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
        from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
    finally:
        sys.argv = shown
    return messages, GRPCInferenceServiceStub
