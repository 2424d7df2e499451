"""Regular languages with complement and intersection, matched by derivatives.

The derivative of a language by a character is what may follow that character; a word belongs to the language when the language that is
left after its last character holds the empty word (Brzozowski). That makes complement and intersection as easy as union, needs no
backtracking, and so no pattern takes exponential time. Derivatives are remembered, which makes a deterministic automaton step by step.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_STATES = 10_000
"""How many derivatives of one pattern are kept: Elasticsearch too refuses what becomes too large when determinized."""
MAX_WORK = 300_000
"""Sum of the sizes of a pattern's derivatives. Patterns come from outside; this much takes less than a second, once."""

Ranges = tuple[tuple[int, int], ...]
LAST_CODE_POINT = 0x10FFFF


class TooComplexError(ValueError):
    """The pattern has more states than is sane."""


class Language:
    """A set of words. Equal keys are equal languages; ``nullable``: whether the empty word belongs to it.

    ``size`` counts the nodes of its description, and so what a derivative costs.
    """

    __slots__ = ("_hash", "key", "nullable", "size")

    def __init__(self, key: tuple[object, ...], nullable: bool, parts: Iterable[Language] = ()) -> None:
        self.key = key
        self.nullable = nullable
        self.size: int = 1 + sum(part.size for part in parts)
        self._hash = hash(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Language) and self._hash == other._hash and self.key == other.key)

    def derive(self, char: int) -> Language:
        """The words that follow ``char`` (a code point) in this language."""
        raise NotImplementedError

    def chars(self) -> Iterable[int]:
        """Code points at which the derivative may change: bounds of all character ranges."""
        return ()


class _Nothing(Language):
    def derive(self, char: int) -> Language:  # noqa: ARG002
        return self


class _EmptyWord(Language):
    def derive(self, char: int) -> Language:  # noqa: ARG002
        return NOTHING


class _Chars(Language):
    __slots__ = ("ranges",)

    def __init__(self, ranges: Ranges) -> None:
        super().__init__(("chars", ranges), False)
        self.ranges = ranges

    def derive(self, char: int) -> Language:
        return EMPTY_WORD if any(low <= char <= high for low, high in self.ranges) else NOTHING

    def chars(self) -> Iterable[int]:
        for low, high in self.ranges:
            yield low
            yield high + 1


class _Concat(Language):
    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Language, ...]) -> None:
        super().__init__(("concat", *parts), all(part.nullable for part in parts), parts)
        self.parts = parts

    def derive(self, char: int) -> Language:
        choices: list[Language] = []
        for index, part in enumerate(self.parts):
            choices.append(concat([part.derive(char), *self.parts[index + 1 :]]))
            if not part.nullable:
                break
        return union(choices)

    def chars(self) -> Iterable[int]:
        for part in self.parts:
            yield from part.chars()


class _Star(Language):
    __slots__ = ("of",)

    def __init__(self, of: Language) -> None:
        super().__init__(("star", of), True, (of,))
        self.of = of

    def derive(self, char: int) -> Language:
        return concat([self.of.derive(char), self])

    def chars(self) -> Iterable[int]:
        return self.of.chars()


class _Union(Language):
    __slots__ = ("parts",)

    def __init__(self, parts: frozenset[Language]) -> None:
        super().__init__(("union", parts), any(part.nullable for part in parts), parts)
        self.parts = parts

    def derive(self, char: int) -> Language:
        return union(part.derive(char) for part in self.parts)

    def chars(self) -> Iterable[int]:
        for part in self.parts:
            yield from part.chars()


class _Intersection(Language):
    __slots__ = ("parts",)

    def __init__(self, parts: frozenset[Language]) -> None:
        super().__init__(("intersection", parts), all(part.nullable for part in parts), parts)
        self.parts = parts

    def derive(self, char: int) -> Language:
        return intersection(part.derive(char) for part in self.parts)

    def chars(self) -> Iterable[int]:
        for part in self.parts:
            yield from part.chars()


class _Complement(Language):
    __slots__ = ("of",)

    def __init__(self, of: Language) -> None:
        super().__init__(("complement", of), not of.nullable, (of,))
        self.of = of

    def derive(self, char: int) -> Language:
        return complement(self.of.derive(char))

    def chars(self) -> Iterable[int]:
        return self.of.chars()


class _Number(Language):
    """Decimal numbers from ``low`` to ``high``, of exactly ``digits`` digits, or with any leading zeros when that is 0."""

    __slots__ = ("digits", "high", "low", "read", "value")

    def __init__(self, low: int, high: int, digits: int, value: int = 0, read: int = 0) -> None:
        done = read == digits if digits else read > 0
        super().__init__(("number", low, high, digits, value, read), done and low <= value <= high)
        self.low, self.high, self.digits, self.value, self.read = low, high, digits, value, read

    def derive(self, char: int) -> Language:
        if not 0x30 <= char <= 0x39:
            return NOTHING
        value = self.value * 10 + char - 0x30
        if value > self.high or (self.digits and self.read == self.digits):
            return NOTHING
        # Without a fixed length only "some digit was read" matters; counting on would make a new state for each leading zero.
        read = self.read + 1 if self.digits else 1
        return _Number(self.low, self.high, self.digits, value, read)

    def chars(self) -> Iterable[int]:
        return range(0x30, 0x3B)


