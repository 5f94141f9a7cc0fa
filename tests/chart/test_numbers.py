"""Numbers of a values file, which Helm reads as floats, in the rendered objects."""

import string

import pytest
from chart.invariants import check
from chart.rendering import Values, environment, one, render
from chart.strategies import SCHEMA, resolve, settled
from hypothesis import given, settings
from hypothesis import strategies as st

PROGRAMS = {"server": "ServingRuntime", "training": "CronJob", "drift": "CronJob", "monitor": "Deployment"}
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(1e-6, 1e12, exclude_min=True) | st.sampled_from([10**6, 33_554_432])


def _largest(schema: Values) -> Values:
    """Return values that are at the upper bound of each whole number of the schema."""
    found: Values = {}
    for key, each in schema.get("properties", {}).items():
        whole = resolve(each)
        if whole.get("type") == "integer":
            found[key] = whole["maximum"]
        elif below := _largest(whole):
            found[key] = below
    return found


def test_the_largest_whole_numbers_render_as_digits() -> None:
    values = settled(_largest(SCHEMA))
    objects = render(values)
    check(objects, values)
    job = one(objects, "CronJob", "sentiment-training")["spec"]["jobTemplate"]["spec"]
    assert (job["activeDeadlineSeconds"], job["ttlSecondsAfterFinished"]) == (2_592_000, 31_536_000)
    assert environment(objects, "ServingRuntime", "sentiment-server")["MAX_QUEUE_TEXTS"] == "1000000"


@pytest.mark.timeout(300)
@settings(max_examples=5)
@given(st.lists(NUMBERS, min_size=20, max_size=26))
def test_numbers_in_env_reach_the_programs_digit_by_digit(drawn: list[float]) -> None:
    env = dict(zip((f"SETTING_{letter}" for letter in string.ascii_uppercase), drawn, strict=False))
    values = {component: {"env": env} for component in PROGRAMS}
    objects = render(values)
    for component in PROGRAMS:
        found = environment(objects, PROGRAMS[component], f"sentiment-{component}")
        assert {name: float(found[name]) for name in env} == env
        assert not [found[name] for name in env if "e" in found[name].lower()]


def test_texts_and_truth_values_in_env_stay_as_they_are() -> None:
    """A name such as TRUE stays a text as well."""
    texts = {"TEXT": "8m", "EMPTY": "", "DIGITS": "1e6", "QUOTE": '<"&>'}
    objects = render({"server": {"env": {**texts, "TRUE": True, "ZERO": 0}}})
    found = environment(objects, "ServingRuntime", "sentiment-server")
    assert (texts | {"TRUE": "true", "ZERO": "0"}).items() <= found.items()
