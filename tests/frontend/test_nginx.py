"""The page's nginx gives what `sentiment serve --ui` gives: the same headers, the same paths to the same servers."""

import re
from pathlib import Path

import pytest

from sentiment_cli.page.files import HEADERS
from sentiment_cli.page.proxy import PREDICTOR_PATHS, PREDICTOR_TIMEOUT

TEMPLATE = (Path(__file__).parents[2] / "frontend/nginx/default.conf.template").read_text("utf-8")


def test_the_headers_are_those_of_serve_ui() -> None:
    server = TEMPLATE.partition("\n    location")[0]
    given = dict(re.findall(r'add_header ([A-Za-z-]+) "([^"]+)";', server))
    assert given == HEADERS


@pytest.mark.parametrize("path", [path.replace("{rest:path}", "models/x") for path in PREDICTOR_PATHS])
def test_the_predictors_paths_are_those_of_serve_ui(path: str) -> None:
    (pattern,) = re.findall(r"location ~ (\S+) \{", TEMPLATE)
    assert re.search(pattern, path) and re.search(pattern, f"{path}/")
    assert not re.search(pattern, f"/x{path}")


def test_the_predictor_has_the_time_that_it_has_behind_serve_ui() -> None:
    (location,) = re.findall(r"location ~ [^{]+\{(.+?)\n    \}", TEMPLATE, re.DOTALL)
    (hours,) = re.findall(r"proxy_read_timeout ([0-9]+)h;", location)
    assert int(hours) * 3600 == PREDICTOR_TIMEOUT.read


def test_no_folder_is_redirected_to() -> None:
    """`try_files … $uri/` would answer 301 with the container's scheme and port."""
    (tried,) = re.findall(r"try_files (.+);", TEMPLATE)
    assert tried == "$uri $uri/index.html =404"


def test_no_variable_is_left_without_a_value() -> None:
    dockerfile = (Path(__file__).parents[2] / "frontend/Dockerfile").read_text("utf-8")
    entrypoint = (Path(__file__).parents[2] / "frontend/nginx/entrypoint.sh").read_text("utf-8")
    for name in re.findall(r"\$\{([A-Z_]+)\}", TEMPLATE):
        assert f"{name}=" in dockerfile + entrypoint
