"""The fetch phase: from rows that were found to the hits that the answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gateway.backends.memory.documents import parse_source
from gateway.backends.memory.fields import DocValuesFetcher, FieldsFetcher, IgnoredFields, parse_requests
from gateway.backends.memory.highlight import Highlighter, check_highlight
from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.refusals import illegal, invalid
from gateway.backends.memory.source_filter import SourceFilter, dump_source
from protocol.errors import ElasticsearchException
from protocol.messages.common import SearchShardTarget
from protocol.messages.hits import DocumentField, SearchHit


def parse_source_option(value: Any) -> SourceFilter | None:
    """``_source``: false gives None. Raises ElasticsearchException."""
    if value is None or value is True or value == "true":
        return SourceFilter()
    if value is False or value == "false":
        return None
    if isinstance(value, str):
        return SourceFilter((value,))
    if isinstance(value, list):
        return SourceFilter(_patterns(value))
    if not isinstance(value, dict):
        raise ElasticsearchException(
            "parsing_exception",
            "Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [VALUE_NUMBER]",
        )
    lists: dict[str, list[str]] = {"includes": [], "excludes": []}
    for key, patterns in value.items():
        if key == "exclude_vectors":
            # There are no vector fields here that it could leave out.
            continue
        name = {"include": "includes", "exclude": "excludes"}.get(key, key)
        if name not in lists:
            raise ElasticsearchException("parsing_exception", f"Unknown key for a START_ARRAY in [{key}].")
        lists[name] = _patterns(patterns)
    return SourceFilter(lists["includes"], lists["excludes"])


def _patterns(value: Any) -> list[str]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ElasticsearchException("parsing_exception", "Unknown key for a VALUE_NUMBER in [_source].")
    return patterns


def check_stored_fields(source: Mapping[str, Any]) -> tuple[bool, bool]:
    """What ``stored_fields`` says: whether metadata (``_id``) is shown, and whether the source is, if ``_source`` does not say.

    Fields of the in-memory cluster are not stored, so that there are never values. Raises ElasticsearchException.
    """
    option = source.get("stored_fields")
    if option is None:
        # Asking for script or doc value fields alone leaves the source in, as in Elasticsearch.
        return True, True
    names = [option] if isinstance(option, str) else option
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise illegal("[stored_fields] must be a field name or a list of them")
    if "_none_" in names:
        if len(names) > 1:
            raise illegal("cannot combine _none_ with other fields")
        if source.get("_source") not in (None, False):
            raise invalid("[stored_fields] cannot be disabled if [_source] is requested")
        if source.get("fields"):
            raise invalid("[stored_fields] cannot be disabled when using the [fields] option")
        return False, False
    return True, "_source" in names


def check_fetch(source: Mapping[str, Any]) -> None:
    """Refuses a body whose fetch options are malformed, before any index is searched. Raises ElasticsearchException."""
    check_stored_fields(source)
    parse_source_option(source.get("_source"))
    for option in ("fields", "docvalue_fields"):
        if source.get(option):
            parse_requests(source[option], option)
    if source.get("highlight") is not None:
        check_highlight(source["highlight"])


class Fetcher:
    """Renders hits of one index for one search, by the options of its body (also those of a ``top_hits`` aggregation)."""

    def __init__(
        self, index: Index, source: Mapping[str, Any], target: SearchShardTarget, matches: Matches, now_millis: int
    ) -> None:
        """``matches`` is what the query matched, for ``matched_queries`` and highlighting. Raises ElasticsearchException."""
        self._index = index
        self._target = target
        self._matches = matches
        show_metadata, source_by_default = check_stored_fields(source)
        self._show_id = show_metadata and index.shows("_id")
        wanted = source.get("_source")
        self._source = parse_source_option(wanted if wanted is not None else source_by_default)
        self._version = source.get("version") is True and index.shows("_version")
        self._seq_no = source.get("seq_no_primary_term") is True and index.shows("_seq_no") and index.shows("_primary_term")
        fields, doc_values = source.get("fields"), source.get("docvalue_fields")
        self._fields = FieldsFetcher(index, parse_requests(fields, "fields")) if fields else None
        self._doc_values = DocValuesFetcher(index, parse_requests(doc_values, "docvalue_fields")) if doc_values else None
        # Which fields were ignored is metadata: their names are shown even where they themselves are not.
        self._ignored = IgnoredFields(index) if show_metadata and index.shows("_ignored") else None
        highlight = source.get("highlight")
        self._highlighter = (
            Highlighter(index, highlight, source.get("query"), now_millis, matches) if highlight is not None else None
        )

    def hit(self, row: int) -> SearchHit:
        """The hit of a row, without score and sort values. Raises ElasticsearchException."""
        index = self._index
        hit = SearchHit(shard=self._target)
        raw = index.source(row)
        document: dict[str, Any] | None = None
        if self._show_id:
            hit.id = index.id(row)
        ignored: list[str] = []
        if self._ignored is not None and self._ignored.possible(index.whole.source(row)):
            whole = index.whole.document(row)
            document = whole if index.whole is index else None
            ignored = self._ignored.of(whole)
            if ignored:
                hit.meta_fields["_ignored"] = DocumentField(name="_ignored", values=list(ignored))
        if self._doc_values is not None:
            for name, values in self._doc_values.values(row).items():
                hit.fields[name] = DocumentField(name=name, values=values)
        if self._source is not None:
            if not self._source.filters:
                hit.source = raw
            else:
                document = document if document is not None else parse_source(raw)
                hit.source = dump_source(self._source(document))
        if self._fields is not None:
            document = document if document is not None else parse_source(raw)
            shown, left_out = self._fields.values(row, document, ignored)
            for name in (*shown, *(name for name in left_out if name not in shown)):
                hit.fields[name] = DocumentField(name=name, values=shown.get(name, []), ignored_values=left_out.get(name, []))
        if self._version:
            hit.version = 1
        if self._seq_no:
            hit.seq_no, hit.primary_term = row, 1
        if self._matches.named:
            one = np.array([row], np.int32)
            named = sorted(self._matches.named.items())
            hit.matched_queries = {name: float(found.scores_at(one)[0]) for name, found in named if found.has(row)}
        if self._highlighter is not None:
            document = document if document is not None else parse_source(raw)
            hit.highlight = self._highlighter.highlight(row, document)
        return hit
