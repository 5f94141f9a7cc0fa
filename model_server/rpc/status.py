"""Statuses of gRPC calls: the code of a call that ended early, and the metadata that says when to retry."""

from typing import Any

import grpc


def retry_metadata(error: Exception) -> tuple[tuple[str, str], ...]:
    """Return trailing metadata that say when to retry, as clients read them and as gRPC's own retry policies do."""
    seconds = getattr(error, "retry_after", None)
    return () if seconds is None else (("retry-after", str(seconds)), ("grpc-retry-pushback-ms", f"{seconds}000"))


def ended_early(context: Any) -> grpc.StatusCode:
    """Return the code of a call that was cancelled: its deadline passed, or the client left."""
    return grpc.StatusCode.DEADLINE_EXCEEDED if context.time_remaining() == 0 else grpc.StatusCode.CANCELLED
