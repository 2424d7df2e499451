"""Term suggesters over one index and over several, as Elasticsearch's ``TermSuggester`` has them of Lucene's ``DirectSpellChecker``.

Dictionaries know nothing of documents: suggestions are refused before where documents are hidden (gateway.authorization.interceptors). The
fields that may not be seen have no terms in a restricted index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, inf
from typing import Any, Final

import numpy as np

from gateway.backends.memory import analysis
from gateway.backends.memory.columns import Column
from gateway.backends.memory.dictionary import TermDictionary
from gateway.backends.memory.fields import METADATA
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.refusals import illegal, unsupported
from gateway.backends.memory.sort_keys import single
from gateway.backends.memory.values import normalizer
from gateway.lucene.string_distances import DISTANCES
from protocol.errors import ElasticsearchException
from protocol.messages.suggest import Suggester, TermSuggester, suggester_of
from protocol.messages.suggestions import Suggestion, TermEntry, TermOption, TermSuggestion

DEFAULT_SIZE: Final = 5
_NO_TERMS: Final = TermDictionary([])


@dataclass(frozen=True, slots=True)
class SuggestRequest:
    """The suggesters of a search by name, and the text of those that have none."""

    text: str | None
    suggesters: dict[str, TermSuggester]


def parse_suggest(body: Any) -> SuggestRequest | None:
    """The ``suggest`` of a search body in the form of REST. Raises ElasticsearchException; suggesters that are not done name themselves."""
    if body is None:
        return None
    if not isinstance(body, Mapping):
        raise illegal("[suggest] must be an object")
    text = body.get("text")
    for_all = text if isinstance(text, str) else None
    suggesters: dict[str, TermSuggester] = {}
    for name, one in body.items():
        if name == "text" and for_all is not None:
            continue
        try:
            suggester: Suggester = suggester_of(one)
        except ValueError as error:
            raise illegal(str(error)) from None
        if not isinstance(suggester, TermSuggester):
            raise unsupported(f"suggest.{name}.{suggester.wire_name}")
        suggesters[name] = suggester
    return SuggestRequest(for_all, suggesters)


def suggest(index: Index, request: SuggestRequest) -> list[Suggestion]:
    """What an index suggests. Raises ElasticsearchException: the shard's failure."""
    return [_suggestion(name, index, suggester, request.text) for name, suggester in request.suggesters.items()]


def _suggestion(name: str, index: Index, asked: TermSuggester, for_all: str | None) -> TermSuggestion:
    field = index.field(asked.field)
    if field is None and asked.field not in METADATA:
        raise illegal(f"no mapping found for field [{asked.field}]")
    size = DEFAULT_SIZE if asked.size is None else asked.size
    count = max(size, DEFAULT_SIZE) if asked.shard_size is None else asked.shard_size
    for given, what in ((size, "Size"), (count, "ShardSize")):
        if given <= 0:
            raise illegal(f"{what} must be positive but was: {given}")
    text = next((given for given in (asked.text, asked.prefix, asked.regex, for_all) if given is not None), None)
    tokens_of = _analyzer(field, asked.analyzer)
    if text is None:
        raise illegal("The required text option is missing")
    checker = _Checker(_Terms.of(index, field), asked, count)
    suggestion = TermSuggestion(name=name, size=size, sort=asked.sort)
    remembered: dict[str, list[TermOption]] = {}
    place = _Utf16Places(text)
    for token in tokens_of(text):
        if token.term not in remembered:
            remembered[token.term] = checker.suggest(token.term) if index.doc_count else []
        offset = place.of(token.start)
        entry = TermEntry(text=token.term, offset=offset, length=place.of(token.end) - offset)
        entry.options = list(remembered[token.term])
        suggestion.entries.append(entry)
    return suggestion


class _Utf16Places:
    """Offsets in code points to offsets in UTF-16 units."""

    def __init__(self, text: str) -> None:
        self._wide = np.array([at for at, letter in enumerate(text) if ord(letter) > 0xFFFF], np.int64)

    def of(self, place: int) -> int:
        return place + int(np.searchsorted(self._wide, place))


