"""Whether a text matches any of many patterns, in time that does not grow with their number.

The automaton of all patterns together is made as far as texts lead into it, a step costs its part of a budget (``Work``) the first time,
and what was made is kept, for all unions of the process within one bound. Forgetting it costs only time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
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
    """What may follow, by the next letter. ``decided``: whatever follows, it stays here."""

    __slots__ = ("accepts", "decided", "key", "union")

    def __init__(self, union: PatternUnion[Key], key: Key, accepts: bool, decided: bool) -> None:
        super().__init__()
        self.union = union
        self.key = key
        self.accepts = accepts
        self.decided = decided

    def __missing__(self, letter: str) -> _State[Key]:
        return self.union.follow(self, letter)


class PatternUnion(ABC, Generic[Key]):
    """May be used by several threads at once."""

    def __init__(self, start: Key) -> None:
        self._states: dict[Key, _State[Key]] = {}
        self._begin = start
        self._start: _State[Key] | None = None
        self._work = Work(0)
        _BUDGET.add(self)

    def matches(self, text: str, work: Work) -> bool:
        """Raises TooComplexError when there is no work left."""
        work.spend(1 + (len(text) >> 5))
        self._work = work
        state = self._start
        if state is None:
            with _BUDGET.lock:
                state = self._start = self._state(self._begin)
        for letter in text:
            if state.decided:
                break
            state = state[letter]
        return state.accepts

    def follow(self, state: _State[Key], letter: str) -> _State[Key]:
        """The state behind a letter that was not seen there before."""
        with _BUDGET.lock:
            found = self._state(self._step(state.key, letter, self._work))
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

    def _state(self, key: Key) -> _State[Key]:
        found = self._states.get(key)
        if found is None:
            accepts, decided = self._outcome(key)
            found = self._states[key] = _State(self, key, accepts, decided)
            _BUDGET.hold(_STATE_BYTES + self._size(key))
        return found

    @abstractmethod
    def _step(self, key: Key, letter: str, work: Work) -> Key: ...

    @abstractmethod
    def _outcome(self, key: Key) -> tuple[bool, bool]:
        """Whether a text that ends there is accepted, and whether that holds for all longer ones too."""

    @abstractmethod
    def _size(self, key: Key) -> int: ...


class WildcardUnion(PatternUnion[int]):
    """Wildcards, given as letters with ``ANY_CHAR`` and ``ANY_WORD`` among them.

    A key is a number of as many bits as the patterns have letters: one for each place in a pattern that may have been reached.
    """

    def __init__(self, patterns: Iterable[Sequence[object]]) -> None:
        place = 0
        begin: list[int] = []
        ends: list[int] = []
        loops: list[int] = []
        any_char: list[int] = []
        self._places: dict[object, list[int]] = defaultdict(list)
        for pattern in patterns:
            begin.append(place)
            for letter in pattern:
                if letter is ANY_WORD:
                    if not loops or loops[-1] != place:
                        loops.append(place)
                    continue
                (any_char if letter is ANY_CHAR else self._places[letter]).append(place)
                place += 1
            ends.append(place)
            place += 1
        self._bits = place
        self._loops = self._mask(loops)
        self._ends = self._mask(ends)
        self._endless = self._loops & self._ends
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

    def _outcome(self, key: int) -> tuple[bool, bool]:
        endless = key & self._endless != 0
        return endless or key & self._ends != 0, endless or not key

    def forget(self) -> None:
        super().forget()
        self._letters.clear()


class ExpressionUnion(PatternUnion[tuple[int, ...]]):
    """Regular expressions. A key has, for each automaton that may still accept, its number and then its state."""

    def __init__(self, automata: Iterable[Automaton]) -> None:
        self._automata = tuple(automata)
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
            if kind is Kind.EVERYTHING:
                found = [number, follower]
                break
            if kind is not Kind.NOTHING:
                found += number, follower
        work.spend(sum([rows.spent for rows in self._rows]) - before)
        return tuple(found)

    def _outcome(self, key: tuple[int, ...]) -> tuple[bool, bool]:
        pairs = iter(key)
        kinds = {self._automata[number].kinds[state] for number, state in zip(pairs, pairs, strict=True)}
        endless = Kind.EVERYTHING in kinds
        return endless or Kind.ACCEPTING in kinds, endless or not key

    def _size(self, key: tuple[int, ...]) -> int:
        return 8 * len(key)