NOTHING: Language = _Nothing(("nothing",), False)
EMPTY_WORD: Language = _EmptyWord(("empty word",), True)
ANY_CHAR: Language = _Chars(((0, LAST_CODE_POINT),))


def chars(ranges: Iterable[tuple[int, int]]) -> Language:
    """One character out of inclusive ranges of code points."""
    kept = tuple(sorted((low, high) for low, high in ranges if low <= high))
    return _Chars(kept) if kept else NOTHING


def not_chars(ranges: Iterable[tuple[int, int]]) -> Language:
    """One character outside of inclusive ranges of code points."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    gaps.append((start, LAST_CODE_POINT))
    return chars(gaps)


def text(word: str) -> Language:
    """Exactly this word."""
    return concat([chars([(ord(c), ord(c))]) for c in word])


def number(low: int, high: int, digits: int = 0) -> Language:
    return _Number(low, high, digits)


def concat(parts: Iterable[Language]) -> Language:
    flat: list[Language] = []
    for part in parts:
        if part is NOTHING:
            return NOTHING
        if isinstance(part, _Concat):
            flat.extend(part.parts)
        elif part is not EMPTY_WORD:
            flat.append(part)
    if not flat:
        return EMPTY_WORD
    return flat[0] if len(flat) == 1 else _Concat(tuple(flat))


def star(of: Language) -> Language:
    if of is NOTHING or of is EMPTY_WORD:
        return EMPTY_WORD
    return of if isinstance(of, _Star) else _Star(of)


def union(parts: Iterable[Language]) -> Language:
    flat: set[Language] = set()
    for part in parts:
        if isinstance(part, _Union):
            flat |= part.parts
        elif part is not NOTHING:
            flat.add(part)
    if ANY_WORD in flat:
        return ANY_WORD
    if not flat:
        return NOTHING
    return next(iter(flat)) if len(flat) == 1 else _Union(frozenset(flat))


def intersection(parts: Iterable[Language]) -> Language:
    flat: set[Language] = set()
    for part in parts:
        if part is NOTHING:
            return NOTHING
        if isinstance(part, _Intersection):
            flat |= part.parts
        elif part != ANY_WORD:
            flat.add(part)
    if not flat:
        return ANY_WORD
    return next(iter(flat)) if len(flat) == 1 else _Intersection(frozenset(flat))


def complement(of: Language) -> Language:
    if isinstance(of, _Complement):
        return of.of
    if of is NOTHING:
        return ANY_WORD
    return NOTHING if of == ANY_WORD else _Complement(of)


ANY_WORD: Language = _Star(ANY_CHAR)


class Automaton:
    """Matches words, remembering each derivative that it has made."""

    __slots__ = ("_start", "_steps", "_work")

    def __init__(self, language: Language) -> None:
        self._start = language
        self._work = 0
        self._steps: dict[Language, dict[int, Language]] = {}

    def matches(self, word: str) -> bool:
        """Whether the word belongs to the language. Raises ``TooComplexError`` beyond the limits."""
        state = self._start
        for char in map(ord, word):
            steps = self._steps.get(state)
            if steps is None:
                self._work += state.size
                if len(self._steps) >= MAX_STATES or self._work > MAX_WORK:
                    raise TooComplexError("the pattern is too complex")
                steps = self._steps.setdefault(state, {})
            following = steps.get(char)
            if following is None:
                following = state.derive(char)
                if len(steps) < MAX_STATES:
                    steps[char] = following
            state = following
        return state.nullable


def is_empty(language: Language) -> bool:
    """Whether no word belongs to the language. Raises ``TooComplexError`` beyond the limits."""
    # One representative for each stretch of code points between two bounds is enough: within it all derivatives are equal.
    alphabet = {0, *(c for c in language.chars() if c <= LAST_CODE_POINT)}
    seen, todo = {language}, [language]
    work = 0
    while todo:
        state = todo.pop()
        work += state.size
        if state.nullable:
            return False
        for char in alphabet:
            following = state.derive(char)
            if following not in seen:
                if len(seen) >= MAX_STATES or work > MAX_WORK:
                    raise TooComplexError("the pattern is too complex")
                seen.add(following)
                todo.append(following)
    return True


def is_subset(small: Language, large: Language) -> bool:
    """Whether each word of ``small`` belongs to ``large``."""
    return is_empty(intersection([small, complement(large)]))
