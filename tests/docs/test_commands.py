"""Every command of the README and the documentation is run, or says what it would need."""

import shutil
from collections.abc import Callable
from itertools import pairwise

import pytest

from .__main__ import is_run
from .expected import differs
from .fences import ROOT, BadMark, Fence, fences, pages, parse
from .session import Session, unlike
from .words import inline_commands, problems, syntax_error

PAGES = [page.relative_to(ROOT).as_posix() for page in pages()]
RUN = [name for name in PAGES if any(is_run(fence) for fence in fences(ROOT / name))]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def shown_outputs(all_fences: list[Fence]) -> list[tuple[Fence, Fence]]:
    """(a fence that is run, the output that the page shows of it)."""
    return [(before, output) for before, output in pairwise(all_fences) if output.output and is_run(before)]


@needs_curl
@pytest.mark.parametrize("name", RUN)
def test_page_runs(name: str, session: Callable[[], Session]) -> None:
    all_fences = fences(ROOT / name)
    running = session()
    wrong = running.run([fence for fence in all_fences if is_run(fence)])
    wrong = wrong or unlike(running, shown_outputs(all_fences))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PAGES)
def test_outputs_follow_commands(name: str) -> None:
    all_fences = fences(ROOT / name)
    for before, fence in zip([None, *all_fences], all_fences, strict=False):
        assert not fence.output or (before is not None and before.runnable), f"{fence.place}: the output of what?"


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_what_is_there(name: str) -> None:
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
    ],
)
def test_outputs_are_compared_by_form(shown: str, language: str, printed: str, same: bool) -> None:
    assert (differs(shown, language, printed) is None) is same


def test_a_failing_command_is_told(session: Callable[[], Session]) -> None:
    page = ROOT / "README.md"
    code = [
        Fence(page, 1, "sh", "A=x\n"),
        Fence(page, 2, "sh", 'echo "$A"\nfalse\ntrue\n'),
        Fence(page, 3, "sh", "true\n"),
    ]
    (problem,) = session().run(code)
    assert problem.startswith("README.md:2 ") and problem.rstrip().endswith("x")
