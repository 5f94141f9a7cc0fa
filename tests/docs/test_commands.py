"""Every command of the README and the documentation is run, or names what it needs."""

import http.server
import re
import shutil
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from .__main__ import is_run
from .calls import Call, unexpected
from .expected import differs
from .fences import ROOT, BadMark, Fence, fences, pages, parse
from .session import Session, unlike
from .words import inline_commands, problems, requests, syntax_error

PAGES = [page.relative_to(ROOT).as_posix() for page in pages()]
RUN = [name for name in PAGES if any(is_run(fence) for fence in fences(ROOT / name))]

NOTES = ROOT / "charts/sentiment/templates/NOTES.txt"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def shown_outputs(all_fences: list[Fence]) -> list[tuple[Fence, Fence]]:
    """Pair each fence that is run with the output that the page shows."""
    return [(before, output) for before, output in pairwise(all_fences) if output.output and is_run(before)]


@needs_curl
@pytest.mark.parametrize("name", RUN)
def test_page_runs(name: str, session: Callable[[], Session]) -> None:
    all_fences = fences(ROOT / name)
    running = session()
    wrong = running.run([fence for fence in all_fences if is_run(fence)])
    wrong = wrong or unlike(running, shown_outputs(all_fences))
    assert not wrong, "\n".join(wrong)


@needs_curl
def test_requests_of_other_fences_are_answered(session: Callable[[], Session]) -> None:
    """Requests to a cluster's server, of the chart and of the demo are tried here too."""
    others = [fence for page in pages() for fence in fences(page) if fence.runnable and not is_run(fence)]
    calls = [(fence.page, fence.line, request) for fence in others for request in requests(fence.code)]
    for source in (NOTES, ROOT / "sentiment_cli/demo/account.py"):
        calls += [(source, 0, request) for request in requests(shell_of(source.read_text("utf-8")))]
    assert len({page for page, _, _ in calls}) >= 6, "the search finds nothing"
    served = Fence(ROOT / "README.md", 0, "sh", "sentiment serve\n", background=True)
    made = [Fence(page, 1 + number, "sh", f"{request}\n") for number, (page, _, request) in enumerate(calls)]
    assert session().run([served, *made]) == []


def shell_of(source: str) -> str:
    """The commands within a chart's template without TLS and keys, or within Python's strings."""
    plain = re.sub(r"\{\{ with .*?\{\{ end \}\}", "", source)
    plain = re.sub(r"\{\{ include \"sentiment.serverScheme\" \. \}\}", "http", plain)
    return re.sub(r"\"\s*\n\s*'", "", plain).replace("\\'", "'")


@pytest.mark.parametrize("name", [name for name in RUN if "/learning/" not in name and name != "README.md"])
def test_answers_are_shown(name: str) -> None:
    """A page of reference shows what a request is answered; a lesson lets its reader find out."""
    all_fences = fences(ROOT / name)
    shown = {before.line for before, _ in shown_outputs(all_fences)}
    for fence in all_fences:
        if is_run(fence) and fence.language == "sh" and re.search(r"^\s*curl\b", fence.code, re.MULTILINE):
            assert fence.line in shown, f"{fence.place}: the page does not show the answer; add a fence `output`"


@pytest.mark.parametrize("name", PAGES)
def test_outputs_follow_commands(name: str) -> None:
    all_fences = fences(ROOT / name)
    for before, fence in zip([None, *all_fences], all_fences, strict=False):
        assert not fence.output or (before is not None and before.runnable), f"{fence.place}: the output of what?"


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_existing_things(name: str) -> None:
    page, found = ROOT / name, []
    for fence in fences(page):
        if fence.runnable:
            found += [f"{fence.place}: {error}" for error in [syntax_error(fence)] if error]
            found += [f"{fence.place}: {problem}" for problem in problems(fence.code) if fence.language == "sh"]
    for command in inline_commands(page.read_text("utf-8")):
        found += [f"{name}, `{command}`: {problem}" for problem in problems(command)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nls\n```",
        "<!-- needs: luck -->\n```sh\nls\n```",
        "<!-- neds: cluster -->\n```sh\nls\n```",
        "<!-- output -->\n```sh\nls\n```",
        "<!-- needs: cluster -->\n```text\nls\n```",
        "```sh\nls",
        "```sh\nls\nA=1 make demo\n```",
        "```sh\n  kubectl delete namespace sentiment\n```",
        "<!-- exit: 1 -->\n```sh\nsentiment rollback --cluster\n```",
        "<!-- status: 99 -->\n```sh\nls\n```",
        "<!-- status: 400,404 -->\n```sh\nls\n```",
    ],
)
def test_unclear_fences_are_refused(text: str) -> None:
    with pytest.raises(BadMark, match=r"docs/index.md:\d"):
        parse(ROOT / "docs/index.md", text)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("sentiment sevre", "no command sentiment sevre"),
        ("sentiment drift chek --hours 1", "no command sentiment drift chek"),
        ("sentiment train --rows 5 \\\n  --colour red", "--rows"),
        ("A=1 make halp && ls", "halp"),
        ("python -m nothing_such", "nothing_such"),
        ("scripts/nothing.sh", "scripts/nothing.sh"),
        ("python -m prediction_log maintain --kep 3", "--kep"),
    ],
)
def test_wrong_names_are_found(code: str, named: str) -> None:
    assert named in " ".join(problems(code))


