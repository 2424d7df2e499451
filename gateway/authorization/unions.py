"""Which groups of patterns a text matches, in time that hardly grows with their number.

The automaton of all patterns together is made as far as texts lead into it, a step costs its part of a budget (``Work``) the first time,
and what was made is kept, for all unions of the process within one bound. Forgetting it costs only time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from operator import or_
from threading import Lock
from typing import Final, Generic, TypeVar
from weakref import WeakSet

from gateway.authorization.patterns import ANY_CHAR, ANY_WORD
from gateway.lucene.automaton import Automaton, Kind
from gateway.lucene.languages import Work

MAX_BYTES: Final = 1 << 26
"""That the states of all unions may take together, roughly."""

Key = TypeVar("Key", bound=Hashable)
"""How far each pattern has got."""

_STATE_BYTES: Final = 400
_STEP_BYTES: Final = 100
_BITS_OF_A_STEP: Final = 8192
"""Bits of a state that are handled in about the time of one step of ``Work``."""


class _Budget:
    """What the unions of the process hold. ``lock`` is held where any of them changes."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._held = 0
        self._unions: WeakSet[PatternUnion[int] | PatternUnion[tuple[int, ...]]] = WeakSet()

    def add(self, union: PatternUnion[Key]) -> None:
        with self.lock:
            self._unions.add(union)  # type: ignore[arg-type]  # the two kinds that there are

    def hold(self, size: int) -> None:
        self._held += size

    def keep(self) -> None:
        """Forget everything when it is too much. What belongs to unions that are gone counts until then."""
        if self._held > MAX_BYTES:
            for union in self._unions:
                union.forget()
            self._held = 0


_BUDGET: Final = _Budget()


class _State(dict[str, "_State[Key]"], Generic[Key]):
    """What may follow, by the next letter. ``found``: the groups that a text which ends there matches; ``decided``: so do longer ones."""

    __slots__ = ("decided", "found", "key", "union")

    def __init__(self, union: PatternUnion[Key], key: Key, found: int, decided: bool) -> None:
        super().__init__()
        self.union = union
        self.key = key
        self.found = found
        self.decided = decided

    def __missing__(self, letter: str) -> _State[Key]:
        return self.union.follow(self, letter)


class PatternUnion(ABC, Generic[Key]):
    """Groups are bits of a number. May be used by several threads at once."""

    def __init__(self, start: Key) -> None:
        self._states: dict[Key, _State[Key]] = {}
        self._begin = start
        self._start: _State[Key] | None = None
        self._work = Work(0)
        _BUDGET.add(self)

    def find(self, text: str, work: Work) -> int:
        """The groups with a pattern that the text matches. Raises TooComplexError when there is no work left."""
        work.spend(1 + (len(text) >> 5))
        self._work = work
        state = self._start
        if state is None:
            with _BUDGET.lock:
                state = self._start = self._state(self._begin, work)
        for letter in text:
            if state.decided:
                break
            state = state[letter]
        return state.found

    def follow(self, state: _State[Key], letter: str) -> _State[Key]:
        """The state behind a letter that was not seen there before."""
        with _BUDGET.lock:
            found = self._state(self._step(state.key, letter, self._work), self._work)
            state[letter] = found
            _BUDGET.hold(_STEP_BYTES)
            _BUDGET.keep()
            return found

    def forget(self) -> None:
        """States that are still walked from stay as good as they were."""
        for state in self._states.values():
            state.clear()
        self._states.clear()
        self._start = None

    def _state(self, key: Key, work: Work) -> _State[Key]:
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = _State(self, key, *self._outcome(key, work))
            _BUDGET.hold(_STATE_BYTES + self._size(key))
        return found

    @abstractmethod
    def _step(self, key: Key, letter: str, work: Work) -> Key: ...

    @abstractmethod
    def _outcome(self, key: Key, work: Work) -> tuple[int, bool]:
        """The groups that a text which ends there matches, and whether the same is certain for all longer ones."""

    @abstractmethod
    def _size(self, key: Key) -> int: ...


