"""The plain highlighter: Lucene's older one, which cuts a text into fragments of equal size and marks single terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.backends.memory.analysis import Token
from gateway.backends.memory.highlight_query import Leaves, phrase_begins, phrase_positions
from gateway.backends.memory.highlight_unified import Options
from gateway.backends.memory.refusals import illegal

_FRAGMENTERS: Final = (None, "simple", "span")


@dataclass(slots=True)
class _Fragment:
    number: int
    parts: list[str] = field(default_factory=list)
    terms: set[str] = field(default_factory=set)

    @property
    def score(self) -> int:
        return len(self.terms)


def highlight_plain(texts: list[tuple[str, list[Token]]], leaves: Leaves, options: Options, name: str) -> list[str]:
    """The fragments of a field's values (each with its tokens), marked up; none where nothing matched and no_match_size is 0."""
    if options.fragmenter not in _FRAGMENTERS:
        raise illegal(f"unknown fragmenter option [{options.fragmenter}] for the field [{name}]")
    wanted = options.number_of_fragments or 1
    chosen: list[tuple[int, int, str]] = []
    base = 0
    for text, tokens in texts:
        fragments = _fragments(text, tokens, leaves, options)
        best = sorted(fragments, key=lambda fragment: (-fragment.score, fragment.number))[: max(1, min(wanted, len(text)))]
        chosen += [(fragment.number + base, fragment.score, "".join(fragment.parts)) for fragment in best if fragment.score > 0]
        base += len(best)
    if options.order == "score":
        if len(texts) > 1:
            chosen.sort(key=lambda item: -item[1])
    else:
        chosen.sort(key=lambda item: item[0])
    if not (options.number_of_fragments == 0 and len(texts) > 1):
        chosen = chosen[:wanted]
    if chosen:
        return [text for _, _, text in chosen]
    if options.no_match_size > 0 and texts:
        end = _no_match_end(*texts[0], options.no_match_size)
        return [texts[0][0][:end]] if end > 0 else []
    return []


def _fragments(text: str, tokens: list[Token], leaves: Leaves, options: Options) -> list[_Fragment]:
    encode = options.encode
    marked = phrase_positions(leaves, tokens)
    begins_new = _fragmenter(text, tokens, leaves, options)
    fragments = [_Fragment(0)]
    last_end = 0
    for place, token in enumerate(tokens):
        if place and begins_new(place, token):
            fragments.append(_Fragment(len(fragments)))
        fragment = fragments[-1]
        hit = token.term in leaves.terms or token.position in marked
        if hit:
            fragment.terms.add(token.term)
        shown = encode(text[token.start : token.end])
        fragment.parts.append(encode(text[last_end : token.start]))
        fragment.parts.append(f"{options.pre_tag}{shown}{options.post_tag}" if hit else shown)
        last_end = token.end
    fragments[-1].parts.append(encode(text[last_end:]))
    return fragments


def _fragmenter(text: str, tokens: list[Token], leaves: Leaves, options: Options) -> Callable[[int, Token], bool]:
    """Whether a token begins a new fragment; to be asked of every token but the first, in order."""
    size = options.fragment_size
    count = 1
    waiting = -1
    spans = {} if options.fragmenter == "simple" else phrase_begins(leaves, tokens)

    def begins_new(place: int, token: Token) -> bool:
        nonlocal count, waiting
        if options.number_of_fragments == 0:
            return False
        # A phrase is kept together. Lucene does not count the first token, so that its positions are one behind.
        position = place - 1
        if waiting <= position:
            waiting = -1
        elif waiting != -1:
            return False
        if (token.term, position) in spans:
            waiting = spans[token.term, position] + 1
        new = token.end >= size * count and (options.fragmenter == "simple" or len(text) - token.end >= size // 2)
        count += new
        return new

    return begins_new


def _no_match_end(text: str, tokens: list[Token], size: int) -> int:
    if len(text) <= size:
        return len(text)
    end = -1
    for token in tokens:
        if token.end >= size:
            return size if token.end == size else end
        end = token.end
    return end
