"""Damage to bytes and to JSON, drawn from a seeded generator so that a finding can be made again."""

import copy
import json
import random
import struct
from collections.abc import Callable
from typing import Any

_SIZES = (0, 1, 3, 127, 128, 255, 256, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
_WORDS = ("text", "BYTES", "label", "data", "shape", "\ud800", "\x00", "é🎬", "a" * 300, "NaN", "-1", "gzip", "../x")
_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\ud800",
    b"null",
    b"1e999",
    b"\xff",
    b"\x00",
    b",",
    b":",
    b"-",
    b"[" * 600,
)


def _flip(rng: random.Random, raw: bytearray) -> None:
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, raw: bytearray) -> None:
    start = rng.randrange(len(raw))
    del raw[start : start + 1 + rng.randrange(16)]


def _end(rng: random.Random, raw: bytearray) -> None:
    del raw[rng.randrange(len(raw)) :]


def _insert(rng: random.Random, raw: bytearray) -> None:
    at = rng.randrange(len(raw) + 1)
    raw[at:at] = rng.randbytes(1 + rng.randrange(8))


def _token(rng: random.Random, raw: bytearray) -> None:
    at = rng.randrange(len(raw) + 1)
    raw[at:at] = rng.choice(_TOKENS)


def _repeat(rng: random.Random, raw: bytearray) -> None:
    start = rng.randrange(len(raw))
    piece = raw[start : start + 1 + rng.randrange(32)]
    raw[start:start] = piece * (1 + rng.randrange(4))


def _size(rng: random.Random, raw: bytearray) -> None:
    """Overwrite four bytes by a size that means trouble."""
    at = rng.randrange(len(raw))
    raw[at : at + 4] = struct.pack("<I", rng.choice(_SIZES))


_BYTES: tuple[Callable[[random.Random, bytearray], None], ...] = (_flip, _cut, _end, _insert, _token, _repeat, _size)


def damage(rng: random.Random, raw: bytes) -> bytes:
    """One to three changes of the bytes."""
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 3)):
        if changed:
            rng.choice(_BYTES)(rng, changed)
    return bytes(changed)


def some_value(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value of any kind."""
    kind = rng.randrange(10 if depth < 2 else 8)
    if kind < 3:
        return rng.choice((None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 1.5, -0.0, 1e300, ""))
    if kind < 6:
        return rng.choice(_WORDS)
    if kind < 8:
        return rng.randrange(-3, 300)
    if kind == 8:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(_WORDS): some_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document, as its container and key."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    return [
        place
        for key, inner in pairs
        for place in ((value, key), *(_nodes(inner) if isinstance(inner, dict | list) else ()))
    ]


def change(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """One or two places of the document replaced, removed, or given something new beside them."""
    changed = copy.deepcopy(document)
    for _ in range(rng.randint(1, 2)):
        places = _nodes(changed)
        if not places:
            break
        container, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                del container[key]
            case 1 if isinstance(container, list):
                container.insert(rng.randrange(len(container) + 1), some_value(rng))
            case 1:
                container[rng.choice(_WORDS)] = some_value(rng)
            case _:
                container[key] = some_value(rng)
    return changed


def dump(document: Any) -> bytes:
    """JSON as bytes; lone surrogates stay escapes."""
    return json.dumps(document).encode()
