"""The text of a body, read as JSON; what is wrong with it is told as Elasticsearch's parser tells it."""

from __future__ import annotations

import json
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.rest.places import Place


class _DuplicateError(ValueError):
    pass


def decoded(text: str, place: Place) -> Any:
    """Raises ElasticsearchException for what is no JSON, and for an object that has a member twice."""
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
    except _DuplicateError as error:
        return _fail(f"Duplicate field '{error}'", _second(text, str(error)), place)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            line, column = _at(text, len(text))
            cause = ElasticsearchException("json_e_o_f_exception", "Unexpected end-of-input")
            raise ElasticsearchException(
                "x_content_e_o_f_exception", f"[{line}:{column}] Unexpected end of file", cause
            ) from None
        return _fail(_meaning(text, error), error.pos, place)
    except (ValueError, RecursionError) as error:
        return _fail(str(error), 0, place)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _DuplicateError(name)
            seen.add(name)
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")


def _meaning(text: str, error: json.JSONDecodeError) -> str:
    character = text[error.pos]
    if error.msg == "Extra data" and character in "]}":
        other = "]" if character == "}" else "}"
        start = f'[Source: (byte[])"{text[:500]}"; line: 1, column: 0]'
        return f"Unexpected close marker '{character}': expected '{other}' (for root starting at {start})"
    told = {
        "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
        "Expecting ',' delimiter": "was expecting comma to separate entries",
        "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
    }.get(error.msg, "expected a value")
    return f"Unexpected character ('{character}' (code {ord(character)})): {told}"


def _second(text: str, name: str) -> int:
    """About where a name stands for the second time."""
    written = json.dumps(name, ensure_ascii=False)
    return text.rfind(written) + len(written)


def _fail(reason: str, offset: int, place: Place) -> Any:
    line, column = _at(place.body.text(), offset)
    shown = place.body.text()[:500]
    told = f'{reason}\n at [Source: (byte[])"{shown}"; line: {line}, column: {column}]'
    raise ElasticsearchException(
        "x_content_parse_exception", f"[{line}:{column}] {told}", ElasticsearchException("json_parse_exception", told)
    )


def _at(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
