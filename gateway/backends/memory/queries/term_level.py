"""Queries for exact values: term, terms, exists, ids."""

from __future__ import annotations

from typing import Any

from gateway.backends.memory.queries.compiler import Context, field_query, flag, illegal, parsing, query
from gateway.backends.memory.queries.fields import (
    check_metadata,
    exists_node,
    ids_node,
    index_matches,
    term_node,
    terms_node,
)
from gateway.backends.memory.queries.nodes import Bool, Constant, Node
from gateway.backends.memory.queries.patterns import term_node_ignoring_case
from gateway.backends.memory.values import text_of


@field_query("term", "case_insensitive", short="value")
def term(context: Context, name: str, params: dict[str, Any]) -> Node:
    value = params["value"]
    if isinstance(value, list):
        raise parsing("[term] query does not support array of values")
    ignore_case = flag(params, "case_insensitive", False)
    if name == "_id":
        return ids_node(context, [value])
    if name == "_index":
        return index_matches(context, text_of(value), ignore_case)
    check_metadata(context, name)
    field = context.field(name)
    if field is None:
        return context.nothing()
    return term_node_ignoring_case(context, field, value) if ignore_case else term_node(context, field, value)


@query("terms", "*")
def terms(context: Context, params: dict[str, Any]) -> Node:
    """``{field: [values]}``; ``boost`` and ``_name`` stand beside the field."""
    fields = {key: value for key, value in params.items() if key not in ("boost", "_name")}
    if not fields:
        raise parsing("[terms] query requires a field name, followed by array of terms or a document lookup specification")
    if len(fields) > 1:
        raise parsing("[terms] query does not support multiple fields")
    ((name, values),) = fields.items()
    if isinstance(values, dict):
        raise illegal("[terms] query with a terms lookup is not supported by the in-memory cluster")
    if not isinstance(values, list):
        raise parsing(f"[terms] query does not support [{name}]")
    if any(value is None for value in values):
        raise illegal("No value specified for terms query")
    if len(values) > 65536:
        raise illegal(
            f"The number of terms [{len(values)}] used in the Terms Query request has exceeded the allowed maximum of [65536]. "
            "This maximum can be set by changing the [index.max_terms_count] index level setting."
        )
    if name == "_id":
        return ids_node(context, values)
    if name == "_index":
        return Constant(Bool(context.size, should=[index_matches(context, text_of(value)) for value in values]))
    check_metadata(context, name)
    field = context.field(name)
    return context.nothing() if field is None or not values else terms_node(context, field, values)


@query("exists", "field")
def exists(context: Context, params: dict[str, Any]) -> Node:
    name = params.get("field")
    if not isinstance(name, str) or not name:
        raise illegal("field name is null or empty")
    if name in ("_id", "_index"):
        return context.everything()
    check_metadata(context, name)
    found = context.field(name)
    if found is not None:
        return exists_node(context, [found])
    names = list(context.names(name)) if "*" in name else []
    fields = [context.index.mapping.fields[each] for each in names or context.names(name + ".*")]
    return exists_node(context, fields) if fields else context.nothing()


@query("ids", "values", "type")
def ids(context: Context, params: dict[str, Any]) -> Node:
    values = params.get("values")
    if values is None:
        raise illegal("[ids] requires 'values' field")
    return ids_node(context, values if isinstance(values, list) else [values])
