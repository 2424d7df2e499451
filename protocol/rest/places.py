"""Where in a request's JSON something is wrong, and the exceptions of Elasticsearch's parsers that say so.

Elasticsearch parses while it reads and knows the line and the column of every token. Here a body is parsed first; only when it is
refused is its text read again, for the position of what is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from protocol.errors import ElasticsearchException

VALUE, KEY, END, AFTER = "value", "key", "end", "after"
"""Which token of a member is meant: that which begins its value, its name, that which ends its value, or the next one."""

AFTER_SCALAR = "after scalar"
"""Where the JSON parser stands once it has read a value."""

_SHOWN = 500
"""How much of the text the JSON parser shows."""

_SPACE = re.compile(r"\s*")
_SCALAR = re.compile(r"[^\s,:\]}]+")
_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body: its text, or what a client sends for the mapping, without spaces."""

    source: Mapping[str, Any] | str

    def text(self) -> str:
        if isinstance(self.source, str):
            return self.source
        return json.dumps(self.source, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A member of a body, by the keys and indices that lead to it."""

    body: Body
    path: tuple[str | int, ...] = ()

    def at(self, *keys: str | int) -> Place:
        return Place(self.body, self.path + keys)

    def position(self, token: str = VALUE) -> tuple[int, int]:
        """Line and column, both from 1, of one of its tokens; (-1, -1) where the body has no such member."""
        text = self.body.text()
        offset = _find(text, self.path, token)
        if offset is None:
            return -1, -1
        before = text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def parsing(self, reason: str, token: str = VALUE, cause: ElasticsearchException | None = None) -> ElasticsearchException:
        line, column = self.position(token)
        return ElasticsearchException("parsing_exception", reason, cause, details={"line": line, "col": column})

    def x_content(self, reason: str, token: str = VALUE, cause: ElasticsearchException | None = None) -> ElasticsearchException:
        """``details`` say where the parser has stopped, which is at the value also where the name is told."""
        line, column = self.position(token)
        stopped = self.position() if token == KEY else (line, column)
        return ElasticsearchException(
            "x_content_parse_exception", f"[{line}:{column}] {reason}", cause, details={"line": stopped[0], "col": stopped[1]}
        )

    def jackson(self, reason: str, cause: str = "json_parse_exception") -> ElasticsearchException:
        """What the JSON parser itself says, with the text that it has read."""
        line, column = self.position(AFTER_SCALAR)
        text = self.body.text()
        shown = text[:_SHOWN]
        more = f"[truncated {len(text.encode()) - _SHOWN} bytes]" if len(text) > _SHOWN else ""
        told = f'{reason}\n at [Source: (byte[])"{shown}"{more}; line: {line}, column: {column}]'
        return ElasticsearchException(
            "x_content_parse_exception", f"[{line}:{column}] {told}", ElasticsearchException(cause, told)
        )

    def unknown_name(self, name: str) -> ElasticsearchException:
        """The cause that stands below an unknown type of query, aggregation or suggester."""
        line, column = self.position()
        return ElasticsearchException("named_object_not_found_exception", f"[{line}:{column}] unknown field [{name}]")

    def failed(self, parser: str, field: str, cause: ElasticsearchException) -> ElasticsearchException:
        """What an ``ObjectParser`` says of a field that another parser refused: it stands where that one has stopped."""
        line, column = cause.details.get("line"), cause.details.get("col")
        if line is None:
            line, column = self.position()
        return ElasticsearchException(
            "x_content_parse_exception",
            f"[{line}:{column}] [{parser}] failed to parse field [{field}]",
            cause,
            details={"line": line, "col": column},
        )


def illegal(reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason, cause)


def not_a_number(text: str) -> ElasticsearchException:
    return ElasticsearchException("number_format_exception", f'For input string: "{text}"' if text else "empty String")


def token_of(value: Any) -> str:
    """The name of the token that a value begins with."""
    match value:
        case None:
            return "VALUE_NULL"
        case bool():
            return "VALUE_BOOLEAN"
        case str():
            return "VALUE_STRING"
        case int() | float():
            return "VALUE_NUMBER"
        case list() | tuple():
            return "START_ARRAY"
    return "START_OBJECT"


def alike(unknown: str, candidates: Iterable[str]) -> list[str]:
    """The names that an unknown one may be meant for, the likeliest first."""
    scored = [(_likeness(unknown, candidate), candidate) for candidate in set(candidates)]
    return [name for score, name in sorted(scored, key=lambda entry: (-entry[0], entry[1])) if score > _ALIKE]


def suggestion(unknown: str, candidates: Iterable[str]) -> str:
    """What is added to an error about an unknown name; empty where nothing is like it."""
    names = alike(unknown, candidates)
    if not names:
        return ""
    return f" did you mean [{names[0]}]?" if len(names) == 1 else f" did you mean any of [{', '.join(names)}]?"


def _likeness(one: str, other: str) -> float:
    """One less the edit distance for each letter of the longer."""
    if not one or not other:
        return 1.0 if one == other else 0.0
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        previous, row[0] = row[0], place
        for column, against in enumerate(other, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (letter != against))
    return 1.0 - row[-1] / max(len(one), len(other))


def _find(text: str, path: tuple[str | int, ...], token: str) -> int | None:
    offset, named = _space(text, 0), None
    for key in path:
        found = _member(text, offset, key)
        if found is None:
            return None
        named, offset = found
    if token == KEY:
        return named
    if token == VALUE:
        return offset
    end = _end(text, offset)
    if token == AFTER_SCALAR:
        return end
    return end - 1 if token == END else _space(text, end)


def _member(text: str, offset: int, key: str | int) -> tuple[int, int] | None:
    """Where the name (in a list: the value itself) and the value of a member begin."""
    is_object = text[offset : offset + 1] == "{"
    offset, count = _space(text, offset + 1), 0
    while offset < len(text) and text[offset] not in "]}":
        begin, name = offset, count if not is_object else None
        if is_object:
            name, offset = scanstring(text, offset + 1, False)
            offset = _space(text, _space(text, offset) + 1)
        if name == key:
            return begin, offset
        offset = _space(text, _end(text, offset))
        if text[offset : offset + 1] == ",":
            offset = _space(text, offset + 1)
        count += 1
    return None


def _end(text: str, offset: int) -> int:
    """Where a value that begins at the offset has ended."""
    opening = text[offset : offset + 1]
    if opening == '"':
        return int(scanstring(text, offset + 1, False)[1])
    if opening not in ("{", "["):
        scalar = _SCALAR.match(text, offset)
        return scalar.end() if scalar else offset
    depth = 0
    while offset < len(text):
        character = text[offset]
        if character == '"':
            offset = int(scanstring(text, offset + 1, False)[1])
            continue
        depth += (character in "{[") - (character in "}]")
        offset += 1
        if not depth:
            break
    return offset


def _space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset
