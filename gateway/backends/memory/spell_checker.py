"""Terms that are much like a word, as Lucene's ``DirectSpellChecker`` finds them in the terms of a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column
from gateway.backends.memory.dictionary import TermDictionary
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.sort_keys import single
from gateway.lucene.string_distances import DISTANCES
from protocol.errors import ElasticsearchException
from protocol.messages.suggest import TermSuggester
from protocol.messages.suggestions import TermOption

_NO_TERMS: Final = TermDictionary([])


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a field by number: in how many documents each is, and how often; how often all are, and how many documents there are,
    nested and deleted ones included."""

    dictionary: TermDictionary
    documents: int
    frequency: Callable[[int], int]
    occurrences: Callable[[int], int]
    all_occurrences: Callable[[], int]

    @classmethod
    def of(cls, index: Index, field: FieldType | None) -> Terms:
        documents = index.root.rows + sum(table.rows for table in index.tables.values())
        counts: Sequence[int] | NDArray[np.int64] = ()
        dictionary = _NO_TERMS
        if field is not None and field.indexed:
            table = index.table(field.nested)
            if field.is_text:
                return cls._of_text(table.text(field), documents)
            if field.type == "keyword":
                column = table.column(field)
                dictionary, counts = column.dictionary, column.term_counts
            elif field.type == "boolean":
                dictionary, counts = _booleans(table.column(field))
            # Numbers, dates and addresses are points, not terms; a constant is in the mapping only.

        def count(number: int) -> int:
            return int(counts[number])

        return cls(dictionary, documents, count, count, lambda: int(np.sum(counts)))

    @classmethod
    def _of_text(cls, postings: Postings, documents: int) -> Terms:
        return cls(
            postings.dictionary,
            documents,
            postings.doc_freq,
            lambda number: int(postings.postings(number)[1].sum()),
            lambda: postings.stats.sum_total_term_freq,
        )

    def __bool__(self) -> bool:
        return bool(self.dictionary.terms)

    def number(self, term: str) -> int | None:
        """The number of a term, or None where no document has it."""
        span = self.dictionary.between(term, term, True, True)
        return span.start if span else None


def _booleans(column: Column) -> tuple[TermDictionary, list[int]]:
    counts = [len(np.unique(column.docs[column.values == value])) for value in (0, 1)]
    return TermDictionary([term for term, count in zip("FT", counts, strict=True) if count]), [count for count in counts if count]


@dataclass(frozen=True, slots=True)
class _Candidate:
    term: str
    frequency: int
    score: float


class SpellChecker:
    """Finds terms that are much like a word."""

    def __init__(self, terms: Terms, asked: TermSuggester, count: int) -> None:
        _check(asked)
        self._terms, self._asked, self._count = terms, asked, count
        self._inspected = count * asked.max_inspections
        self._distance = DISTANCES.get(asked.string_distance)
        self._accuracy = single(asked.accuracy)

    def suggest(self, word: str, more_than: int = 0) -> list[TermOption]:
        """The best terms, best first. ``more_than`` takes the place of a lower ``min_doc_freq``."""
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
        wanted = max(asked.min_doc_freq, more_than)
        if wanted >= 1:
            least = max(least, int(wanted))
        elif wanted > 0:
            least = max(least, int(single(single(wanted) * documents)) - 1)
        # First by one edit, and only where that does not find enough by two: those share a first letter whatever the prefix is.
        shared = max(asked.prefix_length, asked.max_edits - 1)
        near = self._terms.dictionary.near(word, asked.max_edits, shared, True)
        closer = near if asked.prefix_length >= shared else self._terms.dictionary.near(word, 1, asked.prefix_length, True)
        found = self._similar(word, [one for one in closer if one[1] <= 1], least)
        if asked.max_edits > 1 and len(found) < self._inspected:
            found |= self._similar(word, near, least)
        if asked.sort == "score":
            best = sorted(found.values(), key=lambda one: (-one.score, -one.frequency, utf16(one.term)))
        else:
            best = sorted(found.values(), key=lambda one: (-one.frequency, -one.score, utf16(one.term)))
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


def _check(asked: TermSuggester) -> None:
    """Elasticsearch checks this while it reads a body, and not what comes from another node."""
    for allowed, problem in (
        (0 <= asked.accuracy <= 1, "accuracy must be between 0 and 1"),
        (1 <= asked.max_edits <= 2, "maxEdits must be between 1 and 2"),
        (asked.max_inspections >= 0, "maxInspections must be positive"),
        (0 <= asked.max_term_freq < inf, "maxTermFreq must be positive"),
        (asked.max_term_freq <= 1 or asked.max_term_freq % 1 == 0, "if maxTermFreq is greater than 1, it must not be a fraction"),
        (asked.prefix_length >= 0, "prefixLength must be positive"),
        (asked.min_word_length >= 1, "minWordLength must be greater or equal to 1"),
        (0 <= asked.min_doc_freq < inf, "minDocFreq must be positive"),
        (asked.min_doc_freq <= 1 or asked.min_doc_freq % 1 == 0, "if minDocFreq is greater than 1, it must not be a fraction"),
    ):
        if not allowed:
            raise illegal(problem)


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


def utf16(text: str) -> bytes:
    """What Java compares strings by."""
    return text.encode("utf-16-be", "surrogatepass")
