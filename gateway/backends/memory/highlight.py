"""Highlighting: the options of ``highlight``, and for each hit the fragments of its fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from gateway.backends.memory import analysis
from gateway.backends.memory.analysis import Token
from gateway.backends.memory.fields import Show, SourcePaths, extract, is_ignored, matching_names, shower
from gateway.backends.memory.highlight_plain import highlight_plain
from gateway.backends.memory.highlight_query import QueryReader
from gateway.backends.memory.highlight_unified import SEPARATOR, Options, highlight
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries import compile_query
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.sorting import document_numbers
from gateway.backends.memory.values import text_of
from protocol.errors import ElasticsearchException

MAX_ANALYZED_OFFSET: Final = 1_000_000
"""index.highlight.max_analyzed_offset, by default."""
_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("type", "order", "encoder", "boundary_scanner", "fragmenter"), str),
    **dict.fromkeys(("fragment_size", "number_of_fragments", "no_match_size", "max_analyzed_offset"), int),
    "require_field_match": bool,
    "highlight_query": dict,
}
"""The options of a field that are taken as they are, with the type of their values."""
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("boundary_scanner_locale", "boundary_chars", "boundary_max_scan", "phrase_limit", "force_source"),
        *("fragment_offset", "highlight_filter", "options", "use_explicit_field_order"),
    }
)
"""Options of the fast vector highlighter or of plugins' highlighters, and the order of an answer that is a map anyway."""
_STYLED: Final = '<em class="hlt1">'


def _options(body: Any, base: Options, where: str) -> Options:
    result = replace(base)
    if not isinstance(body, dict):
        raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{where}] Expected START_OBJECT")
    for key, value in body.items():
        if key == "fields" or key in _WITHOUT_EFFECT or value is None:
            continue
        if key == "matched_fields":
            if value:
                raise illegal(f"[{key}] of a highlight is not supported")
        elif key == "tags_schema":
            if value not in ("styled", "default"):
                raise illegal(f"Unknown tag schema [{value}]")
            result.pre_tag, result.post_tag = (_STYLED, "</em>") if value == "styled" else ("<em>", "</em>")
        elif key in ("pre_tags", "post_tags"):
            tags = [value] if isinstance(value, str) else value
            if not isinstance(tags, list) or not tags:
                raise illegal(f"[{key}] must be a list of tags")
            setattr(result, key[:-1], str(tags[0]))
        elif key in _KINDS:
            if type(value) is not _KINDS[key]:
                raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{where}] failed to parse field [{key}]")
            setattr(result, key, value)
        else:
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{where}] unknown field [{key}]")
    return result


class _Field:
    """One field that is highlighted."""

    def __init__(
        self, index: Index, name: str, found: FieldType, options: Options, query: Any, now_millis: int, matches: Matches
    ) -> None:
        self.name = name
        self.options = options
        self._index = index
        self._found = found
        self._paths = SourcePaths(index.mapping).of(found)
        self._show: Show = shower(found)
        self._analyzer = analysis.analyzer(found.analyzer if found.is_text else "keyword")
        node = compile_query(index, options.highlight_query or query, now_millis=now_millis)
        known = matches if options.highlight_query is None else None
        self._reader = QueryReader(index, node, found, any_field=not options.require_field_match, matches=known)

    def fragments(self, row: int, document: dict[str, Any]) -> list[str]:
        """The fragments of the field in a document. Raises ElasticsearchException."""
        shown = [self._show(value) for path in self._paths for value in extract(document, path)]
        texts = [text_of(value) for value in shown if value is not None and not is_ignored(value)]
        if not texts:
            return []
        if self.options.type == "plain":
            for text in texts:
                self._check_length(row, text)
            analyzed = [(text, self._tokens(text)) for text in texts]
            return highlight_plain(analyzed, self._reader.leaves, self.options, self.name)
        text = SEPARATOR.join(texts)
        self._check_length(row, text)
        occurrences = self._reader.occurrences(row, self._joined(texts)) if self._found.type in ("text", "keyword") else []
        return highlight(text, occurrences, self.options, tokenized=self._found.is_text)

    def _tokens(self, text: str) -> list[Token]:
        limit = self.options.max_analyzed_offset
        tokens = self._analyzer.analyze(text)
        return tokens if limit is None else [token for token in tokens if token.start <= limit]

    def _joined(self, texts: list[str]) -> list[Token]:
        """The tokens of all values, in the offsets of the joined text, with the gap between the positions of values."""
        tokens: list[Token] = []
        offset = position = 0
        for text in texts:
            own = self._analyzer.analyze(text)
            tokens += [Token(token.term, token.start + offset, token.end + offset, token.position + position) for token in own]
            offset += len(text) + 1
            position += len(own) + self._found.position_increment_gap
        limit = self.options.max_analyzed_offset
        return tokens if limit is None else [token for token in tokens if token.start <= limit]

    def _check_length(self, row: int, text: str) -> None:
        limit = self.options.max_analyzed_offset
        most = int(self._index.settings.get("index.highlight.max_analyzed_offset", MAX_ANALYZED_OFFSET))
        if len(text) > most and (limit is None or limit > most):
            raise illegal(
                f"The length [{len(text)}] of field [{self.name}] in doc[{document_numbers(self._index)[row]}]/index"
                f"[{self._index.name}] exceeds the [index.highlight.max_analyzed_offset] limit [{most}]. To avoid this "
                f"error, set the query parameter [max_analyzed_offset] to a value less than index setting [{most}] and "
                f"this will tolerate long field values by truncating them."
            )


def check_highlight(body: Any) -> list[tuple[str, Options]]:
    """The fields or patterns to highlight, with the options of each. Raises ElasticsearchException for what is malformed."""
    if not isinstance(body, dict):
        raise ElasticsearchException("parsing_exception", "Unknown key for a VALUE_STRING in [highlight].")
    common = _options(body, Options(), "highlight")
    wanted = body.get("fields") or {}
    named = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(each, dict) for each in named):
        raise ElasticsearchException("x_content_parse_exception", "[1:1] [highlight] failed to parse field [fields]")
    pairs = [pair for each in named for pair in each.items()]
    return [(pattern, _options(own or {}, common, "highlight_field")) for pattern, own in pairs]


class Highlighter:
    """Highlights hits of one index, by the ``highlight`` of one search."""

    def __init__(self, index: Index, body: Any, query: Any, now_millis: int, matches: Matches) -> None:
        """``matches`` is what ``query`` matched. Raises ElasticsearchException for what is malformed or not supported."""
        self._fields: list[_Field] = []
        for pattern, options in check_highlight(body):
            for name in matching_names(index.mapping, pattern):
                found = index.mapping.fields[name]
                self._check_type(options, name)
                if "*" in pattern and found.type not in ("text", "keyword"):
                    continue
                self._fields.append(_Field(index, name, found, options, query, now_millis, matches))

    @staticmethod
    def _check_type(options: Options, name: str) -> None:
        if options.type == "fvh":
            raise illegal(
                f"the field [{name}] should be indexed with term vector with position offsets to be used with fast vector highlighter"
            )
        if options.type not in (None, "unified", "plain"):
            raise illegal(f"unknown highlighter type [{options.type}] for the field [{name}]")

    def highlight(self, row: int, document: dict[str, Any]) -> dict[str, list[str] | None]:
        """The fragments by field; fields without any are left out."""
        return {field.name: found for field in self._fields if (found := field.fragments(row, document))}
