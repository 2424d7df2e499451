"""Filtering of ``_source`` by includes and excludes, as Elasticsearch's ``SourceFilter`` does it.

Elasticsearch has two ways, with different results at the edges. Unless an exclude holds a wildcard, it filters while it parses
(`_filter_parsed`): paths are matched segment by segment, a ``*`` stays within its segment, and an object that loses all it had is
dropped. Otherwise it filters the parsed map (`_filter_map`): a ``*`` runs across dots, and emptied objects stay where they were included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from gateway.globs import glob

_DROPPED: Any = object()


def dump_source(value: Any) -> bytes:
    """JSON bytes; whole numbers beyond 64 bits, which orjson refuses, take the slower way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


class SourceFilter:
    """Includes and excludes of field paths; no includes mean all, no excludes none."""

    def __init__(self, includes: Sequence[str] = (), excludes: Sequence[str] = ()) -> None:
        self.includes = tuple(includes)
        self.excludes = tuple(excludes)
        self._empty = not self.includes and not self.excludes
        self._by_map = any("*" in pattern for pattern in self.excludes)
        if self._by_map:
            self._include = _Automaton(self.includes) if self.includes else _ALL
            self._exclude = _Automaton(self.excludes)
        else:
            self._include_tree = _tree(self.includes) if self.includes else None
            self._exclude_tree = _tree(self.excludes) if self.excludes else None

    @property
    def filters(self) -> bool:
        """Whether there is anything to filter."""
        return not self._empty

    def __call__(self, document: dict[str, Any]) -> dict[str, Any]:
        """What is left of a parsed source. The document itself is not changed; what is left may share its parts."""
        if self._empty:
            return document
        if "*" in self.excludes:
            return {}
        if self._by_map:
            return _filter_map(document, self._include, self._include.start, self._exclude, self._exclude.start)
        if self._exclude_tree is not None:
            document = _without(document, (self._exclude_tree,))
            document = {} if document is _DROPPED else document
        if self._include_tree is not None:
            document = _only(document, (self._include_tree,))
            document = {} if document is _DROPPED else document
        return document


# Filtering while parsing


class _Node:
    """A segment of the tree of patterns; ``final`` where a pattern ends."""

    __slots__ = ("children", "final", "wildcards")

    def __init__(self) -> None:
        self.final = False
        self.children: dict[str, _Node] = {}
        self.wildcards: list[tuple[re.Pattern[str], bool, _Node]] = []


_Nodes: TypeAlias = "tuple[_Node, ...]"


def _tree(patterns: Iterable[str]) -> _Node:
    root = _Node()
    for pattern in sorted({pattern.strip() for pattern in patterns} - {""}):
        _insert(root, pattern)
    _finish(root)
    return root


def _insert(node: _Node, pattern: str) -> None:
    split = re.match(r"((?:\\\.|[^.])+)\.", pattern)
    segment, rest = (split[1], pattern[split.end() :]) if split else (pattern, None)
    segment = segment.replace("\\.", ".")
    child = node.children.setdefault(segment, _Node())
    if rest is None:
        node.children[segment] = child = _Node()
        child.final = True
    elif not child.final:
        _insert(child, rest)


def _finish(node: _Node) -> None:
    for segment in [segment for segment in node.children if "*" in segment]:
        node.wildcards.append((glob(segment), segment == "**", node.children.pop(segment)))
    for child in (*node.children.values(), *(child for _, _, child in node.wildcards)):
        _finish(child)
    for _, double, child in node.wildcards:
        if double:
            # A double wildcard stands for any number of segments, so that it also continues below itself.
            child.wildcards.append((glob("*"), False, child))


def _match(nodes: _Nodes, name: str) -> tuple[bool, _Nodes]:
    """Whether a pattern ends at the property, and the nodes to match what lies below it."""
    dot = name.find(".")
    if 0 < dot < len(name) - 1:
        # A dotted name counts as nested objects.
        final, below = _match(nodes, name[:dot])
        return (True, ()) if final else _match(below, name[dot + 1 :]) if below else (False, ())
    following: list[_Node] = []
    for node in nodes:
        child = node.children.get(name)
        if child is not None:
            if child.final:
                return True, ()
            following.append(child)
        for wildcard, _, wild in node.wildcards:
            if wildcard.fullmatch(name):
                if wild.final:
                    return True, ()
                following.append(wild)
    return False, tuple(following)


