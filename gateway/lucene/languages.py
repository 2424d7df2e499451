"""Regular languages over code points, with complement and intersection, and their derivatives.

The derivative of a language by a character is what may follow that character; a word belongs to the language when the language that is
left after its last character holds the empty word (Brzozowski). That makes complement and intersection as easy as union, needs no
backtracking, and so no pattern takes exponential time. Languages are immutable; the functions below keep them in one canonical form,
so that a language has few different derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

MAX_CODE: Final = 0x10FFFF
MAX_DEPTH: Final = 400
"""How deep operators may stand in each other: derivatives recurse as deep."""
MAX_WORK: Final = 500_000
"""Steps that may be taken for one pattern, counting each part of each derivative. Patterns come from outside; so many steps take a second
or so, once. Lucene allows an effort of about as much before it refuses to determinize (100,000 with fewer things counted)."""

Ranges = tuple[tuple[int, int], ...]

_NO_EDGES: Final[frozenset[int]] = frozenset()


class TooComplexError(ValueError):
    """The pattern takes more states, or more work, than is sane."""


class Work:
    """What may still be done for one pattern, and the derivatives that are known."""

    __slots__ = ("_left", "known", "limit")

    def __init__(self, limit: int = MAX_WORK) -> None:
        self.limit = limit
        self._left = limit
        self.known: dict[tuple[int, bytes], Language] = {}

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooComplexError("the pattern is too complex")

    @property
    def spent(self) -> int:
        return self.limit - self._left

    @property
    def is_used_up(self) -> bool:
        return self._left < 0

    def refill(self) -> None:
        """Allow as much again as at first."""
        self._left = self.limit


class Language:
    """A set of words. Two are equal when their ``digest`` is: a strong hash of what they are made of.

    ``nullable``: whether the empty word belongs to it. ``edges``: the code points where its derivative may change.
    ``logical``: whether complement or intersection is in it; without them only ``NOTHING`` is empty.
    """

    __slots__ = ("depth", "digest", "edges", "logical", "nullable")
    digest: bytes

    def __init__(
        self, tag: bytes, parts: Sequence[Language], nullable: bool, edges: frozenset[int], depth: int, logical: bool = False
    ) -> None:
        # By digests rather than by structure: comparing would recurse through long words.
        self.digest = blake2b(tag + b"".join([part.digest for part in parts]), digest_size=20).digest()
        self.nullable = nullable
        self.edges = edges
        self.depth = depth
        self.logical = logical
        if depth > MAX_DEPTH:
            raise TooComplexError("the pattern is nested too deeply")

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Language) and self.digest == other.digest)

    def derive(self, code: int, work: Work) -> Language:
        """The words that follow a code point in this language. Raises ``TooComplexError``."""
        raise NotImplementedError


class _Nothing(Language):
    __slots__ = ()

    def derive(self, code: int, work: Work) -> Language:  # noqa: ARG002
        return NOTHING


class _Chars(Language):
    __slots__ = ("ranges",)

    def __init__(self, ranges: Ranges) -> None:
        edges = frozenset([code for low, high in ranges for code in (low, high + 1)])
        super().__init__(b"chars" + repr(ranges).encode(), (), False, edges, 0)
        self.ranges = ranges

    def derive(self, code: int, work: Work) -> Language:
        work.spend(1)
        for low, high in self.ranges:
            if low <= code <= high:
                return EMPTY_WORD
        return NOTHING


class _Then(Language):
    """``first``, then ``rest``; a sequence is a chain of them in which no ``first`` is a chain."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Language, rest: Language) -> None:
        edges = first.edges
        if first.nullable:
            edges = rest.edges if edges <= rest.edges else edges | rest.edges
        depth = max(first.depth + 1, rest.depth)
        super().__init__(b"then", (first, rest), first.nullable and rest.nullable, edges, depth, first.logical or rest.logical)
        self.first = first
        self.rest = rest

    def derive(self, code: int, work: Work) -> Language:
        # What can be empty lets the next one begin. From the last of them to the first, remembering each, so that a chain costs its length.
        chain: list[_Then] = []
        link: Language = self
        while isinstance(link, _Then) and (code, link.digest) not in work.known:
            chain.append(link)
            if not link.first.nullable:
                break
            link = link.rest
        found: Language | None = None
        for each in reversed(chain):
            work.spend(1)
            here = _then(each.first.derive(code, work), each.rest)
            if each.first.nullable:
                here = union([here, each.rest.derive(code, work) if found is None else found], work)
            work.known[code, each.digest] = found = here
        return work.known[code, self.digest]


class _Star(Language):
    __slots__ = ("of",)

    def __init__(self, of: Language) -> None:
        super().__init__(b"star", (of,), True, of.edges, of.depth + 1, of.logical)
        self.of = of

    def derive(self, code: int, work: Work) -> Language:
        return _then(self.of.derive(code, work), self)


class _Not(Language):
    __slots__ = ("of",)

    def __init__(self, of: Language) -> None:
        super().__init__(b"not", (of,), not of.nullable, of.edges, of.depth + 1, True)
        self.of = of

    def derive(self, code: int, work: Work) -> Language:
        return complement(self.of.derive(code, work))


class _Several(Language):
    """Parts in which neither order nor repetition matters."""

    __slots__ = ("parts",)

    def __init__(self, tag: bytes, parts: dict[bytes, Language], nullable: bool, logical: bool) -> None:
        self.parts = [parts[digest] for digest in sorted(parts)]
        edges = _NO_EDGES.union(*[part.edges for part in self.parts])
        depth = max([part.depth for part in self.parts]) + 1
        super().__init__(tag, self.parts, nullable, edges, depth, logical)

    def derive(self, code: int, work: Work) -> Language:
        found = work.known.get((code, self.digest))
        if found is None:
            found = self._join([part.derive(code, work) for part in self.parts], work)
            work.known[code, self.digest] = found
        return found

    def _join(self, parts: list[Language], work: Work) -> Language:
        raise NotImplementedError


