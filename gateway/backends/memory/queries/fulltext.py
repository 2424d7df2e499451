"""match, match_phrase, match_phrase_prefix, match_bool_prefix."""

from __future__ import annotations

from typing import Any

from gateway.backends.memory.queries.compiler import Context, field_query
from gateway.backends.memory.queries.fields import check_metadata, ids_node, index_matches
from gateway.backends.memory.queries.matching import Mode, match_node, options_of
from gateway.backends.memory.queries.minimum import with_minimum
from gateway.backends.memory.queries.nodes import Node
from gateway.backends.memory.values import text_of

_FUZZY = ("fuzziness", "prefix_length", "max_expansions", "fuzzy_transpositions", "fuzzy_rewrite")


def _match(context: Context, kind: str, mode: Mode, name: str, params: dict[str, Any]) -> Node:
    options = options_of(context, kind, params)
    if name == "_id":
        return ids_node(context, [params["query"]])
    if name == "_index":
        return index_matches(context, text_of(params["query"]))
    check_metadata(context, name)
    return with_minimum(
        match_node(context, context.field(name), params["query"], mode, options), params.get("minimum_should_match")
    )


@field_query(
    "match",
    "operator",
    "minimum_should_match",
    "lenient",
    "zero_terms_query",
    "analyzer",
    "auto_generate_synonyms_phrase_query",
    *_FUZZY,
    short="query",
)
def match(context: Context, name: str, params: dict[str, Any]) -> Node:
    return _match(context, "match", "boolean", name, params)


@field_query("match_phrase", "analyzer", "slop", "zero_terms_query", short="query")
def match_phrase(context: Context, name: str, params: dict[str, Any]) -> Node:
    return _match(context, "match_phrase", "phrase", name, params)


@field_query("match_phrase_prefix", "analyzer", "slop", "zero_terms_query", "max_expansions", short="query")
def match_phrase_prefix(context: Context, name: str, params: dict[str, Any]) -> Node:
    return _match(context, "match_phrase_prefix", "phrase_prefix", name, params)


@field_query("match_bool_prefix", "analyzer", "operator", "minimum_should_match", *_FUZZY, short="query")
def match_bool_prefix(context: Context, name: str, params: dict[str, Any]) -> Node:
    return _match(context, "match_bool_prefix", "boolean_prefix", name, params)
