"""What suggesters answer."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.messages.fields import OptionalBoolean, OptionalText, none_of
from protocol.messages.rest import choice
from protocol.messages.suggest import SORTS
from protocol.schema import Boolean, Double, Float, Message, Named, String, Text, VInt, wire


class SuggestionOption(Message):
    """What is suggested, and how good it is."""

    text: Text
    score: Float
    highlighted: OptionalText = None
    collate_match: OptionalBoolean = None


class TermOption(SuggestionOption):
    """``freq`` is the number of documents that have the term."""

    freq: VInt


class SuggestionEntry(Message):
    """A part of the text, where it stands there (UTF-16 units), and what is suggested for it, best first."""

    text: Text
    offset: VInt
    length: VInt


class TermEntry(SuggestionEntry):
    options: list[TermOption] = wire(default_factory=list)


class PhraseEntry(SuggestionEntry):
    options: list[SuggestionOption] = wire(default_factory=list)
    cutoff_score: Double = 5e-324


class CompletionEntry(SuggestionEntry):
    """Options that are hits are not done."""

    options: Annotated[list[Any], none_of("an option of a completion")] = wire(default_factory=list)


class Suggestion(Message, names=True):
    """Base of what a suggester answers; ``size`` is what was asked for, which merging needs."""

    name: String
    size: VInt


class TermSuggestion(Suggestion, name="term"):
    entries: list[TermEntry] = wire(default_factory=list)
    sort: Annotated[str, choice(*SORTS)] = "score"


class PhraseSuggestion(Suggestion, name="phrase"):
    entries: list[PhraseEntry] = wire(default_factory=list)


class CompletionSuggestion(Suggestion, name="completion"):
    entries: list[CompletionEntry] = wire(default_factory=list)
    skip_duplicates: Boolean = False


Suggest = list[Named[Suggestion]]
"""All suggestions of an answer, by their names in order."""
