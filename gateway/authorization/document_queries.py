"""The document queries of role descriptors: JSON text in a descriptor, a query in its REST form for a backend.

A text that Elasticsearch takes into a role but refuses when a shard is read is kept with its refusal: the role works for all that the query
does not reach, as there. Source: ``DLSRoleQueryValidator`` and ``SecurityQueryTemplateEvaluator`` of x-pack core 8.19.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NoReturn, cast

from gateway.authorization.json_texts import DECODER, token_name, unreadable
from protocol.errors import ElasticsearchException

Query = Mapping[str, Any]
"""A query in its REST form, as in ``{"term": {"tenant": "a"}}``."""

MAX_PARSED: Final = 1_000
"""Parsed texts to keep."""
MAX_DEPTH: Final = 30
"""How deep queries may stand in each other (``indices.query.bool.max_nested_depth``)."""

_SPACES: Final = " \t\r\n"
_GUESSED: Final = 20
"""Characters among which the first of a text must be for Elasticsearch to take it for JSON."""

NOTHING: Final[Query] = {"match_none": {}}
"""Stands for a query that cannot be run."""

TEMPLATE: Final = "template"
_REFUSED_TYPES: Final = frozenset({"percolate", "has_child", "has_parent"})


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """``problem``: what refuses each search of a shard that the query applies to; then ``query`` matches nothing. ``template``: facts about
    the user have to be put into the query first."""

    text: str
    query: Query = field(hash=False)
    problem: ElasticsearchException | None = field(default=None, compare=False)
    template: bool = False


@lru_cache(MAX_PARSED)
def parse_document_query(text: str) -> DocumentQuery:
    """What a descriptor's text asks for. Never raises: see ``DocumentQuery.problem``."""
    try:
        query = _parse(text)
        kind, body = next(iter(query.items()))
        if kind == TEMPLATE:
            if not isinstance(body, dict):
                raise ElasticsearchException("parse_exception", f"Unexpected token [{token_name(body)}]", status=400)
            return DocumentQuery(text, NOTHING, template=True)
        check_role_query(query)
    except ElasticsearchException as error:
        return DocumentQuery(text, NOTHING, error)
    return DocumentQuery(text, query)


def _parse(text: str) -> Query:
    """As Elasticsearch does when it reads a shard: anything may follow the query."""
    if not text[:_GUESSED].lstrip(_SPACES).startswith("{"):
        raise ElasticsearchException("x_content_parse_exception", "Failed to derive xcontent", status=400)
    try:
        query, _ = DECODER.raw_decode(text.lstrip(_SPACES))
    except (ValueError, RecursionError) as error:
        reason = f"failed to parse query: {unreadable(error)}"
        raise ElasticsearchException("x_content_parse_exception", reason, status=400) from None
    if not query:
        raise ElasticsearchException("parse_exception", "Unexpected token [END_OBJECT]", status=400)
    return cast(Query, query)


def check_role_query(query: Any) -> None:
    """Raises the illegal_argument_exception (400) of a query that must not restrict documents, wherever it stands in another one."""
    for kind, body in _queries(query, 0):
        if kind in _REFUSED_TYPES:
            _illegal(f"{kind} query isn't supported as part of a role query")
        if not isinstance(body, dict):
            continue
        if kind == "terms" and any(isinstance(value, dict) for value in body.values()):
            _illegal("terms query with terms lookup isn't supported as part of a role query")
        if kind in ("geo_shape", "shape") and any(
            isinstance(value, dict) and "indexed_shape" in value for value in body.values()
        ):
            _illegal("geoshape query referring to indexed shapes isn't supported as part of a role query")


_INNER: Final[dict[str, tuple[str, ...]]] = {
    "bool": ("must", "filter", "should", "must_not", "mustNot"),
    "boosting": ("positive", "negative"),
    "constant_score": ("filter",),
    "dis_max": ("queries",),
    "function_score": ("query", "functions"),
    "knn": ("filter",),
    "nested": ("query",),
    "pinned": ("organic",),
    "rule": ("organic",),
    "script_score": ("query",),
    "span_containing": ("big", "little"),
    "span_field_masking": ("query",),
    "field_masking_span": ("query",),
    "span_first": ("match",),
    "span_near": ("clauses",),
    "span_not": ("include", "exclude"),
    "span_or": ("clauses",),
    "span_within": ("big", "little"),
}
"""Where the queries are within a query."""


def _queries(query: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """A query and all within it, as ``(type, body)``. What is not a query is left to the backend, which refuses it."""
    if not isinstance(query, dict):
        return
    if depth >= MAX_DEPTH:
        _illegal(
            "The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]"
        )
    for kind, body in query.items():
        yield kind, body
        if not isinstance(body, dict):
            continue
        for place in _INNER.get(kind, ()):
            inner = body.get(place)
            for one in inner if isinstance(inner, list) else (inner,):
                if kind == "function_score" and place == "functions":
                    one = one.get("filter") if isinstance(one, dict) else None
                yield from _queries(one, depth + 1)


def _illegal(reason: str) -> NoReturn:
    raise ElasticsearchException("illegal_argument_exception", reason, status=400)
