"""The range query."""

from __future__ import annotations

from typing import Any, Final

from gateway.backends.memory.queries.bounds import Bounds, range_node
from gateway.backends.memory.queries.compiler import Context, field_query, flag, illegal, parsing
from gateway.backends.memory.queries.fields import check_metadata, check_searchable, exists_node
from gateway.backends.memory.queries.nodes import Node

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


@field_query(
    "range", "gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone", "relation", short=""
)
def range_(context: Context, name: str, params: dict[str, Any]) -> Node:
    if "" in params:
        raise parsing("[range] query malformed, no start_object after query name")
    relation = params.get("relation")
    if relation is not None and str(relation).upper() not in _RELATIONS:
        raise illegal("[range] query does not support relation [" + str(relation).lower() + "]")
    check_metadata(name)
    field = context.field(name)
    if field is None:
        return context.nothing()
    check_searchable(field)
    bounds = bounds_of(params)
    if bounds.low is None and bounds.high is None and not field.is_text:
        # RangeQueryBuilder: without bounds it is an exists query.
        return exists_node(context, [field])
    return range_node(context, field, bounds)
