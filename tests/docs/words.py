"""Check commands that are not run: they must parse and name existing things."""

import functools
import re
import shlex
import subprocess
from collections.abc import Iterator

from commands_reference import all_commands

from .fences import ROOT, Fence

_INLINE = re.compile(r"(?<!`)`((?:sentiment|make|python -m) [^`]+)`(?!`)")
_ENDS, _REDIRECTS = {"|", "||", "&&", ";", "&", "("}, {">", ">>", "<"}
_WORD = r"(?:'[^']*'|[^\s;|&'()]+)"
_REQUEST = re.compile(rf"\bcurl(?: +{_WORD})*? +(?:http://)?localhost:80(?:80|90)/{_WORD}(?: +{_WORD})*")
_MODULES = {"pytest", "pip", "http.server", "huggingfaceserver", "venv"}  # not ours


@functools.cache
def _commands() -> dict[str, frozenset[str]]:
    """Map a command's whole name → its options and those of its variants, as `sentiment train` for `sentiment train --cluster`."""
    table: dict[str, frozenset[str]] = {}
    for name, command in all_commands():
        bare = name.removesuffix(" --cluster")
        options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        table[bare] = table.get(bare, frozenset()) | options | {"--help"}
    return table


@functools.cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def syntax_error(fence: Fence) -> str | None:
    """Return the syntax errors of the shell, or of Python, in a fence."""
    if fence.language == "python":
        try:
            compile(fence.code, fence.place, "exec")
        except SyntaxError as error:
            return str(error)
        return None
    done = subprocess.run(["bash", "-n"], input=fence.code, capture_output=True, text=True, check=False)
    return done.stderr or None


def inline_commands(text: str) -> list[str]:
    """Return the commands within a page's prose."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(found.split()) for found in _INLINE.findall(prose)]


def requests(code: str) -> list[str]:
    """Return the calls of curl to a server of this project, without their surroundings."""
    return _REQUEST.findall(re.sub(r"\\\n", " ", code))


def problems(code: str) -> list[str]:
    """Return the missing things that the commands of some shell code name."""
    return [problem for words in _calls(code) for problem in _wrong(words)]


def _calls(code: str) -> Iterator[list[str]]:
    """Return the words of each call, without assignments before it."""
    code = re.sub(r"<<'?(\w+)'?.*?^\1$", "", code, flags=re.MULTILINE | re.DOTALL)
    for line in re.sub(r"\\\n", " ", code).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split, lexer.commenters = True, "#"
        try:
            words = list(lexer)
        except ValueError:  # a quote that continues in the next line: `bash -n` has looked at it
            continue
        call: list[str] = []
        for before, word in zip(["", *words], [*words, ";"], strict=True):
            if word in _REDIRECTS or before in _REDIRECTS:
                continue
            if word in _ENDS:
                if call:
                    yield call
                call = []
            elif call or not re.match(r"^\w+=", word):
                call.append(word)


def _wrong(words: list[str]) -> Iterator[str]:
    name = words[0].rpartition("/")[2]
    if name == "sentiment":
        yield from _wrong_options(["sentiment", *words[1:]], 2)
    elif name.startswith("python") and words[1:3] == ["-m", "prediction_log"]:
        yield from _wrong_options(["python", *words[1:]], 4)
    elif name.startswith("python") and words[1:2] == ["-m"] and len(words) > 2:
        module = words[2].partition(".")[0]
        if (
            module not in _MODULES
            and not module.isupper()
            and not any((ROOT / place / module).is_dir() for place in ("", "tests"))
        ):
            yield f"no module {words[2]}"
    elif name == "make":
        for target in words[1:]:
            if "=" not in target and not target.startswith("-") and target not in make_targets() | {"TARGET"}:
                yield f"no target {target} of make"
    elif "/" in words[0] and re.match(r"^(scripts|k8s|charts|tests)/", words[0]) and not (ROOT / words[0]).exists():
        yield f"no file {words[0]}"


def _wrong_options(words: list[str], length: int) -> Iterator[str]:
    """Of a call whose command is named by its first `length` words, or one more where it is in a group."""
    named = next((" ".join(words[:n]) for n in (length + 1, length) if " ".join(words[:n]) in _commands()), None)
    if named is not None:
        for word in words[1:]:
            option = word.partition("=")[0]
            if re.match(r"^--?[a-z]", option) and option not in _commands()[named] | {"-m"}:
                yield f"{named} has no option {option}"
    elif len(words) >= length and words[length - 1] != "COMMAND" and not words[length - 1].startswith("-"):
        group = " ".join(words[:length])
        if not any(name.startswith(f"{group} ") for name in _commands()):
            yield f"no command {group}"
        elif len(words) > length and not words[length].startswith("-"):
            yield f"no command {group} {words[length]}"
