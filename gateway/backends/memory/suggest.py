"""Suggesters over one index and over several: of terms (``TermSuggester`` of Elasticsearch) and of phrases (suggest_phrase.py).

Dictionaries know nothing of documents: suggestions are refused before where documents are hidden (gateway.authorization.interceptors). The
fields that may not be seen have no terms in a restricted index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal, unsupported
from gateway.backends.memory.spell_checker import SpellChecker, Terms, utf16
from gateway.backends.memory.suggest_phrase import check_phrase, suggest_phrases
from gateway.backends.memory.suggest_text import SuggestText, Utf16Places
from protocol.errors import ElasticsearchException
from protocol.messages.suggest import PhraseSuggester, Suggester, TermSuggester, suggester_of
from protocol.messages.suggestions import (
    PhraseEntry,
    PhraseSuggestion,
    Suggestion,
    SuggestionOption,
    TermEntry,
    TermOption,
    TermSuggestion,
)

MAX_WORDS: Final = 1_000
"""Different words of a text for which terms are suggested. Each is compared with all terms that begin like it, in the one thread that there
is for all requests; Elasticsearch has no limit."""

Doable = TermSuggester | PhraseSuggester


@dataclass(frozen=True, slots=True)
class SuggestRequest:
    """The suggesters of a search by name, and the text of those that have none."""

    text: str | None
    suggesters: dict[str, Doable]


def parse_suggest(body: Any) -> SuggestRequest | None:
    """The ``suggest`` of a search body in the form of REST. Raises ElasticsearchException; suggesters that are not done name themselves."""
    if body is None:
        return None
    if not isinstance(body, Mapping):
        raise illegal("[suggest] must be an object")
    text = body.get("text")
    for_all = text if isinstance(text, str) else None
    suggesters: dict[str, Doable] = {}
    for name, one in body.items():
        if name == "text" and for_all is not None:
            continue
        try:
            suggester: Suggester = suggester_of(one)
        except ValueError as error:
            raise illegal(str(error)) from None
        if not isinstance(suggester, Doable):
            raise unsupported(f"suggest.{name}.{suggester.wire_name}")
        for option in ("field", "text", "prefix", "regex", "analyzer"):
            if not isinstance(getattr(suggester, option), str | None):
                raise illegal(f"[suggest.{name}.{option}] must be a text")
        if isinstance(suggester, PhraseSuggester):
            check_phrase(name, suggester)
        suggesters[name] = suggester
    return SuggestRequest(for_all, suggesters)


def suggest(index: Index, request: SuggestRequest) -> list[Suggestion]:
    """What an index suggests. Raises ElasticsearchException: the shard's failure."""
    # All are understood before any is asked.
    asked = [(name, one, SuggestText.of(index, one, request.text)) for name, one in request.suggesters.items()]
    return [
        suggest_phrases(name, index, one, text) if isinstance(one, PhraseSuggester) else _suggest_terms(name, index, one, text)
        for name, one, text in asked
    ]


def _suggest_terms(name: str, index: Index, asked: TermSuggester, given: SuggestText) -> TermSuggestion:
    checker = SpellChecker(Terms.of(index, given.field), asked, given.shard_size)
    suggestion = TermSuggestion(name=name, size=given.size, sort=asked.sort)
    remembered: dict[str, list[TermOption]] = {}
    place = Utf16Places(given.text)
    for token in given.tokens(given.text):
        if token.term not in remembered:
            if len(remembered) == MAX_WORDS:
                raise illegal(f"[suggest.{name}] for more than [{MAX_WORDS}] words is not supported")
            remembered[token.term] = checker.suggest(token.term) if index.doc_count else []
        offset = place.of(token.start)
        entry = TermEntry(text=token.term, offset=offset, length=place.of(token.end) - offset)
        entry.options = list(remembered[token.term])
        suggestion.entries.append(entry)
    return suggestion


def reduce_suggestions(partials: Sequence[Sequence[Suggestion]]) -> list[Suggestion] | None:
    """The suggestions of several indices as one, by name; None where none was asked for. Raises ElasticsearchException where the indices
    understand the text each in their own way."""
    by_name: dict[str, list[TermSuggestion | PhraseSuggestion]] = {}
    for partial in partials:
        for one in partial:
            assert isinstance(one, TermSuggestion | PhraseSuggestion)  # noqa: S101 - the only ones that are made here
            by_name.setdefault(one.name, []).append(one)
    return [_merged(by_name[name]) for name in sorted(by_name, key=utf16)] or None


def _merged(suggestions: Sequence[TermSuggestion | PhraseSuggestion]) -> Suggestion:
    first = suggestions[0]
    for at, leader in enumerate(first.entries):
        for one in suggestions[1:]:
            _check_alike(one, at, len(first.entries), leader.text)
    if isinstance(first, TermSuggestion):
        terms = [one for one in suggestions if isinstance(one, TermSuggestion)]
        entries = [_merged_terms([one.entries[at] for one in terms], first.sort) for at in range(len(first.entries))]
        for entry in entries:
            del entry.options[first.size :]
        return TermSuggestion(name=first.name, size=first.size, sort=first.sort, entries=entries)
    phrases = [one for one in suggestions if isinstance(one, PhraseSuggestion)]
    merged = [_merged_phrases([one.entries[at] for one in phrases]) for at in range(len(first.entries))]
    for phrase in merged:
        del phrase.options[first.size :]
    return PhraseSuggestion(name=first.name, size=first.size, entries=merged)


def _check_alike(suggestion: TermSuggestion | PhraseSuggestion, at: int, expected: int, text: str) -> None:
    cause = "this might be caused by suggest calls across multiple indices with different analysis chains."
    if len(suggestion.entries) != expected:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"Can't merge suggest result, {cause} Suggest entries have different sizes actual [{len(suggestion.entries)}] "
            f"expected [{expected}]",
        )
    if suggestion.entries[at].text != text:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"Can't merge suggest entries, {cause} Suggest entries have different text actual [{suggestion.entries[at].text}] "
            f"expected [{text}]",
        )


def _merged_terms(entries: list[TermEntry], sort: str) -> TermEntry:
    first = entries[0]
    if len(entries) == 1:
        return first
    options: dict[str, TermOption] = {}
    for option in (option for entry in entries for option in entry.options):
        known = options.get(option.text)
        options[option.text] = TermOption(
            text=option.text,
            score=option.score if known is None else max(known.score, option.score),
            freq=option.freq + (0 if known is None else known.freq),
        )
    if sort == "score":
        ordered = sorted(options.values(), key=lambda one: (-one.score, -one.freq, one.text))
    else:
        ordered = sorted(options.values(), key=lambda one: (-one.freq, -one.score, one.text))
    return TermEntry(text=first.text, offset=first.offset, length=first.length, options=ordered)


def _merged_phrases(entries: list[PhraseEntry]) -> PhraseEntry:
    first = entries[0]
    if len(entries) == 1:
        return first
    cutoff = max(entry.cutoff_score for entry in entries)
    options: dict[str, SuggestionOption] = {}
    for option in (option for entry in entries for option in entry.options):
        known = options.setdefault(option.text, option)
        if option.score > known.score:
            options[option.text] = SuggestionOption(text=known.text, score=option.score, highlighted=known.highlighted)
    kept = [option for option in options.values() if option.score > cutoff]
    kept.sort(key=lambda one: (-one.score, one.text))
    return PhraseEntry(text=first.text, offset=first.offset, length=first.length, options=kept, cutoff_score=cutoff)
