"""An automaton as a table, which runs over many terms at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.lucene.automaton import MAX_STATES, Automaton
from gateway.lucene.languages import NOTHING, Language, TooComplexError

MAX_CELLS: Final = 1 << 25
"""Of a table, states times stretches of characters: 128 MiB."""


class TermAutomaton:
    """A term costs one look-up per character. Making one raises ``TooComplexError`` beyond ``max_states`` or too much work."""

    def __init__(self, language: Language, max_states: int = MAX_STATES) -> None:
        automaton = Automaton(language, max_states)
        edges = {0}
        rows = []
        # The list grows while it is walked through.
        for number, state in enumerate(automaton.states):
            rows.append(automaton.row(number))
            edges |= state.edges
        if len(rows) * len(edges) > MAX_CELLS:
            raise TooComplexError("the pattern is too complex")
        self._edges: NDArray[np.uint32] = np.array(sorted(edges), np.uint32)
        self._table: NDArray[np.int32] = np.empty((len(rows), len(edges)), np.int32)
        for number, (own, targets) in enumerate(rows):
            places = np.searchsorted(np.array(own, np.uint32), self._edges, side="right") - 1
            self._table[number] = np.array(targets, np.int32)[places]
        self._accepting: NDArray[np.bool_] = np.array([state.nullable for state in automaton.states])
        self._dead = next((number for number, state in enumerate(automaton.states) if state is NOTHING), -1)

    def accepts(self, codes: NDArray[np.uint32], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool: whether each term ``codes[starts[i]:starts[i] + lengths[i]]`` is in the language."""
        state = np.zeros(len(starts), np.int32)
        alive = np.arange(len(starts))
        place = 0
        while len(alive := alive[(lengths[alive] > place) & (state[alive] != self._dead)]):
            letters = np.searchsorted(self._edges, codes[starts[alive] + place], side="right") - 1
            state[alive] = self._table[state[alive], letters]
            place += 1
        return self._accepting[state]
