"""What all suggesters ask for: a field, a text, how it is broken, and how many suggestions there may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.backends.memory import analysis
from gateway.backends.memory.fields import METADATA
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.values import normalizer
from protocol.messages.suggest import Suggester

DEFAULT_SIZE: Final = 5

Tokens = Callable[[str], list[analysis.Token]]


@dataclass(frozen=True, slots=True)
class SuggestText:
    """``field`` is None for metadata, which are mapped but have no terms here. ``size`` suggestions are wanted after merging, of each
    index ``shard_size``."""

    field: FieldType | None
    text: str
    tokens: Tokens
    size: int
    shard_size: int

    @classmethod
    def of(cls, index: Index, asked: Suggester, for_all: str | None) -> SuggestText:
        """For one index; ``for_all`` is the text where the suggester has none. Raises ElasticsearchException."""
        field = index.field(asked.field)
        if field is None and asked.field not in METADATA:
            raise illegal(f"no mapping found for field [{asked.field}]")
        tokens = _tokens(field, asked.analyzer)
        size = DEFAULT_SIZE if asked.size is None else asked.size
        shard_size = max(size, DEFAULT_SIZE) if asked.shard_size is None else asked.shard_size
        for given, what in ((size, "Size"), (shard_size, "ShardSize")):
            if given <= 0:
                raise illegal(f"{what} must be positive but was: {given}")
        text = next((given for given in (asked.text, asked.prefix, asked.regex, for_all) if given is not None), None)
        if text is None:
            raise illegal("The required text option is missing")
        return cls(field, text, tokens, size, shard_size)


def _tokens(field: FieldType | None, name: str | None) -> Tokens:
    """By the analyzer of that name, or as a search of the field breaks a text."""
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


class Utf16Places:
    """From offsets in code points to offsets in UTF-16 units."""

    def __init__(self, text: str) -> None:
        self._wide = np.array([at for at, letter in enumerate(text) if ord(letter) > 0xFFFF], np.int64)

    def of(self, place: int) -> int:
        return place + int(np.searchsorted(self._wide, place))
