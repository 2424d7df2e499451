"""How likely a word is after those before it, by how often words and chains of words are in a field.

These are the smoothing models of Elasticsearch's phrase suggester.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf
from typing import Any, Final

import numpy as np

from gateway.backends.memory.sort_keys import single
from gateway.backends.memory.spell_checker import Terms
from protocol.messages.suggest import PhraseSuggester

_BACKOFF: Final = {"stupid_backoff": {"discount": single(0.4)}}


@dataclass(frozen=True, slots=True)
class Candidate:
    """``likeness`` is 1 for the word itself."""

    term: str
    occurrences: int
    likeness: float
    score: float
    original: bool = False


Scorer = Callable[[Sequence[Candidate], int], float]
"""The logarithm of how likely the word at a place of a phrase is after those before it."""


def word_scorer(terms: Terms, asked: PhraseSuggester) -> Scorer:
    """By the terms of the field that suggestions are for."""
    ((model, parameters),) = (asked.smoothing or _BACKOFF).items()
    scorer = _MODELS[model](terms, asked.separator, parameters)
    real_word = single(asked.real_word_error_likelihood)
    grams = 1 if asked.gram_size is None else asked.gram_size

    def score(path: Sequence[Candidate], at: int) -> float:
        word = path[at]
        channel = real_word if word.likeness == 1 else word.likeness
        if at == 0 or grams == 1:
            likelihood = scorer.one(word)
        elif at == 1 or grams == 2:
            likelihood = scorer.two(word, path[at - 1])
        else:
            likelihood = scorer.three(word, path[at - 1], path[at - 2])
        return _log10(channel * likelihood)

    return score


@lru_cache(maxsize=4096)
def _log10(value: float) -> float:
    """Correctly rounded, as Java's is and C's is not: equally likely phrases stand in the order of their words."""
    return float(np.log10(np.longdouble(value))) if value > 0 else -inf


def likelihood_of(value: float) -> float:
    """What sums of logarithms are taken to be the logarithm of."""
    return exp(value) if value < 700 else inf


class _Backoff:
    """The frequency of the longest chain of words that there is, discounted for shorter ones (``StupidBackoffScorer``)."""

    def __init__(self, terms: Terms, separator: str, parameters: dict[str, Any]) -> None:
        self._terms, self._separator = terms, separator
        self._number_of_terms = len(terms.dictionary.terms)
        self._all = terms.all_occurrences()
        self._parameters = parameters
        self._discount: float = parameters.get("discount", 0.0)

    def frequency(self, *words: Candidate) -> int:
        number = self._terms.number(self._separator.join(word.term for word in words))
        return 0 if number is None else self._terms.occurrences(number)

    def one(self, word: Candidate) -> float:
        return (1.0 + self.frequency(word)) / (self._all + self._number_of_terms)

    def two(self, word: Candidate, before: Candidate) -> float:
        count = self.frequency(before, word)
        if count < 1:
            return self._discount * self.one(word)
        return count / (before.occurrences + 0.00000000001)

    def three(self, word: Candidate, before: Candidate, first: Candidate) -> float:
        pair = self.frequency(before, word)
        if pair < 1:
            return self._discount * self.one(word)
        count = self.frequency(first, before, word)
        if count < 1:
            return self._discount * (pair / (before.occurrences + 0.00000000001))
        return count / (pair + 0.00000000001)


class _Laplace(_Backoff):
    """Each chain of words counts a little more often than it is there (``LaplaceScorer``)."""

    def _smoothed(self, count: int, of: float) -> float:
        alpha: float = self._parameters["alpha"]
        below = of + alpha * self._number_of_terms
        return (alpha + count) / below if below else inf

    def one(self, word: Candidate) -> float:
        return self._smoothed(self.frequency(word), self._all)

    def two(self, word: Candidate, before: Candidate) -> float:
        return self._smoothed(self.frequency(before, word), before.occurrences)

    def three(self, word: Candidate, before: Candidate, first: Candidate) -> float:
        return self._smoothed(self.frequency(first, before, word), self.frequency(before, word))


class _Interpolation(_Backoff):
    """The frequencies of chains of one, two and three words, weighted (``LinearInterpolatingScorer``)."""

    def _weight(self, name: str) -> float:
        weights: dict[str, float] = self._parameters
        return weights[name] / (weights["unigram_lambda"] + weights["bigram_lambda"] + weights["trigram_lambda"])

    def two(self, word: Candidate, before: Candidate) -> float:
        count = self.frequency(before, word)
        alone = self._weight("unigram_lambda") * self.one(word)
        if count < 1:
            return alone
        return self._weight("bigram_lambda") * (count / (0.5 + before.occurrences)) + alone

    def three(self, word: Candidate, before: Candidate, first: Candidate) -> float:
        # The words stand the other way round here, in Elasticsearch too.
        count = self.frequency(word, before, first)
        if count < 1:
            return self.two(word, before)
        return self._weight("trigram_lambda") * (count / (1.0 + self.frequency(word, before))) + self.two(word, before)


_MODELS: Final[dict[str, type[_Backoff]]] = {"stupid_backoff": _Backoff, "laplace": _Laplace, "linear": _Interpolation}
