"""The range query."""

from __future__ import annotations

from typing import Any, Final

from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.bounds import Bounds, range_node
from gateway.backends.memory.queries.compiler import Context, RewriteError, field_query, flag, illegal, parsing
from gateway.backends.memory.queries.fields import check_metadata, check_searchable, exists_node
from gateway.backends.memory.queries.nodes import Node
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException

_RELATIONS: Final = frozenset({"INTERSECTS", "CONTAINS", "WITHIN"})


def bounds_of(params: dict[str, Any]) -> Bounds:
    """The bounds in any of the forms ``gte``/``gt``/``lte``/``lt`` and ``from``/``to`` with ``include_lower``/``include_upper``."""
    low, high = params.get("from"), params.get("to")
    include_low, include_high = flag(params, "include_lower", True), flag(params, "include_upper", True)
    for option, include in (("gt", False), ("gte", True)):
        if option in params:
            low, include_low = params[option], include
    for option, include in (("lt", False), ("lte", True)):
        if option in params:
            high, include_high = params[option], include
    format_, time_zone = params.get("format"), params.get("time_zone")
    return Bounds(low, high, include_low, include_high, format_, time_zone)


def _dates(context: Context, field: FieldType, bounds: Bounds) -> Node:
    """A range of dates is rewritten by the dates that the index has: where there are none, nobody reads the bounds."""
    if not context.rewrites:
        return range_node(context, field, bounds)
    if not len(context.index.table(field.nested).column(field).values):
        return context.nothing()
    if bounds.low is None and bounds.high is None:
        return exists_node(context, [field])
    try:
        return range_node(context, field, bounds)
    except MalformedValueError as error:
        raise RewriteError(error.type, error.reason, status=400) from None
    except ElasticsearchException as error:
        raise RewriteError(error.type, error.reason, error.cause, status=error.status, metadata=error.metadata) from None


@field_query(
    "range", "gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone", "relation", short=""
)
def range_(context: Context, name: str, params: dict[str, Any]) -> Node:
    if "" in params:
        raise parsing("[range] query malformed, no start_object after query name")
    relation = params.get("relation")
    if relation is not None and str(relation).upper() not in _RELATIONS:
        raise illegal("[range] query does not support relation [" + str(relation).lower() + "]")
    if name in ("_id", "_index", "_source"):
        raise illegal(f"Field [{name}] of type [{name}] does not support range queries")
    check_metadata(context, name)
    field = context.field(name)
    if field is None:
        return context.nothing()
    check_searchable(field)
    bounds = bounds_of(params)
    if field.is_date and field.indexed:
        return _dates(context, field, bounds)
    if bounds.low is None and bounds.high is None and not field.is_text:
        # RangeQueryBuilder: without bounds it is an exists query.
        return exists_node(context, [field])
    return range_node(context, field, bounds)
