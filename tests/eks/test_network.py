"""The VPC's parts, for every size and number of zones that the variables allow."""

from ipaddress import ip_network
from itertools import combinations

import pytest
from eks.terraform import evaluate

pytestmark = pytest.mark.usefixtures("terraform")


@pytest.mark.parametrize("network", ["10.40.0.0/16", "172.16.16.0/20"])
@pytest.mark.parametrize("zones", [2, 4])
def test_parts_lie_in_the_network_and_apart(network: str, zones: int) -> None:
    given = {"vpc_cidr": network, "zones": zones}
    private, public = (
        [ip_network(cidr) for cidr in evaluate(f"local.{kind}_cidrs", **given).values()]
        for kind in ("private", "public")
    )
    assert len(private) == len(public) == zones
    assert all(part.subnet_of(ip_network(network)) for part in [*private, *public])
    assert not any(one.overlaps(other) for one, other in combinations([*private, *public], 2))
    assert all(part.prefixlen <= 27 for part in public)  # less is too small for a load balancer


@pytest.mark.parametrize(("gateways", "count"), [("one", 1), ("each_zone", 3)])
def test_gateways_to_the_internet(gateways: str, count: int) -> None:
    assert len(evaluate("local.nat_zones", zones=3, nat_gateways=gateways)) == count
