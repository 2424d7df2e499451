"""Queries made of queries: bool, constant_score, dis_max, boosting, nested, match_all, match_none, wrapper."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from gateway.backends.memory.queries.compiler import MAX_CLAUSES, Context, clauses, flag, illegal, number, parsing, query
from gateway.backends.memory.queries.minimum import minimum_should_match
from gateway.backends.memory.queries.nodes import Bool, Boosting, Constant, DisMax, Nested, Node
from protocol.errors import ElasticsearchException


@query("match_all")
def match_all(context: Context, params: dict[str, Any]) -> Node:  # noqa: ARG001 - has no options of its own
    return context.everything()


@query("match_none")
def match_none(context: Context, params: dict[str, Any]) -> Node:  # noqa: ARG001 - has no options of its own
    return context.nothing()


@query("bool", "must", "filter", "must_not", "mustNot", "should", "minimum_should_match", "adjust_pure_negative")
def bool_(context: Context, params: dict[str, Any]) -> Node:
    node = Bool(
        context.size,
        must=[context.compile(clause) for clause in clauses(params.get("must"))],
        filters=[context.compile(clause) for clause in clauses(params.get("filter"))],
        must_not=[context.compile(clause) for clause in clauses(params.get("must_not", params.get("mustNot")))],
        should=[context.compile(clause) for clause in clauses(params.get("should"))],
    )
    count = len(node.must) + len(node.filters) + len(node.must_not) + len(node.should)
    if count > MAX_CLAUSES:
        raise illegal(f"Query contains too many nested clauses; maxClauseCount is set to {MAX_CLAUSES}")
    if count == 0:
        return context.everything()
    spec = params.get("minimum_should_match")
    if spec is not None:
        node.minimum = minimum_should_match(len(node.should), spec)
    if node.must_not and count == len(node.must_not):
        if not flag(params, "adjust_pure_negative", True):
            return context.nothing()
        node.filters.append(context.everything())
    return node


@query("constant_score", "filter")
def constant_score(context: Context, params: dict[str, Any]) -> Node:
    if "filter" not in params:
        raise parsing("[constant_score] requires a 'filter' element")
    if isinstance(params["filter"], list):
        raise parsing("unexpected token [START_ARRAY]")
    return Constant(context.compile(params["filter"]))


@query("dis_max", "queries", "tie_breaker")
def dis_max(context: Context, params: dict[str, Any]) -> Node:
    inner = [context.compile(clause) for clause in clauses(params.get("queries"))]
    if not inner:
        raise parsing("[dis_max] requires 'queries' field with at least one clause")
    return DisMax(context.size, inner, number(params.get("tie_breaker", 0.0), "dis_max", "tie_breaker"))


@query("boosting", "positive", "negative", "negative_boost")
def boosting(context: Context, params: dict[str, Any]) -> Node:
    for option in ("positive", "negative"):
        if params.get(option) is None:
            raise parsing(f"[boosting] query requires '{option}' query to be set'")
    factor = number(params.get("negative_boost", -1), "boosting", "negative_boost")
    if factor < 0:
        raise parsing("[boosting] query requires 'negative_boost' to be set to be a positive value'")
    return Boosting(context.compile(params["positive"]), context.compile(params["negative"]), np.float32(factor))


@query("nested", "path", "query", "score_mode", "ignore_unmapped", "inner_hits")
def nested(context: Context, params: dict[str, Any]) -> Node:
    path = params.get("path")
    if path is None:
        raise illegal("[nested] requires 'path' field")
    if params.get("query") is None:
        raise illegal("[nested] requires 'query' field")
    if params.get("inner_hits") is not None:
        raise illegal("[nested] query does not support [inner_hits] in the in-memory cluster")
    mode = str(params.get("score_mode", "avg"))
    if mode not in ("avg", "max", "min", "sum", "none"):
        raise illegal(f"No score mode for child query [{mode}] found")
    try:
        table = context.index.table(path)
    except KeyError:
        if flag(params, "ignore_unmapped", False):
            return context.nothing()
        reason = f"[nested] failed to find nested object under path [{path}]"
        raise ElasticsearchException("illegal_state_exception", reason, status=500) from None
    outer = table.parent
    while outer is not None and outer is not context.table:
        outer = outer.parent
    if outer is None:
        # The path is not below the level that the query stands in.
        return context.nothing()
    inner = replace(context, table=table).compile(params["query"])
    return Nested(table, context.table, inner, mode)


@query("wrapper", "query")
def wrapper(context: Context, params: dict[str, Any]) -> Node:
    try:
        inner = orjson.loads(base64.b64decode(str(params.get("query")), validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        raise parsing("[wrapper] query does not hold a query in base64") from None
    return context.compile(inner)
