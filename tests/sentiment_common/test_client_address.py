"""One form of a client's address, from sockets and from gRPC's peers."""

import pytest

from sentiment_common.client_address import client_address, grpc_client_address


@pytest.mark.parametrize(
    ("reported", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:0DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("testclient", None),
        ("", None),
        (None, None),
    ],
)
def test_a_sockets_address(reported: str | None, address: str | None) -> None:
    assert client_address(reported) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:50051", "127.0.0.1"),
        ("ipv6:%5B::1%5D:50051", "::1"),
        ("ipv6:[::1]:50051", "::1"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:50051", "192.0.2.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50051", "fe80::1%eth0"),
        ("unix:/tmp/socket", None),
        ("unix:", None),
    ],
)
def test_a_grpc_peer(peer: str, address: str | None) -> None:
    assert grpc_client_address(peer) == address
