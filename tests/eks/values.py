"""The values of an installation on EKS: the project's file, and the one that Terraform writes."""

from typing import Any

import yaml
from chart.rendering import Values
from eks.terraform import EKS, evaluate

STATIC: Values = yaml.safe_load((EKS / "values-eks.yaml").read_text("utf-8"))


def merged(one: Values, other: Values) -> Values:
    """As helm does it: the later file wins, key by key."""
    result = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def generated(**variables: Any) -> Values:
    values: Values = yaml.safe_load(evaluate("local.helm_values", **variables))
    return values


def both(**variables: Any) -> Values:
    return merged(STATIC, generated(**variables))
