"""JSON as Elasticsearch reads and writes it in security, where Python would take more and writes otherwise."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"Duplicate field '{twice}'")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"Non-standard token '{name}'")


DECODER: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
"""Raises ValueError, also for duplicate keys and NaN, and RecursionError."""


_ESCAPED: Final = re.compile("[\U00010000-\U0010ffff]|\\\\u[0-9a-f]{4}|\\\\.")


def json_text(value: Any) -> str:
    """JSON as Elasticsearch writes it: without spaces, letters beyond 16 bits escaped, and escapes in capitals."""
    return _ESCAPED.sub(_escaped, json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith("\\"):
        return "\\u" + text[2:].upper() if text[1] == "u" else text
    high, low = divmod(ord(text) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04X}\\u{0xDC00 + low:04X}"


def unreadable(error: ValueError | RecursionError) -> str:
    """Why ``DECODER`` did not read a text."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def token_name(value: Any) -> str:
    """What Elasticsearch's parser calls a JSON value."""
    match value:
        case None:
            return "VALUE_NULL"
        case bool():
            return "VALUE_BOOLEAN"
        case str():
            return "VALUE_STRING"
        case int() | float():
            return "VALUE_NUMBER"
        case list():
            return "START_ARRAY"
        case _:
            return "START_OBJECT"
