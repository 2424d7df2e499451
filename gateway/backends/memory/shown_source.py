"""What field-level security leaves of a document's source (x-pack core's ``FieldSubsetReader.filter``).

Paths are read character by character, so that ``{"a.b": 1}`` and ``{"a": {"b": 1}}`` are the same. A value stays where its path may be
seen; an object that has nothing left goes, and so does a list, but an emptied object within a list stays as ``{}`` where some path below
it could be seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final

from gateway.authorization.field_patterns import language_of_rule
from gateway.authorization.index_access import FieldAccess
from gateway.lucene.automaton import Automaton, is_empty
from gateway.lucene.languages import Language, Work, intersection, union

_MAX_STEPS: Final = 20_000
"""Remembered steps from one state over a key to the next; keys come from documents, so there is a limit."""


def language_of_fields(fields: FieldAccess) -> Language:
    """The full names that may be seen. Raises ``ValueError`` for a bad pattern."""
    return intersection(union(map(language_of_rule, rules)) for rules in fields.rules)


class ShownSource:
    """Filters parsed sources. Raises ``ValueError`` where patterns are malformed or take more work than is sane."""

    def __init__(self, fields: FieldAccess) -> None:
        self._work = Work()
        self._automaton = Automaton(language_of_fields(fields), work=self._work)
        self._alive: dict[int, bool] = {}
        self._steps: dict[tuple[int, str], int | None] = {}

    def __call__(self, document: dict[str, Any]) -> dict[str, Any]:
        """What is left of a source; the document itself is not changed."""
        return self._object(document, 0) if self._lives(0) else {}

    def _object(self, content: dict[str, Any], start: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in content.items():
            state = self._step(start, key)
            if state is None:
                continue
            if isinstance(value, dict):
                below = self._step(state, ".")
                left: Any = self._object(value, below) if below is not None else None
            elif isinstance(value, list):
                left = self._list(value, state)
            elif self._automaton.states[state].nullable:
                kept[key] = value
                continue
            else:
                continue
            if left:
                kept[key] = left
        return kept

    def _list(self, values: Iterable[Any], state: int) -> list[Any]:
        kept: list[Any] = []
        for value in values:
            if isinstance(value, dict):
                below = self._step(state, ".")
                if below is not None:
                    kept.append(self._object(value, below))
            elif isinstance(value, list):
                if left := self._list(value, state):
                    kept.append(left)
            elif self._automaton.states[state].nullable:
                kept.append(value)
        return kept

    def _step(self, start: int, text: str) -> int | None:
        """The state after a key; None where nothing that goes on from there may be seen."""
        known = self._steps.get((start, text), -1)
        if known != -1:
            return known
        state: int | None = start
        for code in map(ord, text):
            edges, targets = self._automaton.row(state)  # type: ignore[arg-type]
            state = targets[bisect_right(edges, code) - 1]
        if not self._lives(state):  # type: ignore[arg-type]
            state = None
        if len(self._steps) >= _MAX_STEPS:
            self._steps.clear()
        self._steps[start, text] = state
        return state

    def _lives(self, state: int) -> bool:
        known = self._alive.get(state)
        if known is None:
            known = self._alive[state] = not is_empty(self._automaton.states[state], self._work)
        return known
