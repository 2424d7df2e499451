"""Phrases that are much like a text, as Elasticsearch's ``PhraseSuggester`` makes them: for each word some that are much like it, and of
all ways to put one in place of each those that are likeliest by how often the words are in the index (a noisy channel)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf, log10
from typing import Final

from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal, unsupported
from gateway.backends.memory.sort_keys import single
from gateway.backends.memory.spell_checker import SpellChecker, Terms
from gateway.backends.memory.suggest_text import SuggestText, Utf16Places
from gateway.backends.memory.word_scorers import Candidate, Scorer, likelihood_of, word_scorer
from protocol.messages.suggest import DISTANCES, MODES, SORTS, DirectGenerator, PhraseSuggester, TermSuggester
from protocol.messages.suggestions import PhraseEntry, PhraseSuggestion, SuggestionOption

MAX_PHRASES: Final = 100_000
"""Phrases that are looked at for a text: there are exponentially many in the number of words that may differ.
Elasticsearch has no limit."""
MAX_WORDS: Final = 100
"""Words of a text, whatever ``token_limit`` is."""
MAX_GENERATORS: Final = 10
"""Generators of candidates, each of which is asked for every word."""
_MOST: Final = (1 << 31) - 1
_LEAST: Final = 5e-324
"""Java's ``Double.MIN_VALUE``: better than any phrase that has no score."""


def check_phrase(name: str, asked: PhraseSuggester) -> None:
    """Refuses what is not done, and what Elasticsearch refuses while it reads a body. Raises ElasticsearchException."""
    generators = _generators(asked)
    if len(generators) > MAX_GENERATORS:
        raise illegal(f"[suggest.{name}.phrase] with more than [{MAX_GENERATORS}] generators is not supported")
    for generator in generators:
        for filter_ in ("pre_filter", "post_filter"):
            if getattr(generator, filter_) is not None:
                raise unsupported(f"suggest.{name}.phrase.direct_generator.{filter_}")
    for smoothing in (asked.smoothing or {}).values():
        for parameter, value in smoothing.items():
            if not 0 <= value < inf:
                raise illegal(f"{parameter} must be positive")
        if "trigram_lambda" in smoothing and abs(sum(smoothing.values()) - 1) > 0.001:
            raise illegal("linear smoothing lambdas must sum to 1")
    for refused, problem in (
        (asked.gram_size is not None and asked.gram_size < 1, "gramSize must be >= 1"),
        (not asked.max_errors > 0, "max_error must be > 0.0"),
        (not asked.real_word_error_likelihood > 0, "real_word_error_likelihood must be > 0.0"),
        (not asked.confidence >= 0, "confidence must be >= 0.0"),
        (asked.token_limit <= 0, "token_limit must be >= 1"),
        ((asked.pre_tag is None) != (asked.post_tag is None), "Pre and post tag must both be null or both not be null."),
    ):
        if refused:
            raise illegal(problem)


def _generators(asked: PhraseSuggester) -> list[DirectGenerator]:
    return [DirectGenerator.from_rest(one) for some in asked.generators.values() for one in some]


def suggest_phrases(name: str, index: Index, asked: PhraseSuggester, given: SuggestText) -> PhraseSuggestion:
    """What an index suggests for a text. Raises ElasticsearchException."""
    of_field = [DirectGenerator(field=asked.field)]
    generators = [generator for one in _generators(asked) or of_field if (generator := _Generator.of(index, one)).terms]
    entry = PhraseEntry(text=given.text, offset=0, length=Utf16Places(given.text).of(len(given.text)), cutoff_score=_LEAST)
    terms = Terms.of(index, given.field)
    if index.doc_count and generators and terms:
        _correct(name, asked, given, generators, word_scorer(terms, asked), entry)
    return PhraseSuggestion(name=name, size=given.size, entries=[entry])