class WildcardUnion(PatternUnion[int]):
    """Wildcards, given as letters with ``ANY_CHAR`` and ``ANY_WORD`` among them.

    A key is a number of as many bits as the patterns have letters: one for each place in a pattern that may have been reached.
    """

    def __init__(self, patterns: Iterable[tuple[int, Sequence[object]]]) -> None:
        """Each pattern with its groups."""
        place = 0
        self._groups: dict[int, int] = {}
        begin: list[int] = []
        ends: list[int] = []
        loops: list[int] = []
        any_char: list[int] = []
        self._places: dict[object, list[int]] = defaultdict(list)
        for groups, pattern in patterns:
            begin.append(place)
            for letter in pattern:
                if letter is ANY_WORD:
                    if not loops or loops[-1] != place:
                        loops.append(place)
                    continue
                (any_char if letter is ANY_CHAR else self._places[letter]).append(place)
                place += 1
            ends.append(place)
            self._groups[place] = groups
            place += 1
        self._bits = place
        self._loops = self._mask(loops)
        self._ends = self._mask(ends)
        self._endless = self._loops & self._ends
        self._every = union_of(self._groups.values())
        self._alike = len(set(self._groups.values())) == 1
        self._any_char = self._mask(any_char)
        self._letters: dict[str, int] = {}
        self._cost = 1 + place // _BITS_OF_A_STEP
        super().__init__(self._mask(begin))

    def _mask(self, places: Iterable[int]) -> int:
        found = bytearray(self._bits // 8 + 1)
        for place in places:
            found[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(found, "little")

    def _step(self, key: int, letter: str, work: Work) -> int:
        work.spend(self._cost)
        passes = self._letters.get(letter)
        if passes is None:
            own = self._places.get(letter)
            passes = self._any_char
            if own is not None:
                work.spend(self._cost)
                passes |= self._mask(own)
                self._letters[letter] = passes
                _BUDGET.hold(self._size(passes))
        return ((key & passes) << 1) | (key & self._loops)

    def _size(self, key: int) -> int:
        return key.bit_length() >> 3

    def _outcome(self, key: int, work: Work) -> tuple[int, bool]:
        ends = key & self._ends
        if not ends:
            return 0, not key
        if self._alike:
            return self._every, key & self._endless != 0
        found = self._groups_of(ends, work)
        return found, found == self._every and self._groups_of(key & self._endless, work) == found

    def _groups_of(self, places: int, work: Work) -> int:
        work.spend(self._cost + places.bit_count() // 4)
        written = f"{places:b}"[::-1]
        found = 0
        place = written.find("1")
        while place >= 0:
            found |= self._groups.get(place, 0)
            place = written.find("1", place + 1)
        return found

    def forget(self) -> None:
        super().forget()
        self._letters.clear()


class ExpressionUnion(PatternUnion[tuple[int, ...]]):
    """Regular expressions. A key has, for each automaton that may still accept, its number and then its state."""

    def __init__(self, automata: Iterable[tuple[int, Automaton]]) -> None:
        """Each automaton with its groups."""
        self._groups, self._automata = zip(*automata, strict=True)
        self._every = union_of(self._groups)
        self._rows = tuple({id(automaton.work): automaton.work for automaton in self._automata}.values())
        super().__init__(tuple(part for number in range(len(self._automata)) for part in (number, 0)))

    def _step(self, key: tuple[int, ...], letter: str, work: Work) -> tuple[int, ...]:
        work.spend(1 + len(key) // 2)
        before = sum([rows.spent for rows in self._rows])
        code = ord(letter)
        found: list[int] = []
        pairs = iter(key)
        for number, state in zip(pairs, pairs, strict=True):
            automaton = self._automata[number]
            follower = automaton.step(state, code)
            kind = automaton.kinds[follower]
            if kind is Kind.EVERYTHING and self._groups[number] == self._every:
                found = [number, follower]
                break
            if kind is not Kind.NOTHING:
                found += number, follower
        work.spend(sum([rows.spent for rows in self._rows]) - before)
        return tuple(found)

    def _outcome(self, key: tuple[int, ...], work: Work) -> tuple[int, bool]:  # noqa: ARG002
        found = endless = 0
        pairs = iter(key)
        for number, state in zip(pairs, pairs, strict=True):
            kind = self._automata[number].kinds[state]
            if kind is Kind.EVERYTHING:
                endless |= self._groups[number]
            elif kind is Kind.ACCEPTING:
                found |= self._groups[number]
        return found | endless, endless == self._every or not key

    def _size(self, key: tuple[int, ...]) -> int:
        return 8 * len(key)


def union_of(groups: Iterable[int]) -> int:
    """``|`` of all."""
    return reduce(or_, groups, 0)
