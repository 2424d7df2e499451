"""The unified highlighter: from the places where a query matches a text to the best passages of the text, marked up.

It follows Lucene's UnifiedHighlighter as Elasticsearch sets it up: passages are sentences of at most ``fragment_size`` characters, cut at
words where a sentence is longer, scored as small documents, and given in the order of the text.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from gateway.backends.memory.highlight_breaks import Boundaries, sentences, words

SEPARATOR: Final = "\0"
"""Stands between the values of a field; no passage crosses it."""
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "/": "&#x2F;"})
_JAVA_BLANK: Final = "".join(map(chr, range(33)))
_F = np.float32


class Occurrence(NamedTuple):
    """A place where the query matches: offsets into the text, the term it counts as, and how often that stands in the text (1 where
    Lucene does not count)."""

    start: int
    end: int
    term: str
    frequency: int = 1


@dataclass(slots=True)
class Options:
    """How one field is to be highlighted; the defaults are Elasticsearch's."""

    type: str | None = None
    pre_tag: str = "<em>"
    post_tag: str = "</em>"
    fragment_size: int = 100
    number_of_fragments: int = 5
    no_match_size: int = 0
    order: str | None = None
    encoder: str = "default"
    require_field_match: bool = True
    boundary_scanner: str | None = None
    fragmenter: str | None = None
    max_analyzed_offset: int | None = None
    highlight_query: dict[str, object] | None = None

    @property
    def encode(self) -> Callable[[str], str]:
        """What text goes through before it is marked up."""
        return (lambda text: text.translate(_HTML)) if self.encoder == "html" else (lambda text: text)


class _Scanner(Protocol):
    def preceding(self, offset: int) -> int: ...
    def following(self, offset: int) -> int: ...


class _Sentences:
    """Sentences of at most ``limit`` characters: short neighbours are taken together, long ones cut at words (BoundedBreakIteratorScanner).
    Works on text[begin:end], with offsets of the whole text."""

    def __init__(self, text: str, begin: int, end: int, limit: int) -> None:
        piece = text[begin:end]
        self._main = _shifted(sentences(piece), begin)
        self._piece, self._begin, self._end, self._limit = piece, begin, end, limit
        self._words: Boundaries | None = None
        self._window = (-1, -1)
        self._inner_start, self._inner_end = -1, 0

    def _inner(self) -> Boundaries:
        if self._words is None:
            self._words = _shifted(words(self._piece), self._begin)
        return self._words

    def preceding(self, offset: int) -> int:
        window_start, window_end = self._window
        if window_start < offset < window_end:
            self._inner_start, self._inner_end = self._inner_end, window_end
        else:
            start = max(self._main.preceding(offset), 0)
            target = offset + max(0, self._limit - (offset - start))
            end = self._end if target + 1 > self._end else self._main.preceding(target + 1)
            if start == end:
                end = self._main.following(target)
            self._inner_start, self._inner_end = start, end
            window_end = end
            self._window = (start, end)
        if self._inner_end - self._inner_start > self._limit:
            if offset - self._limit > self._inner_start:
                self._inner_start = max(self._inner_start, self._inner().preceding(offset - self._limit))
            remaining = max(0, self._limit - (offset - self._inner_start))
            if offset + remaining < window_end:
                self._inner_end = min(window_end, self._inner().following(offset + remaining))
        return self._inner_start

    def following(self, offset: int) -> int:
        return max(offset, self._inner_end)


class _Whole:
    """One passage per value."""

    def __init__(self, begin: int, end: int) -> None:
        self._begin, self._end = begin, end

    def preceding(self, offset: int) -> int:  # noqa: ARG002 - the protocol's
        return self._begin

    def following(self, offset: int) -> int:  # noqa: ARG002 - the protocol's
        return self._end


def _shifted(boundaries: Boundaries, by: int) -> Boundaries:
    return Boundaries([offset + by for offset in boundaries.offsets]) if by else boundaries


class _Slices:
    """The scanner of whichever value an offset lies in."""

    def __init__(self, text: str, make: Callable[[int, int], _Scanner]) -> None:
        self._text, self._make = text, make
        self._begin, self._end = -1, -1
        self._scanner: _Scanner | None = None

    def at(self, offset: int) -> _Scanner:
        if self._scanner is None or not self._begin <= offset < self._end:
            self._begin = self._text.rfind(SEPARATOR, 0, offset) + 1
            end = self._text.find(SEPARATOR, offset)
            self._end = len(self._text) if end < 0 else end + 1
            self._scanner = self._make(self._begin, len(self._text) if end < 0 else end)
        return self._scanner


@dataclass(slots=True)
class _Passage:
    start: int
    end: int
    matches: list[Occurrence] = field(default_factory=list)
    score: float = math.nan