def test_right_names_pass() -> None:
    assert problems("X=1 sentiment train --cluster -n a | tee b; make docs && python -m prediction_log upgrade") == []


@pytest.mark.parametrize(
    ("shown", "language", "printed", "same"),
    [
        ("a 1.5 b\n…\nz", "text", "a 2.75 b\nc\nz\n", True),
        ("z\na 1", "text", "a 1\nz\n", False),
        ("release 3d0a4bd10bf180d6 … well", "text", "release 0484fc78defb79d6 is well", True),
        ('{"a": 1, "b": "positive"}', "json", '{"b": "negative", "a": 7.5}', True),
        ('{"a": 1}', "json", '{"a": 1, "b": 2}', False),
        ('{"a": "word"}', "json", '{"a": "other"}', False),
        ('{"a": [1, "…"]}', "json", '{"a": [3, {"x": 1}, 5]}', True),
        ('{"a": [1, 2]}', "json", '{"a": [1]}', False),
        ('{"a": 1}', "json", "no JSON", False),
        ('{"a": 1}\n{"b": 2}', "json", '{"a": 3}{"b": 4}', True),
        ('{"a": 1}\n{"b": 2}', "json", '{"a": 3}{"c": 4}', False),
        ('{"a": 1}', "json", "", False),
    ],
)
def test_outputs_are_compared_by_form(shown: str, language: str, printed: str, same: bool) -> None:
    assert (differs(shown, language, printed) is None) is same


@needs_curl
@pytest.mark.parametrize("command", ["curl -s {url}/no", "curl -s {url}/no | cat", "curl -s {url}/no || true"])
def test_an_error_that_the_shell_hides_is_found(command: str, session: Callable[[], Session]) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code = command.format(url=f"http://127.0.0.1:{server.server_port}") + "\n"
        (problem,) = session().run([Fence(ROOT / "README.md", 1, "sh", code)])
        server.shutdown()
    assert problem.startswith("README.md:1: was answered 501: curl")


def test_a_program_that_fails_within_a_pipe_is_found(session: Callable[[], Session]) -> None:
    code = "python -c 'raise SystemExit(3)' | cat\nsentiment no-such-command 2> /dev/null || true\n"
    first, second = session().run([Fence(ROOT / "README.md", 1, "sh", code)])
    assert "ended with 3: python" in first and "ended with 2: sentiment" in second


@pytest.mark.parametrize(
    ("made", "exit_code", "statuses", "found"),
    [
        ([Call(0, (200,), "curl x")], 0, (), []),
        ([Call(23, (200,), "curl x")], 0, (), []),
        ([Call(0, (400,), "curl x")], 0, (400,), []),
        ([Call(22, (400,), "curl -f x")], 22, (400,), []),
        ([Call(2, (), "sentiment x")], 2, (), []),
        ([Call(0, (307,), "curl x")], 0, (), ["was answered 307: curl x"]),
        ([Call(0, (), "curl x")], 0, (), ["got no status: curl x"]),
        ([Call(7, (), "curl x")], 0, (), ["ended with 7: curl x"]),
        ([Call(0, (200,), "curl x")], 0, (400,), ["the answers are [200], and not [400]"]),
        ([Call(0, (400,), "curl x")] * 2, 0, (400,), ["the answers are [400, 400], and not [400]"]),
    ],
)
def test_calls_are_judged(made: list[Call], exit_code: int, statuses: tuple[int, ...], found: list[str]) -> None:
    assert unexpected(made, exit_code, statuses) == found


def test_a_failing_command_is_reported(session: Callable[[], Session]) -> None:
    page = ROOT / "README.md"
    code = [
        Fence(page, 1, "sh", "A=x\n"),
        Fence(page, 2, "sh", 'echo "$A"\nfalse\ntrue\n'),
        Fence(page, 3, "sh", "true\n"),
    ]
    (problem,) = session().run(code)
    assert problem.startswith("README.md:2 ") and problem.rstrip().endswith("x")
