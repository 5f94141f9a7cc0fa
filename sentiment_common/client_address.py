"""A client's address as logs hold it, whichever transport reports it."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote


@lru_cache(maxsize=4096)  # every request of a connection asks for the same address
def client_address(reported: str | None) -> str | None:
    """Return an IP address in its usual form; None for anything else, such as a Unix socket's name.

    A socket of IPv6 reports a client of IPv4 as `::ffff:192.0.2.1`, and gRPC escapes brackets: `%5B::1%5D`.
    """
    try:
        address = ip_address(unquote(reported or "").strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def grpc_client_address(peer: str) -> str | None:
    """Return the address of a gRPC peer, without its port: `ipv6:%5B::1%5D:50051` is `::1`."""
    kind, _, rest = peer.partition(":")
    return client_address(rest.rpartition(":")[0]) if kind in ("ipv4", "ipv6") else None