def _only(value: Any, nodes: _Nodes) -> Any:
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            final, below = _match(nodes, name)
            left = inner if final else _only(inner, below) if below else _DROPPED
            if left is not _DROPPED:
                kept[name] = left
        return kept or _DROPPED
    if isinstance(value, list):
        return [left for inner in value if (left := _only(inner, nodes)) is not _DROPPED] or _DROPPED
    return _DROPPED


def _without(value: Any, nodes: _Nodes) -> Any:
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            final, below = _match(nodes, name)
            left = _DROPPED if final else _without(inner, below) if below else inner
            if left is not _DROPPED:
                kept[name] = left
        return kept if kept or not value else _DROPPED
    if isinstance(value, list):
        items = [left for inner in value if (left := _without(inner, nodes)) is not _DROPPED]
        return items if items or not value else _DROPPED
    return value


# Filtering the parsed map

_State: TypeAlias = "frozenset[tuple[int, int]]"


class _Automaton:
    """Simple patterns (``*`` is any text, dots included) that also match everything below a dot after a match.

    A state is the set of (pattern, place) pairs reached; place ``len(pattern) + 1`` is below a match. The empty set is dead.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self.start = self._closed((number, 0) for number in range(len(patterns)))
        self._step = lru_cache(maxsize=4096)(self._advance)

    def _closed(self, places: Iterable[tuple[int, int]]) -> _State:
        reached = set()
        for number, place in places:
            pattern = self._patterns[number]
            reached.add((number, place))
            while place < len(pattern) and pattern[place] == "*":
                place += 1
                reached.add((number, place))
        return frozenset(reached)

    def _advance(self, state: _State, character: str) -> _State:
        moved = []
        for number, place in state:
            pattern = self._patterns[number]
            if place < len(pattern):
                if pattern[place] == "*":
                    moved.append((number, place))
                elif pattern[place] == character:
                    moved.append((number, place + 1))
            elif place > len(pattern) or character == ".":
                moved.append((number, len(pattern) + 1))
        return self._closed(moved)

    def step(self, state: _State, text: str) -> _State:
        for character in text:
            if not state:
                break
            state = self._step(state, character)
        return state

    def accepts(self, state: _State) -> bool:
        return any(place >= len(self._patterns[number]) for number, place in state)


_ALL = _Automaton(("*",))


def _filter_map(
    document: dict[str, Any], include: _Automaton, include_from: _State, exclude: _Automaton, exclude_from: _State
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in document.items():
        included = include.step(include_from, name)
        if not included:
            continue
        excluded = exclude.step(exclude_from, name)
        if exclude.accepts(excluded):
            continue
        whole = include.accepts(included)
        if whole and not exclude.step(excluded, "."):
            kept[name] = value
            continue
        # An included object includes all that lies below it, so that there only the excludes count.
        below, below_from = (_ALL, _ALL.start) if whole else (include, included)
        if isinstance(value, dict):
            below_from = below.step(below_from, ".")
            if not below_from:
                continue
            left: Any = _filter_map(value, below, below_from, exclude, exclude.step(excluded, "."))
        elif isinstance(value, list):
            left = _filter_list(value, below, below_from, exclude, excluded)
        elif whole:
            kept[name] = value
            continue
        else:
            continue
        if whole or left:
            kept[name] = left
    return kept


def _filter_list(values: list[Any], include: _Automaton, included: _State, exclude: _Automaton, excluded: _State) -> list[Any]:
    kept: list[Any] = []
    whole = include.accepts(included)
    for value in values:
        if isinstance(value, dict):
            left: Any = _filter_map(value, include, include.step(included, "."), exclude, exclude.step(excluded, "."))
        elif isinstance(value, list):
            left = _filter_list(value, include, included, exclude, excluded)
        elif whole:
            kept.append(value)
            continue
        else:
            continue
        if left:
            kept.append(left)
    return kept
