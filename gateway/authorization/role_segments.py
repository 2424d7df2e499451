"""The text of a roles file, taken apart as Elasticsearch does it.

``FileRolesStore`` of x-pack security does not read a roles file as one YAML document. A line that begins at its first column, and is not
a comment there, begins a *segment*, which goes on over the lines that begin with white space; comments at the first column and blank
lines are dropped before YAML is looked at, be they inside a block of text or not. Each segment is a YAML document of its own, of which
the first key and its value are a role, and what is behind them counts for nothing. So one role that is not YAML takes no other with it.

Values are those of Elasticsearch's parser (Jackson's): YAML 1.1, in which ``on`` and ``no`` are booleans; but numbers with colons are
text, and there is no infinity.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 100
"""Objects and lists in each other. A role has few, a document query some more."""
MAX_NUMBER = 1000
"""Characters, as in Elasticsearch's parser."""

_SKIPPED = re.compile(r"#.*|[ \t\x0b\f]*", re.DOTALL)
_CONTINUED = re.compile(r"[ \t\x0b\f]+[^\x85\u2028\u2029]+")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_RESOLVER = yaml.SafeLoader("")
_TAG = "tag:yaml.org,2002:"
_MORE_FLOATS = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+|[-+]\.[0-9][0-9_]*")
"""Floats that have no point, or no digit before it: for PyYAML they are text."""
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class BadSegmentError(Exception):
    """Why a segment is no role, with the line in the file."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Segment:
    """What may be a role: its text, and the number in the file of each of its lines."""

    text: str
    lines: tuple[int, ...]

    @property
    def line(self) -> int:
        return self.lines[0]


@dataclass(frozen=True, slots=True)
class NamedValue:
    """The first key of a segment, and its value. ``texts``: what was written for the plain values directly below it, by their keys.
    ``more``: the line of something behind it, which is not read."""

    name: str
    value: Any
    texts: dict[str, str]
    more: int | None


def segments(text: str) -> Iterator[Segment]:
    """The segments of a file, in order. Continued lines before the first one belong to nothing."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(_LINE_ENDS.split(text), start=1):
        if _SKIPPED.fullmatch(line):
            continue
        if _CONTINUED.fullmatch(line):
            if lines:
                lines.append((number, line))
            continue
        if lines:
            yield _segment(lines)
        lines = [(number, line)]
    if lines:
        yield _segment(lines)


def _segment(lines: list[tuple[int, str]]) -> Segment:
    return Segment("".join(f"{line}\n" for _, line in lines), tuple(number for number, _ in lines))


def read_segment(segment: Segment) -> NamedValue | None:
    """The role in a segment; ``None`` when it holds nothing, as a line of ``---`` does. Raises BadSegmentError."""
    reader = _SegmentReader(segment)
    try:
        return reader.read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = segment.line if mark is None else reader.line_at(mark)
        raise BadSegmentError(f"{error.problem or error.context}", line) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # YAML's reader lets Python's own errors through for characters that do not exist.
        raise BadSegmentError(str(error).splitlines()[0], segment.line) from error


class _SegmentReader:
    """Builds values from YAML's events as they come, so that what is behind the role is looked at for its errors only."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._events = yaml.parse(segment.text, Loader=yaml.SafeLoader)
        self._texts: dict[str, str] = {}

    def line_at(self, mark: Any) -> int:
        """``mark``: where YAML's events and errors say that they are."""
        return self._segment.lines[min(int(mark.line), len(self._segment.lines) - 1)]

    def read(self) -> NamedValue | None:
        event = next(self._events)
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent) or (isinstance(event, yaml.ScalarEvent) and event.value == ""):
            return None
        if not isinstance(event, yaml.MappingStartEvent):
            raise self._bad("expected a role's name and what it may do", event)
        key = next(self._events)
        if isinstance(key, yaml.MappingEndEvent):
            return None
        name = self._key(key)
        value = self._value(next(self._events), 0)
        return NamedValue(name, value, self._texts, self._more())

    def _more(self) -> int | None:
        """Elasticsearch notices what is no YAML behind a role when it is close enough. Here it never passes."""
        event = next(self._events)
        return None if isinstance(event, yaml.MappingEndEvent) else self.line_at(event.start_mark)

    def _value(self, event: yaml.Event, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._bad(f"nested more than [{MAX_DEPTH}] deep", event)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.MappingStartEvent():
                return self._mapping(depth)
            case yaml.SequenceStartEvent():
                items = []
                while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                    items.append(self._value(event, depth + 1))
                return items
            case yaml.AliasEvent():
                # Elasticsearch takes the alias's own name for the value, which nobody means.
                raise self._bad("aliases are not allowed", event)
            case _:
                raise self._bad("expected a value", event)

    def _mapping(self, depth: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in body:
                raise self._bad(f"Duplicate field '{key}'", event)
            event = next(self._events)
            if depth == 0 and isinstance(event, yaml.ScalarEvent):
                self._texts[key] = event.value
            body[key] = self._value(event, depth + 1)
        return body

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._bad("a field name must be text", event)
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = str(event.value)
        tag = event.tag
        if tag is None or tag == "!":
            tag = _RESOLVER.resolve(yaml.ScalarNode, text, event.implicit)  # type: ignore[no-untyped-call]
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return _BOOLEANS.get(text.lower(), text)
            case "int" if len(text) > MAX_NUMBER:
                raise self._bad(f"a number of more than [{MAX_NUMBER}] characters", event)
            case "int":
                return _integer(text)
            case "float":
                return self._float(text, event)
            case "binary":
                raise self._bad("bytes are not allowed", event)
            case "str" if event.implicit[0] and _MORE_FLOATS.fullmatch(text):
                return self._float(text, event)
            case _:
                return text

    def _float(self, text: str, event: yaml.Event) -> float:
        try:
            number = float(text.replace("_", ""))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self._bad(f"[{text}] is no number", event)
        return number

    def _bad(self, reason: str, event: yaml.Event) -> BadSegmentError:
        return BadSegmentError(reason, self.line_at(event.start_mark))


def _integer(text: str) -> int | str:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    for prefix, base in (("0b", 2), ("0x", 16)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    if len(digits) > 1 and digits.startswith("0"):
        return sign * int(digits, 8)
    return sign * int(digits) if digits.isdigit() else text