@dataclass(frozen=True, slots=True)
class _Generator:
    """Draws the words that may stand in place of one."""

    terms: Terms
    checker: SpellChecker
    settings: TermSuggester
    all_occurrences: int

    @classmethod
    def of(cls, index: Index, asked: DirectGenerator) -> _Generator:
        settings = TermSuggester(field=asked.field)
        for option, allowed, problem in (
            ("suggest_mode", MODES, "Illegal suggest mode"),
            ("string_distance", DISTANCES, "Illegal distance option"),
            ("sort", SORTS, "Illegal sort option"),
        ):
            value = getattr(asked, option)
            if value is not None:
                if value.lower() not in allowed:
                    raise illegal(f"{problem} {value.lower()}")
                setattr(settings, option, value.lower())
        for option in (
            "accuracy",
            "max_edits",
            "max_inspections",
            "max_term_freq",
            "prefix_length",
            "min_word_length",
            "min_doc_freq",
        ):
            value = getattr(asked, option)
            if value is not None:
                setattr(settings, option, value)
        if not 1 <= settings.max_edits <= 2:
            raise illegal(f"Illegal max_edits value {settings.max_edits}")
        size = 5 if asked.size is None else asked.size
        if size <= 0:
            raise illegal("Size must be positive")
        terms = Terms.of(index, index.field(asked.field))
        return cls(terms, SpellChecker(terms, settings, size), settings, terms.all_occurrences())

    def candidate(self, term: str, likeness: float, *, original: bool = False) -> Candidate:
        number = self.terms.number(term)
        occurrences = 0 if number is None else self.terms.occurrences(number)
        return Candidate(term, occurrences, likeness, likeness * ((occurrences + 1) / (self.all_occurrences + 1)), original)

    def frequency(self, word: str) -> int:
        number = self.terms.number(word)
        return 0 if number is None else self.terms.frequency(number)

    def draw(self, word: str, frequency: int) -> list[Candidate]:
        """Words that are much like this one, which is in ``frequency`` documents; where not all are wanted, only those that are in many
        more."""
        more_than = 0
        if self.settings.suggest_mode != "always":
            more_than = self._threshold(frequency)
            if more_than == _MOST:
                return []
        return [self.candidate(option.text, option.score) for option in self.checker.suggest(word, more_than)]

    def _threshold(self, frequency: int) -> int:
        if not frequency:
            return 0
        least = self.settings.min_doc_freq
        plateau = int(least) if least >= 1 else int(single(single(least) * self.terms.documents))
        if frequency <= plateau:
            # Java's logarithm of what is not positive, rounded, comes to nothing.
            return 0
        return min(max(0, floor(frequency * (log10(frequency - plateau) * (1 / log10(5))) + 1 + 0.5)), _MOST)


def _correct(
    name: str, asked: PhraseSuggester, given: SuggestText, generators: list[_Generator], score: Scorer, entry: PhraseEntry
) -> None:
    """Puts the best phrases into the entry."""
    words = [token.term for token in given.tokens(given.text)]
    if not words or len(words) >= asked.token_limit:
        return
    if len(words) > MAX_WORDS:
        raise illegal(f"[suggest.{name}] for more than [{MAX_WORDS}] words is not supported")
    originals = [generators[0].candidate(word, 1.0, original=True) for word in words]
    choices = [_choices(word, generators, given.shard_size) for word in words]
    if asked.confidence > 0:
        entry.cutoff_score = likelihood_of(sum(score(originals, at) for at in range(len(originals)))) * single(asked.confidence)
    errors = single(asked.max_errors)
    wrong = int(min(errors, len(words))) if errors >= 1 else floor(single(errors * len(words)) + 0.5)
    found = _Phrases(name, score, originals, choices, entry.cutoff_score).all(max(1, wrong))
    for likelihood, path in found[: given.shard_size]:
        option = SuggestionOption(text=" ".join(word.term for word in path), score=single(likelihood))
        if asked.pre_tag is not None and asked.post_tag is not None:
            option.highlighted = _highlighted(path, asked.pre_tag, asked.post_tag)
        if option.score > entry.cutoff_score:
            entry.options.append(option)


def _choices(word: str, generators: list[_Generator], most: int) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    # What the first generator knows of the word counts for all.
    frequency = generators[0].frequency(word)
    for generator in generators:
        found |= {candidate.term: candidate for candidate in generator.draw(word, frequency)}
    return sorted(found.values(), key=lambda one: (-one.score, one.term))[:most]


class _Phrases:
    """All phrases in which some words are others."""

    def __init__(
        self, name: str, score: Scorer, originals: list[Candidate], choices: list[list[Candidate]], cutoff: float
    ) -> None:
        self._name, self._score, self._originals, self._choices, self._cutoff = name, score, originals, choices, cutoff
        self._found: list[tuple[float, list[Candidate]]] = []
        self._looked_at = 0

    def all(self, wrong: int) -> list[tuple[float, list[Candidate]]]:
        """Those that are better than the cutoff, best first, where at most ``wrong`` words differ."""
        self._extend([], wrong, 0.0)
        self._found.sort(key=lambda one: (-one[0], [word.term for word in one[1]]))
        return self._found

    def _extend(self, path: list[Candidate], wrong: int, so_far: float) -> None:
        at = len(path)
        if at == len(self._originals):
            self._looked_at += 1
            if self._looked_at > MAX_PHRASES:
                raise illegal(f"[suggest.{self._name}] of more than [{MAX_PHRASES}] phrases is not supported")
            likelihood = likelihood_of(so_far)
            if likelihood > self._cutoff:
                self._found.append((likelihood, path))
            return
        for candidate in (self._originals[at], *(self._choices[at] if wrong else ())):
            longer = [*path, candidate]
            self._extend(longer, wrong - (not candidate.original), so_far + self._score(longer, at))


def _highlighted(path: Sequence[Candidate], before: str, after: str) -> str:
    """The phrase, with tags around words that differ; neighbours stand within the same tags."""
    shown = []
    for at, word in enumerate(path):
        begins = not word.original and (at == 0 or path[at - 1].original)
        ends = not word.original and (at + 1 == len(path) or path[at + 1].original)
        shown.append((before if begins else "") + word.term + (after if ends else ""))
    return " ".join(shown)
