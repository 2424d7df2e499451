"""JSON as Elasticsearch reads it in security, where Python's reader would take more."""

from __future__ import annotations

import json
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
