"""Random values that the schema allows: each is rendered, and its invariants hold."""

import pytest
from chart.invariants import check
from chart.rendering import Values, render
from chart.strategies import values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RELEASES = st.sampled_from(["sentiment", "a", "my-sentiment-of-2026", "x" * 53, "9-lives"])


@pytest.mark.timeout(900)
@settings(suppress_health_check=list(HealthCheck))
@given(values(), RELEASES)
def test_any_values_render_whole_objects(drawn: Values, release: str) -> None:
    check(render(drawn, release=release), drawn)
