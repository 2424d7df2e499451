"""The deterministic automaton of a language, made as far as it is needed."""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum
from threading import Lock
from typing import Final

from gateway.lucene.languages import (
    ANY_WORD,
    MAX_CODE,
    MAX_WORK,
    NOTHING,
    Language,
    TooComplexError,
    Work,
    complement,
    intersection,
)

MAX_STATES: Final = 10_000
"""What Lucene allows when it determinizes, by default (``max_determinized_states`` of a regexp query)."""
MAX_KNOWN: Final = 50_000
"""Derivatives remembered while states are made; forgetting them costs only time."""


class Kind(Enum):
    """What is known of the words that lead on from a state: there are none, each does, or neither, and with ACCEPTING it may end."""

    NOTHING = "nothing"
    PLAIN = "plain"
    ACCEPTING = "accepting"
    EVERYTHING = "everything"

    @classmethod
    def of(cls, language: Language) -> Kind:
        if language is NOTHING:
            return cls.NOTHING
        if language == ANY_WORD:
            return cls.EVERYTHING
        return cls.ACCEPTING if language.nullable else cls.PLAIN


class Automaton:
    """States are numbers, 0 the first, and ``kinds`` is what is known of each. ``work`` may be shared by several, to bound what they
    cost together. May be used by several threads at once.
    """

    __slots__ = ("_lock", "_max_states", "_numbers", "_rows", "kinds", "states", "work")

    def __init__(self, language: Language, max_states: int = MAX_STATES, work: Work | None = None) -> None:
        self.states: list[Language] = [language]
        self.kinds = [Kind.of(language)]
        self._numbers: dict[bytes, int] = {language.digest: 0}
        self._rows: list[tuple[list[int], list[int]] | None] = [None]
        self._max_states = max_states
        self.work = work if work is not None else Work(MAX_WORK)
        self._lock = Lock()

    def row(self, number: int) -> tuple[list[int], list[int]]:
        """``(edges, targets)`` of a state: from a code point of ``edges`` up to the next one, it goes to the target beside it.

        Raises ``TooComplexError`` beyond the limits.
        """
        with self._lock:
            row = self._rows[number]
            if row is None:
                state = self.states[number]
                # Between two edges all derivatives are equal: one character stands for each stretch.
                edges = sorted(code for code in state.edges | {0} if code <= MAX_CODE)
                self.work.spend(len(edges))
                row = edges, [self._number(state.derive(code, self.work)) for code in edges]
                self._rows[number] = row
                if len(self.work.known) > MAX_KNOWN:
                    self.work.known.clear()
            return row

    def _number(self, state: Language) -> int:
        number = self._numbers.get(state.digest)
        if number is None:
            number = len(self.states)
            if number >= self._max_states:
                raise TooComplexError(f"Determinizing automaton would require more than {self._max_states} states.")
            self._numbers[state.digest] = number
            self.states.append(state)
            self.kinds.append(Kind.of(state))
            self._rows.append(None)
        return number

    def matches(self, word: str) -> bool:
        """Whether the word belongs to the language. Raises ``TooComplexError`` beyond the limits."""
        state = 0
        for code in map(ord, word):
            edges, targets = self._rows[state] or self.row(state)
            state = targets[bisect_right(edges, code) - 1]
            if self.states[state] is NOTHING:
                return False
        return self.states[state].nullable

    def step(self, state: int, code: int) -> int:
        """The state behind a code point. Raises ``TooComplexError`` beyond the limits."""
        edges, targets = self._rows[state] or self.row(state)
        return targets[bisect_right(edges, code) - 1]

    def is_empty(self) -> bool:
        """Whether no word belongs to the language. Raises ``TooComplexError`` beyond the limits."""
        # The list grows while it is walked through.
        for number, state in enumerate(self.states):
            if state.nullable:
                return False
            self.row(number)
        return True


def is_empty(language: Language, work: Work | None = None) -> bool:
    """Whether no word belongs to a language. Raises ``TooComplexError`` beyond the limits."""
    return Automaton(language, work=work).is_empty()


def is_subset(small: Language, large: Language, work: Work | None = None) -> bool:
    """Whether each word of ``small`` belongs to ``large``. Raises ``TooComplexError`` beyond the limits."""
    return is_empty(intersection([small, complement(large)]), work)