class _Or(_Several):
    __slots__ = ()

    def _join(self, parts: list[Language], work: Work) -> Language:
        return union(parts, work)


class _And(_Several):
    __slots__ = ()

    def _join(self, parts: list[Language], work: Work) -> Language:
        return intersection(parts, work)


NOTHING: Final[Language] = _Nothing(b"nothing", (), False, _NO_EDGES, 0)
EMPTY_WORD: Final[Language] = _Nothing(b"empty word", (), True, _NO_EDGES, 0)


def chars(ranges: Iterable[tuple[int, int]]) -> Language:
    """One character out of inclusive ranges of code points."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        elif low <= high:
            merged.append((low, high))
    return _Chars(tuple(merged)) if merged else NOTHING


def outside(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The code points in none of the inclusive ranges, as ranges."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(ranges):
        if low > start:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    if start <= MAX_CODE:
        gaps.append((start, MAX_CODE))
    return tuple(gaps)


ANY_CHAR: Final[Language] = chars([(0, MAX_CODE)])
ANY_WORD: Final[Language] = _Star(ANY_CHAR)


def char(letter: str, ignore_case: bool = False) -> Language:
    """One given character; with ``ignore_case``, an ASCII letter in either case (Elasticsearch folds no others)."""
    forms = {letter, letter.lower(), letter.upper()} if ignore_case and letter.isascii() else {letter}
    return chars([(ord(form), ord(form)) for form in forms])


def text(word: str, ignore_case: bool = False) -> Language:
    """Exactly this word."""
    return concat([char(letter, ignore_case) for letter in word])


def concat(parts: Sequence[Language]) -> Language:
    """One after the other."""
    result = EMPTY_WORD
    for part in reversed(parts):
        result = _then(part, result)
    return result


def _then(first: Language, rest: Language) -> Language:
    if first is NOTHING or rest is NOTHING:
        return NOTHING
    if first is EMPTY_WORD:
        return rest
    if rest is EMPTY_WORD:
        return first
    chain: list[Language] = []
    while isinstance(first, _Then):
        chain.append(first.first)
        first = first.rest
    result = _Then(first, rest)
    for part in reversed(chain):
        result = _Then(part, result)
    return result


def star(of: Language) -> Language:
    """Any number of times, and not at all."""
    if isinstance(of, _Or) and EMPTY_WORD.digest in [part.digest for part in of.parts]:
        of = union([part for part in of.parts if part is not EMPTY_WORD])
    if of is NOTHING or of is EMPTY_WORD:
        return EMPTY_WORD
    return of if isinstance(of, _Star) else _Star(of)


def repeat(of: Language, low: int, high: int | None) -> Language:
    """``low`` to ``high`` times; without end for None."""
    if high is None:
        if low and of.nullable:
            return star(of)
        end = of
        while isinstance(end, _Then):
            end = end.rest
        if low == 1 and isinstance(end, _Star) and of == concat([end.of, end]):
            return of  # x++ is x+; without this, each + would double it
        return concat([of] * low + [star(of)])
    # Nested, (a(a(a)?)?)?, rather than a?a?a?: its derivatives stay few.
    optional = EMPTY_WORD
    for _ in range(high - low):
        optional = union([EMPTY_WORD, _then(of, optional)])
    return concat([of] * low + [optional])


def union(parts: Iterable[Language], work: Work | None = None) -> Language:
    """Any of them."""
    found: dict[bytes, Language] = {}
    single: list[_Chars] = []
    nullable = logical = False
    for part in parts:
        items = part.parts if isinstance(part, _Or) else (part,)
        if work is not None:
            work.spend(1 + len(items) // 8)  # a part costs about an eighth of a new derivative
        for item in items:
            if item is NOTHING:
                continue
            if isinstance(item, _Chars):
                single.append(item)
            else:
                found[item.digest] = item
                nullable = nullable or item.nullable
                logical = logical or item.logical
    if ANY_WORD.digest in found:
        return ANY_WORD
    if single:
        one = single[0] if len(single) == 1 else chars([bounds for item in single for bounds in item.ranges])
        found[one.digest] = one
    if len(found) <= 1:
        return found.popitem()[1] if found else NOTHING
    if len(found) == 2 and nullable and EMPTY_WORD.digest in found:
        other = next(item for item in found.values() if item is not EMPTY_WORD)
        if other.nullable:
            return other
    return _Or(b"or", found, nullable, logical)


def intersection(parts: Iterable[Language], work: Work | None = None) -> Language:
    """All of them at once."""
    found: dict[bytes, Language] = {}
    nullable = True
    for part in parts:
        items = part.parts if isinstance(part, _And) else (part,)
        if work is not None:
            work.spend(1 + len(items) // 8)  # a part costs about an eighth of a new derivative
        for item in items:
            if item is NOTHING:
                return NOTHING
            if item != ANY_WORD:
                found[item.digest] = item
                nullable = nullable and item.nullable
    if len(found) <= 1:
        return found.popitem()[1] if found else ANY_WORD
    if EMPTY_WORD.digest in found:
        return EMPTY_WORD if nullable else NOTHING
    return _And(b"and", found, nullable, True)


def complement(of: Language) -> Language:
    """Every word that is not in the language."""
    if isinstance(of, _Not):
        return of.of
    if of is NOTHING:
        return ANY_WORD
    return NOTHING if of == ANY_WORD else _Not(of)
