"""Terraform refuses wrong variables with a sentence that names the variable and says what to give."""

from typing import Any

import pytest
from eks.terraform import GATEWAY, refusal

pytestmark = pytest.mark.usefixtures("terraform")

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"region": "Frankfurt"}, "region is no region's name: give one such as"),
    ({"name": "Sentiment"}, "name is wrong: give 3 to 20 lower-case letters"),
    ({"name": "a" * 21}, "name is wrong: give 3 to 20 lower-case letters"),
    ({"tags": {"aws:team": "a"}}, "tags has a key that begins with aws:"),
    ({"namespace": "no_namespace"}, "namespace is no namespace's name: give"),
    ({"release": "reviews"}, "release is wrong: give at most 36"),
    ({"release": "sentiment-" + "a" * 30}, "release is wrong: give at most 36"),
    ({"model_name": "a/b"}, "model_name is wrong: give"),
    ({"model_name": "spill"}, "model_name is a folder that the bucket has already"),
    ({"vpc_cidr": "10.0.0.0/24"}, "vpc_cidr is wrong: give an IPv4 network of /16 to /20"),
    ({"vpc_cidr": "10.0.0.0/8"}, "vpc_cidr is wrong: give an IPv4 network of /16 to /20"),
    ({"vpc_cidr": "everything"}, "vpc_cidr is wrong: give an IPv4 network of /16 to /20"),
    ({"zones": 1}, "zones is wrong: give 2, 3 or 4"),
    ({"nat_gateways": "two"}, "nat_gateways is wrong: give one or each_zone"),
    ({"kubernetes_version": "1.30"}, "kubernetes_version is wrong: give 1.31 or later"),
    ({"kubernetes_version": "1.34.3"}, "kubernetes_version is wrong: give 1.31 or later"),
    ({"api_cidrs": []}, "api_cidrs is wrong: give at least one IPv4 network"),
    ({"api_cidrs": ["203.0.113.7"]}, "api_cidrs is wrong: give at least one IPv4 network"),
    ({"cluster_logs": ["everything"]}, "cluster_logs is wrong: take of api"),
    ({"cluster_log_days": 2}, "cluster_log_days is wrong: CloudWatch takes"),
    ({"database_class": "t4g.small"}, "database_class is wrong: give an RDS instance class"),
    ({"database_gigabytes": 5}, "database_gigabytes is wrong: give a whole number from 20"),
    ({"database_gigabytes": 20.5}, "database_gigabytes is wrong: give a whole number from 20"),
    ({"database_backup_days": 0}, "database_backup_days is wrong: give a whole number from 1 to 35"),
    ({"bucket_history_days": 0}, "bucket_history_days is wrong: give a whole number of days"),
    ({"images_kept": 1}, "images_kept is wrong: give a whole number, 2 or more"),
    ({**GATEWAY, "hostname": "sentiment"}, "hostname is no host name: give a full one"),
    ({**GATEWAY, "hosted_zone_id": "example.com"}, "hosted_zone_id is wrong: give the id of a Route 53 zone"),
    ({**GATEWAY, "hosted_zone_id": ""}, "hosted_zone_id and hostname belong together"),
    ({**GATEWAY, "load_balancer_scheme": "public"}, "load_balancer_scheme is wrong: give internal or internet-facing"),
    ({**GATEWAY, "load_balancer_cidrs": ["all"]}, "load_balancer_cidrs is wrong: give IPv4 networks"),
    ({**GATEWAY, "load_balancer_cidrs": []}, "load_balancer_cidrs and hostname belong together"),
    ({"load_balancer_cidrs": ["10.0.0.0/8"]}, "load_balancer_cidrs and hostname belong together"),
]


@pytest.mark.parametrize(("variables", "sentence"), WRONG)
def test_wrong_ones_are_refused(variables: dict[str, Any], sentence: str) -> None:
    message = refusal(**variables)
    assert message is not None and sentence in message


@pytest.mark.parametrize("variables", [{}, GATEWAY, {**GATEWAY, "load_balancer_scheme": "internet-facing"}])
def test_right_ones_are_taken(variables: dict[str, Any]) -> None:
    assert refusal(**variables) is None
