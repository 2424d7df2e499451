"""Where a query matches the text of one field in one document: the places that highlighting marks.

The compiled query is read, so that what is marked is what was searched. With `occurrences` a place is a whole match (a phrase from its
first term to its last), taken only from clauses that match the document, as Lucene's matches API gives it; `leaves` forget the logic
of the query and hold the terms that it looks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.backends.memory.analysis import Token
from gateway.backends.memory.columns import Column
from gateway.backends.memory.highlight_unified import Occurrence
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.queries.nodes import ONE, Bool, Boost, Boosting, Constant, DisMax, Filter, Named, Nested, Node
from gateway.backends.memory.queries.text import KeywordTerm, Phrase, TextTerm


@dataclass(slots=True)
class Leaves:
    """What a query looks for in one field, without its logic."""

    terms: set[str] = field(default_factory=set)
    phrases: list[tuple[list[tuple[int, Sequence[str]]], int]] = field(default_factory=list)
    """Slots (position, terms) and slop."""


class QueryReader:
    """A compiled query, read for highlighting one field. ``any_field``: what it looks for in other fields counts as well."""

    def __init__(self, index: Index, node: Node, field_: FieldType, *, any_field: bool, matches: Matches | None = None) -> None:
        """``matches`` is what the whole query matched, where that is known already."""
        self._index = index
        self._node = node
        self._any_field = any_field
        table = index.table(field_.nested)
        self._source: Postings | Column | None = (
            table.text(field_) if field_.is_text else table.column(field_) if field_.type in ("keyword", "ip") else None
        )
        self._found: dict[int, Matches] = {} if matches is None else {id(node): matches}
        self._leaves: Leaves | None = None
        self.by_terms = any_field or _has_nested(node)
        """Whether places are found by terms alone: with several fields, and for nested objects, which Lucene's matches do not know."""

    def _here(self, source: Postings | Column) -> bool:
        return self._any_field or source is self._source

    # By terms

    @property
    def leaves(self) -> Leaves:
        """What the query looks for."""
        if self._leaves is None:
            self._leaves = Leaves()
            self._collect(self._node, self._leaves)
        return self._leaves

    def _collect(self, node: Node, leaves: Leaves) -> None:
        if isinstance(node, TextTerm):
            if self._here(node.postings):
                leaves.terms.add(node.term)
        elif isinstance(node, KeywordTerm):
            if self._here(node.column) and isinstance(node.value, str):
                leaves.terms.add(node.value)
        elif isinstance(node, Phrase):
            if self._here(node.postings):
                leaves.phrases.append((list(node.slots), node.slop))
        elif isinstance(node, Filter):
            leaves.terms.update(self._filter_terms(node))
        else:
            for inner in _inner(node):
                self._collect(inner, leaves)

    def _filter_terms(self, node: Filter) -> Iterable[str]:
        if node.terms is None:
            return ()
        source, numbers = node.terms()
        return [source.terms[int(number)] for number in numbers] if self._here(source) else ()

    # By matches

    def occurrences(self, row: int, tokens: list[Token]) -> list[Occurrence]:
        """The places in the tokens of the field's text in a row, in no order."""
        if self.by_terms:
            return list(by_terms(self.leaves, tokens))
        if not self._matches(self._node, row):
            return []
        return list(self._walk(self._node, row, tokens))

    def _matches(self, node: Node, row: int) -> bool:
        found = self._found.get(id(node))
        if found is None:
            found = self._found[id(node)] = node.matches(ONE, False, {})
        return found.has(row)

    def _walk(self, node: Node, row: int, tokens: list[Token]) -> Iterator[Occurrence]:
        if isinstance(node, Bool):
            for inner in (*node.must, *node.filters):
                yield from self._walk(inner, row, tokens)
            for inner in node.should:
                if self._matches(inner, row):
                    yield from self._walk(inner, row, tokens)
        elif isinstance(node, DisMax):
            for inner in node.inner:
                if self._matches(inner, row):
                    yield from self._walk(inner, row, tokens)
        elif isinstance(node, Phrase):
            if self._here(node.postings):
                name = "\0".join(term for _, terms in node.slots for term in terms)
                for start, end in phrase_spans(node.slots, node.slop, tokens):
                    yield Occurrence(start, end, name)
        elif isinstance(node, Filter | TextTerm | KeywordTerm):
            single = QueryReader.__new__(QueryReader)
            single._source, single._any_field = self._source, False
            leaves = Leaves()
            single._collect(node, leaves)
            for token in tokens:
                if token.term in leaves.terms:
                    yield Occurrence(token.start, token.end, token.term)
        else:
            for inner in _inner(node):
                yield from self._walk(inner, row, tokens)


