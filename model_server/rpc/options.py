"""Options of the gRPC core: pings, ages and sizes of connections, from the settings."""

from model_server.settings import ServerSettings


def channel_options(settings: ServerSettings) -> list[tuple[str, int]]:
    """Return the server's channel arguments.

    The core ignores a name that it does not know. Its guide calls the least time between pings
    MIN_RECV_PING_INTERVAL; the name that works has no `recv`. Between the soft and the absolute bound of metadata the
    core refuses calls at random, so both are the same.
    """
    metadata = settings.grpc_max_metadata_bytes + 1  # the core also refuses the size that equals its bound
    options = {
        "max_receive_message_length": settings.max_body_bytes,
        "max_send_message_length": -1,
        "so_reuseport": 0,  # so that a port in use is an error rather than shared
        "http2.min_ping_interval_without_data_ms": _milliseconds(settings.grpc_min_ping_seconds),
        "keepalive_permit_without_calls": 1,  # to clients, and to the server's own pings
        "keepalive_time_ms": _milliseconds(settings.grpc_keepalive_seconds),
        "keepalive_timeout_ms": _milliseconds(settings.grpc_keepalive_timeout_seconds),
        "http2.max_pings_without_data": 0,  # no bound on the server's own pings
        "max_concurrent_streams": settings.grpc_max_streams,
        "max_allowed_incoming_connections": settings.grpc_max_connections,
        "max_metadata_size": metadata,
        "absolute_max_metadata_size": metadata,
        "server_handshake_timeout_ms": _milliseconds(settings.request_head_seconds),
    }
    if settings.connection_age_seconds:  # the core varies it by up to a tenth, so that clients do not move at once
        options["max_connection_age_ms"] = _milliseconds(settings.connection_age_seconds)
        options["max_connection_age_grace_ms"] = _milliseconds(settings.connection_age_grace_seconds)
    return [(f"grpc.{name}", value) for name, value in options.items()]


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