def _analyzer(field: FieldType | None, name: str | None) -> Callable[[str], list[analysis.Token]]:
    """A function from a text to its tokens: by the analyzer of that name, or as a search of the field breaks it."""
    if name is not None:
        if name not in analysis.NAMES:
            raise illegal(f"analyzer [{name}] doesn't exists")
        return analysis.analyzer(name).analyze
    if field is not None and field.is_text:
        return analysis.analyzer(field.search_analyzer).analyze
    normalize = normalizer(field.normalizer) if field is not None else None

    def whole(text: str) -> list[analysis.Token]:
        return [analysis.Token(normalize(text) if normalize is not None else text, 0, len(text), 0)]

    return whole


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms of a field; how many documents have the term of a number; how many there are, nested and deleted ones included."""

    dictionary: TermDictionary
    frequency: Callable[[int], int]
    documents: int

    @classmethod
    def of(cls, index: Index, field: FieldType | None) -> _Terms:
        documents = index.root.rows + sum(table.rows for table in index.tables.values())
        if field is None or not field.indexed:
            return cls(_NO_TERMS, _never, documents)
        table = index.table(field.nested)
        if field.is_text:
            postings = table.text(field)
            return cls(postings.dictionary, postings.doc_freq, documents)
        if field.type == "keyword":
            column = table.column(field)
            return cls(column.dictionary, lambda number: int(column.term_counts[number]), documents)
        if field.type == "boolean":
            return cls(*_booleans(table.column(field)), documents)
        # Numbers, dates and addresses are points, not terms; a constant is in the mapping only.
        return cls(_NO_TERMS, _never, documents)

    def number(self, term: str) -> int | None:
        span = self.dictionary.between(term, term, True, True)
        return span.start if span else None


def _never(_: int) -> int:
    return 0


def _booleans(column: Column) -> tuple[TermDictionary, Callable[[int], int]]:
    counts = [len(np.unique(column.docs[column.values == value])) for value in (0, 1)]
    terms = [(term, count) for term, count in zip("FT", counts, strict=True) if count]
    return TermDictionary([term for term, _ in terms]), lambda number: terms[number][1]


@dataclass(frozen=True, slots=True)
class _Candidate:
    term: str
    frequency: int
    score: float


class _Checker:
    """Finds terms that are much like a word."""

    def __init__(self, terms: _Terms, asked: TermSuggester, count: int) -> None:
        if not 1 <= asked.max_edits <= 2:
            raise illegal("maxEdits must be between 1 and 2")
        self._terms, self._asked, self._count = terms, asked, count
        self._inspected = count * asked.max_inspections
        self._distance = DISTANCES.get(asked.string_distance)
        self._accuracy = single(asked.accuracy)

    def suggest(self, word: str) -> list[TermOption]:
        """The best terms, best first."""
        asked, documents = self._asked, self._terms.documents
        if len(word) < asked.min_word_length:
            return []
        number = self._terms.number(word)
        frequency = 0 if number is None else self._terms.frequency(number)
        if asked.suggest_mode == "missing" and frequency:
            return []
        if asked.max_term_freq >= 1 and frequency > asked.max_term_freq:
            return []
        if frequency > ceil(single(single(asked.max_term_freq) * documents)):
            return []
        least = frequency if asked.suggest_mode == "popular" else 0
        if asked.min_doc_freq >= 1:
            least = max(least, int(asked.min_doc_freq))
        elif asked.min_doc_freq > 0:
            least = max(least, int(single(single(asked.min_doc_freq) * documents)) - 1)
        # First by one edit, and only where that does not find enough by two: those share a first letter whatever the prefix is.
        shared = max(asked.prefix_length, asked.max_edits - 1)
        near = self._terms.dictionary.near(word, asked.max_edits, shared, True)
        closer = near if asked.prefix_length >= shared else self._terms.dictionary.near(word, 1, asked.prefix_length, True)
        found = self._similar(word, [one for one in closer if one[1] <= 1], least)
        if asked.max_edits > 1 and len(found) < self._inspected:
            found |= self._similar(word, near, least)
        if asked.sort == "score":
            best = sorted(found.values(), key=lambda one: (-one.score, -one.frequency, _units(one.term)))
        else:
            best = sorted(found.values(), key=lambda one: (-one.frequency, -one.score, _units(one.term)))
        return [TermOption(text=one.term, score=one.score, freq=one.frequency) for one in best[: self._count]]

    def _similar(self, word: str, near: list[tuple[int, int]], least: int) -> dict[str, _Candidate]:
        """The best of terms and their distances, as many as are inspected.

        Terms are looked at in order. Once there are enough, another one is scored only if its edits alone would make it better than the
        worst: with most distances these are different measures, so that what is found depends on the order."""
        found: list[tuple[float, int, _Candidate]] = []
        for number, distance in sorted(near):
            term = self._terms.dictionary.terms[number]
            closeness = _closeness(word, term, distance)
            if len(found) >= self._inspected:
                if not found:
                    raise _no_candidates()
                if closeness <= found[0][0]:
                    continue
            frequency = self._terms.frequency(number)
            if term == word or frequency <= least:
                continue
            score = closeness if self._distance is None else self._distance(word, term)
            if score >= self._accuracy:
                heappush(found, (score, -number, _Candidate(term, frequency, score)))
                if len(found) > self._inspected:
                    heappop(found)
        return {candidate.term: candidate for _, _, candidate in found}


def _closeness(word: str, term: str, edits: int) -> float:
    """1 for the same, less for more edits in shorter words."""
    length = min(len(word), len(term))
    if not length:
        return -inf if edits else 1.0
    return single(1 - single(edits / length)) if edits else 1.0


def _no_candidates() -> ElasticsearchException:
    """A real node looks at the worst of no candidates."""
    return ElasticsearchException(
        "null_pointer_exception",
        'Cannot read field "boost" because the return value of "java.util.PriorityQueue.peek()" is null',
        status=500,
    )


def _units(text: str) -> bytes:
    """What Java compares strings by."""
    return text.encode("utf-16-be", "surrogatepass")


def reduce_suggestions(partials: Sequence[Sequence[Suggestion]]) -> list[Suggestion] | None:
    """The suggestions of several indices as one, by name; None where none was asked for. Raises ElasticsearchException where the indices
    understand the text each in their own way."""
    by_name: dict[str, list[TermSuggestion]] = {}
    for partial in partials:
        for one in partial:
            assert isinstance(one, TermSuggestion)  # noqa: S101 - the only ones that are made here
            by_name.setdefault(one.name, []).append(one)
    reduced: list[Suggestion] = [_merged(by_name[name]) for name in sorted(by_name, key=_units)]
    return reduced or None


def _merged(suggestions: list[TermSuggestion]) -> TermSuggestion:
    first = suggestions[0]
    merged = TermSuggestion(name=first.name, size=first.size, sort=first.sort)
    for at, leader in enumerate(first.entries):
        entry = TermEntry(text=leader.text, offset=leader.offset, length=leader.length, options=list(leader.options))
        if len(suggestions) > 1:
            entry.options = _merged_options([_entry(one, at, len(first.entries), leader) for one in suggestions], first.sort)
        del entry.options[first.size :]
        merged.entries.append(entry)
    return merged


def _entry(suggestion: TermSuggestion, at: int, expected: int, leader: TermEntry) -> TermEntry:
    cause = "this might be caused by suggest calls across multiple indices with different analysis chains."
    if len(suggestion.entries) != expected:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"Can't merge suggest result, {cause} Suggest entries have different sizes actual [{len(suggestion.entries)}] "
            f"expected [{expected}]",
        )
    entry = suggestion.entries[at]
    if entry.text != leader.text:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"Can't merge suggest entries, {cause} Suggest entries have different text actual [{entry.text}] expected [{leader.text}]",
        )
    return entry


def _merged_options(entries: list[TermEntry], sort: str) -> list[TermOption]:
    options: dict[str, TermOption] = {}
    for entry in entries:
        for option in entry.options:
            known = options.get(option.text)
            options[option.text] = TermOption(
                text=option.text,
                score=option.score if known is None else max(known.score, option.score),
                freq=option.freq + (0 if known is None else known.freq),
            )
    if sort == "score":
        return sorted(options.values(), key=lambda one: (-one.score, -one.freq, one.text))
    return sorted(options.values(), key=lambda one: (-one.freq, -one.score, one.text))
