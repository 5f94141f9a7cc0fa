"""Compare a command's output with its page. Figures, ids and labels may differ; the form may not."""

import json
import re
from typing import Any

_FIGURES = re.compile(r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}\b|\d[\d,.:]*")
_LABEL = re.compile(r"^(negative|positive)$")
_ID = re.compile(r"^[0-9a-f-]{8,36}$")


def differs(shown: str, language: str, printed: str) -> str | None:
    """Return the shown lines that were not printed; None if all were.

    Args:
        shown: the page's text. In `text`, `…` stands for anything, and a line of it alone for any lines; in `json` the
            string "…" stands for any value.
        language: `text` or `json`; several documents of JSON may stand one after another.
        printed: standard output.
    """
    return _json_differs(shown, printed) if language == "json" else _text_differs(shown, printed)


def _text_differs(shown: str, printed: str) -> str | None:
    """Find every shown line, in this order."""
    left = [_plain(line) for line in printed.splitlines()]
    for line in shown.splitlines():
        parts = [re.escape(_plain(part)) for part in line.split("…")]
        if not any(parts):
            continue
        wanted = re.compile(r"^\s*" + ".*".join(parts).strip() + r"\s*$")
        while left:
            if wanted.match(left.pop(0)):
                break
        else:
            return f"no such line, in this order: {line}"
    return None


def _plain(text: str) -> str:
    return re.sub(r" +", " ", _FIGURES.sub("0", text)).strip()


def _json_differs(shown: str, printed: str) -> str | None:
    try:
        return _shape_differs(_documents(shown), _documents(printed), "")
    except json.JSONDecodeError as error:
        return f"not JSON: {error}"


def _documents(text: str) -> Any:
    """Parse the JSON document of a text, or a list of several."""
    found: list[Any] = []
    decoder, text = json.JSONDecoder(), text.strip()
    while text or not found:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found[0] if len(found) == 1 else found


def _shape_differs(shown: Any, printed: Any, place: str) -> str | None:
    if shown == "…":
        return None
    if isinstance(shown, dict) and isinstance(printed, dict):
        if shown.keys() != printed.keys():
            return f"{place or 'the object'} has {sorted(printed)}, and not {sorted(shown)}"
        return _first(_shape_differs(shown[key], printed[key], f"{place}.{key}") for key in shown)
    if isinstance(shown, list) and isinstance(printed, list):
        if shown and shown[-1] == "…":
            shown, printed = shown[:-1], printed[: len(shown) - 1]
        if len(shown) != len(printed):
            return f"{place} has {len(printed)} elements, and not {len(shown)}"
        return _first(
            _shape_differs(*pair, f"{place}[{at}]") for at, pair in enumerate(zip(shown, printed, strict=True))
        )
    return None if _alike(shown, printed) else f"{place} is {printed!r}, and not like {shown!r}"


def _alike(shown: Any, printed: Any) -> bool:
    if isinstance(shown, bool) or shown is None:
        return bool(shown == printed)
    if isinstance(shown, int | float):
        return isinstance(printed, int | float) and not isinstance(printed, bool)
    if not isinstance(printed, str) or not isinstance(shown, str):
        return False
    return any(form.match(shown) and form.match(printed) for form in (_LABEL, _ID)) or _plain(shown) == _plain(printed)


def _first(found: Any) -> str | None:
    return next((one for one in found if one is not None), None)