def highlight(text: str, occurrences: list[Occurrence], options: Options, *, tokenized: bool) -> list[str]:
    """The fragments of a text (its values joined by SEPARATOR), marked up; none where nothing matched and no_match_size is 0."""
    whole = options.number_of_fragments == 0 or not tokenized
    most = options.number_of_fragments or 1 << 30
    passages = _passages(text, sorted(occurrences), _scanners(text, options, whole), most)
    if not passages and options.no_match_size > 0:
        passages = _no_match(text, options.no_match_size)
    snippets = [(passage.score, _markup(text, passage, options)) for passage in passages]
    snippets = [(score, snippet) for score, snippet in snippets if snippet.strip()]
    if options.order == "score":
        snippets.sort(key=lambda scored: -scored[0])
    return [snippet for _, snippet in snippets]


def _scanners(text: str, options: Options, whole: bool) -> _Slices:
    def make(begin: int, end: int) -> _Scanner:
        if whole:
            return _Whole(begin, end)
        if options.boundary_scanner == "word":
            return _shifted(words(text[begin:end]), begin)
        if options.fragment_size > 0:
            return _Sentences(text, begin, end, options.fragment_size)
        return _shifted(sentences(text[begin:end]), begin)

    return _Slices(text, make)


def _passages(text: str, occurrences: list[Occurrence], slices: _Slices, most: int) -> list[_Passage]:
    length = len(text)
    best: list[tuple[float, int, int, _Passage]] = []
    current: _Passage | None = None
    last_end = 0

    def keep(passage: _Passage | None) -> None:
        if passage is None:
            return
        passage.score = _score(passage, length)
        if len(best) == most and passage.score < best[0][0]:
            return
        heapq.heappush(best, (passage.score, passage.start, len(best), passage))
        if len(best) > most:
            heapq.heappop(best)

    for occurrence in occurrences:
        if occurrence.start < length < occurrence.end:
            continue
        if current is None or occurrence.start >= current.end:
            keep(current)
            current = None
            if occurrence.start >= length:
                break
            scanner = slices.at(occurrence.start)
            centre = occurrence.start + (occurrence.end - occurrence.start) // 2
            start = min(occurrence.start, max(scanner.preceding(max(occurrence.start + 1, centre)), last_end))
            last_end = max(occurrence.end, min(scanner.following(min(occurrence.end - 1, centre)), length))
            current = _Passage(start, last_end)
        current.matches.append(occurrence)
    keep(current)
    return sorted((passage for *_, passage in best), key=lambda passage: passage.start)


_K1, _B, _PIVOT = _F(1.2), _F(0.75), _F(87)


def _score(passage: _Passage, content_length: int) -> float:
    """Lucene's PassageScorer: BM25 with the passage as the document, favouring passages near the start."""
    counts: dict[str, int] = {}
    in_text: dict[str, int] = {}
    for match in passage.matches:
        counts[match.term] = counts.get(match.term, 0) + 1
        in_text.setdefault(match.term, match.frequency)
    norm = _K1 * ((_F(1) - _B) + _B * (_F(passage.end - passage.start) / _PIVOT))
    documents = _F(1) + _F(content_length) / _PIVOT
    score = _F(0)
    for term, count in counts.items():
        weight = (_K1 + _F(1)) * _F(math.log(1 + (float(documents) + 0.5) / (in_text[term] + 0.5)))
        score = score + _F(count) / (_F(count) + norm) * weight
    return float(score * (_F(1) + _F(1) / _F(math.log(float(_PIVOT + _F(passage.start))))))


def _no_match(text: str, size: int) -> list[_Passage]:
    begin = len(text) - len(text.lstrip(SEPARATOR))
    if begin == len(text):
        return []
    end = text.find(SEPARATOR, begin)
    end = len(text) if end < 0 else end
    if size + begin < end:
        end = words(text).following(size + begin)
        end = len(text) if end < 0 else end
    return [_Passage(begin, end)]


def _markup(text: str, passage: _Passage, options: Options) -> str:
    encode = options.encode
    parts: list[str] = []
    position = passage.start
    matches = passage.matches
    place = 0
    while place < len(matches):
        start, end = matches[place][:2]
        parts.append(encode(text[position:start]))
        while place + 1 < len(matches) and matches[place + 1].start < end:
            place += 1
            end = max(end, matches[place].end)
        end = min(end, passage.end)
        parts += (options.pre_tag, encode(text[start:end]), options.post_tag)
        position = end
        place += 1
    parts.append(encode(text[position : max(position, passage.end)]))
    snippet = "".join(parts)
    if snippet and snippet[-1] in ("\u2029", SEPARATOR):
        snippet = snippet[:-1]
    return snippet if options.number_of_fragments == 0 else snippet.strip(_JAVA_BLANK)
