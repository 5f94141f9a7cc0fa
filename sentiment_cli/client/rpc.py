"""Calls of the server's gRPC service."""

from typing import Any

from model_server.rpc.messages import SERVICE, pb


def method(channel: Any, name: str) -> Any:
    """Return the method `name` of the service at a channel, to be called with its request and `timeout=SECONDS`."""
    return channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=getattr(pb, f"{name}Request").SerializeToString,
        response_deserializer=getattr(pb, f"{name}Response").FromString,
    )
