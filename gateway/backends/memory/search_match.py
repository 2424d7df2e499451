"""Whether a query can match documents of an index at all, judged without searching it (Elasticsearch's can-match phase).

Only what Elasticsearch rewrites to ``match_none`` counts: queries on fields that the index does not have, and ranges of dates that lie
outside of the index's dates. A query is never judged more narrowly than a shard would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries import compile_query
from gateway.backends.memory.queries.nodes import ONE
from protocol.errors import ElasticsearchException

_ON_A_FIELD = frozenset({"term", "terms", "range", "prefix", "wildcard"})
"""Queries that Elasticsearch rewrites to match_none where their field is not mapped; a match query is not among them."""
_ON_INDEX = frozenset({"term", "terms", "prefix", "wildcard", "match", "match_phrase"})
"""Queries that are rewritten to all or none on the field _index."""
_FIELD_OPTIONS = frozenset({"boost", "_name"})
_LOWER = frozenset({"gt", "gte", "from"})
_UPPER = frozenset({"lt", "lte", "to"})


def can_match(index: Index, query: Mapping[str, Any] | None, now_millis: int) -> bool:
    """False where the query surely matches nothing in the index."""
    if not query or len(query) != 1:
        return True
    ((name, body),) = query.items()
    if not isinstance(body, dict):
        return True
    if name == "bool":
        return _bool(index, body, now_millis)
    if name == "constant_score":
        return can_match(index, body.get("filter"), now_millis)
    if name == "match_none":
        return False
    if name == "exists":
        field = str(body.get("field"))
        return "*" in field or field.startswith("_") or index.field(field) is not None or field in index.mapping.objects
    if name in _ON_INDEX and "_index" in body:
        return _all_or_none(index, query, now_millis) is not False
    if name in _ON_A_FIELD:
        return _on_a_field(index, name, body, now_millis)
    return True


def _all_or_none(index: Index, query: Mapping[str, Any], now_millis: int) -> bool | None:
    """Whether all documents match, or none, where the index's name says so; None where documents have to be looked at."""
    if "match_all" in query:
        return True
    if not any(name in _ON_INDEX and isinstance(body, dict) and "_index" in body for name, body in query.items()):
        return None
    try:
        return _finds(index, dict(query), now_millis)
    except ElasticsearchException:
        return None


def _finds(index: Index, query: dict[str, Any], now_millis: int) -> bool:
    """Whether a query matches a row, be it dead or hidden: Elasticsearch goes by the least and the greatest value here."""
    return len(compile_query(index, query, now_millis=now_millis).matches(ONE, False, {})) > 0


def _bool(index: Index, body: Mapping[str, Any], now_millis: int) -> bool:
    for occur in ("must", "filter"):
        clauses = body.get(occur) or []
        if not all(can_match(index, clause, now_millis) for clause in (clauses if isinstance(clauses, list) else [clauses])):
            return False
    without = body.get("must_not") or []
    without = without if isinstance(without, list) else [without]
    if any(isinstance(clause, dict) and _all_or_none(index, clause, now_millis) for clause in without):
        return False
    should = body.get("should") or []
    should = should if isinstance(should, list) else [should]
    if not should or body.get("must") or body.get("filter") or body.get("must_not"):
        return True
    return any(can_match(index, clause, now_millis) for clause in should)


def _on_a_field(index: Index, name: str, body: Mapping[str, Any], now_millis: int) -> bool:
    fields = [key for key in body if key not in _FIELD_OPTIONS]
    if len(fields) != 1 or fields[0].startswith("_"):
        return True
    found = index.field(fields[0])
    if found is None:
        return False
    if name != "range" or not found.is_date or found.nested is not None:
        return True
    return _overlaps(index, found, dict(body), now_millis)


def _overlaps(index: Index, field: FieldType, body: dict[str, Any], now_millis: int) -> bool:
    """Whether the range reaches the dates between the index's first and last: each of its ends, alone, must leave a document."""
    options = next(value for key, value in body.items() if key not in _FIELD_OPTIONS)
    if not len(index.root.column(field).values):
        return False
    if not isinstance(options, dict):
        return True
    for ends in (_UPPER, _LOWER):
        half = {key: value for key, value in options.items() if key not in ends}
        try:
            if half.keys() & (_LOWER | _UPPER) and not _finds(index, {"range": {field.name: half}}, now_millis):
                return False
        except ElasticsearchException:
            return True
    return True


def must_visit_all(aggregations: Mapping[str, Any] | None) -> bool:
    """Whether aggregations need an index whose documents do not match: ``global``, and terms with ``min_doc_count`` 0."""
    for body in (aggregations or {}).values():
        if not isinstance(body, dict):
            continue
        if "global" in body:
            return True
        terms = body.get("terms")
        if isinstance(terms, dict) and terms.get("min_doc_count") in (0, "0"):
            return True
        if must_visit_all(body.get("aggs") or body.get("aggregations")):
            return True
    return False