def _inner(node: Node) -> Iterable[Node]:
    """The clauses that can add matches."""
    if isinstance(node, Bool):
        return [*node.must, *node.filters, *node.should]
    if isinstance(node, DisMax):
        return node.inner
    if isinstance(node, Boosting):
        return (node.positive,)
    if isinstance(node, Boost | Constant | Named | Nested):
        return (node.inner,)
    return ()


def _has_nested(node: Node) -> bool:
    return isinstance(node, Nested) or any(_has_nested(inner) for inner in _inner(node))


def by_terms(leaves: Leaves, tokens: list[Token]) -> Iterator[Occurrence]:
    """The places of single terms, and of those that stand in a phrase."""
    counts: dict[str, int] = {}
    for token in tokens:
        counts[token.term] = counts.get(token.term, 0) + 1
    marked = {token.position for token in tokens if token.term in leaves.terms} | phrase_positions(leaves, tokens)
    for token in tokens:
        if token.position in marked:
            yield Occurrence(token.start, token.end, token.term, counts[token.term])


def phrase_positions(leaves: Leaves, tokens: list[Token]) -> set[int]:
    """The positions of tokens that stand in one of the phrases."""
    positions: set[int] = set()
    for slots, slop in leaves.phrases:
        wanted = {term for _, terms in slots for term in terms}
        for first, last in _position_spans(slots, slop, tokens):
            positions.update(token.position for token in tokens if first <= token.position <= last and token.term in wanted)
    return positions


def phrase_begins(leaves: Leaves, tokens: list[Token]) -> dict[tuple[str, int], int]:
    """Per (term, position) at which a phrase with the term begins, the position at which the phrase ends."""
    return {
        (term, first): last
        for slots, slop in leaves.phrases
        for first, last in _position_spans(slots, slop, tokens)
        for _, terms in slots
        for term in terms
    }


def phrase_spans(slots: Sequence[tuple[int, Sequence[str]]], slop: int, tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """The (start, end) offsets of the places where a phrase matches."""
    at = {token.position: token for token in tokens}
    for first, last in _position_spans(slots, slop, tokens):
        yield at[first].start, at[last].end


def _position_spans(slots: Sequence[tuple[int, Sequence[str]]], slop: int, tokens: list[Token]) -> Iterator[tuple[int, int]]:
    terms_at = {token.position: token.term for token in tokens}
    places = [place for place, _ in slots]
    if slop == 0:
        for position in sorted(terms_at):
            begin = position - places[0]
            if all(terms_at.get(begin + place) in terms for place, terms in slots):
                yield position, begin + places[-1]
        return
    # A sloppy phrase: the terms may stand anywhere if moving them into place takes at most `slop` steps. The shortest spans, from the left.
    occurrences = [[position for position, term in sorted(terms_at.items()) if term in terms] for _, terms in slots]
    spans = sorted(_sloppy_spans(occurrences, places, slop))
    last_end = -1
    for first, last in spans:
        if first > last_end:
            yield first, last
            last_end = last


def _sloppy_spans(occurrences: list[list[int]], places: list[int], slop: int) -> Iterator[tuple[int, int]]:
    if not all(occurrences):
        return
    for position in occurrences[0]:
        chosen = [position]
        for spots, place in zip(occurrences[1:], places[1:], strict=True):
            free = [spot for spot in spots if spot not in chosen]
            if not free:
                break
            wanted = position + place - places[0]
            chosen.append(min(free, key=lambda spot: (abs(spot - wanted), spot)))
        else:
            shifts = [spot - place for spot, place in zip(chosen, places, strict=True)]
            if max(shifts) - min(shifts) <= slop:
                yield min(chosen), max(chosen)
