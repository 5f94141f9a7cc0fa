"""The command line finds the chart's objects by name: its rule for names is the chart's."""

import pytest
from chart.rendering import render

from sentiment_cli.cluster.api import fullname_of


@pytest.mark.parametrize(
    "release",
    [
        "sentiment",
        "prod",
        "my-sentiment",
        "a" * 53,
        "a" * 25 + "-b",
        "a" * 24 + "--bc",
        "sentiment-" + "b" * 40,
        "sentiment" + "b" * 26 + "-c",
        "sentiment" + "b" * 25 + "--c",
    ],
)
def test_the_chart_names_its_objects_as_the_command_line_looks_for_them(release: str) -> None:
    (config_map,) = render(release=release, show="templates/environment/configmap.yaml")
    assert config_map["metadata"]["name"] == f"{fullname_of(release)}-environment"
