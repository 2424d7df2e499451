"""The order of buckets: read from a request, and the numbers of sub-aggregations that it may go by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gateway.backends.memory.aggregations.scope import illegal
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import (
    COUNT_DESC_KEY_ASC,
    KEY_ASC,
    BucketOrder,
    InternalAggregation,
    OrderElement,
)
from protocol.messages.aggregations.results import metrics
from protocol.messages.aggregations.results.single import InternalSingleBucket
from protocol.rest.figures import single_value, stats_values
from protocol.sketches import tdigest


def parse_order(order: Any, default: BucketOrder = COUNT_DESC_KEY_ASC) -> BucketOrder:
    """The order of ``{"path": "asc"}`` or a list of them. Where it does not end by key, equal buckets go by ascending key."""
    if order is None or order == []:
        return default
    elements: list[OrderElement] = []
    for entry in order if isinstance(order, list) else [order]:
        if isinstance(entry, OrderElement):
            elements.append(entry)
            continue
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ElasticsearchException("parsing_exception", f"Unexpected token [{entry}] for [order]", status=400)
        for key, direction in entry.items():
            if str(direction).lower() not in ("asc", "desc"):
                raise ElasticsearchException("parsing_exception", f"Unknown order direction [{direction}]", status=400)
            elements.append(OrderElement(str(key), str(direction).lower() == "asc"))
    if not any(element.key == "_key" for element in elements):
        elements += KEY_ASC
    return tuple(elements)


def by_key(order: BucketOrder) -> bool:
    """Whether the first criterion is the key."""
    return order[0].key == "_key"


def is_metric(element: OrderElement) -> bool:
    return element.key not in ("_key", "_count")


def order_value(aggregations: Sequence[InternalAggregation], path: str) -> float:
    """The number that a path names, such as ``avg``, ``stats.max``, ``filter>p[99]`` or ``filter>_count``."""
    head, _, rest = path.partition(">")
    name, metric = head, None
    found = _named(aggregations, name)
    if found is None and name.endswith("]") and "[" in name:
        name, metric = name[:-1].split("[", 1)
        found = _named(aggregations, name)
    if found is None and "." in name:
        name, _, metric = name.partition(".")
        found = _named(aggregations, name)
    if found is None:
        raise illegal(f"Invalid aggregation order path [{path}]. Cannot find aggregation named [{name}]")
    if rest:
        if not isinstance(found, InternalSingleBucket):
            raise illegal(
                f"Invalid aggregation order path [{path}]. Buckets can only be sorted on a sub-aggregator path that is built out of "
                "zero or more single-bucket aggregations within the path and a final single-bucket or a metrics aggregation at the "
                "path end."
            )
        return float(found.doc_count) if rest in ("_count", "doc_count") else order_value(found.aggregations, rest)
    return metric_value(found, metric)


def _named(aggregations: Sequence[InternalAggregation], name: str) -> InternalAggregation | None:
    return next((aggregation for aggregation in aggregations if aggregation.name == name), None)


def metric_value(aggregation: InternalAggregation, metric: str | None = None) -> float:
    """A number of a result: its only one, or the one of that name. NaN where there were no values to make it of."""
    match aggregation:
        case InternalSingleBucket() if metric in (None, "doc_count", "_count"):
            return float(aggregation.doc_count)
        case metrics.InternalStats():
            values = stats_values(aggregation)
            if metric in values:
                return values[metric]
        case metrics.InternalTDigestPercentiles() if metric is not None:
            return math.nan if aggregation.state is None else tdigest.quantile(aggregation.state, float(metric) / 100)
        case metrics.InternalTDigestPercentileRanks() if metric is not None:
            return math.nan if aggregation.state is None else tdigest.cdf(aggregation.state, float(metric)) * 100
        case _ if metric in (None, "value"):
            value = single_value(aggregation)
            if value is not None:
                return value
    kind = aggregation.wire_name
    raise illegal(
        f"Unknown value key [{metric}] for metric aggregation [{aggregation.name}]"
        if metric is not None
        else f"Invalid aggregation order path [{aggregation.name}]. When ordering on a multi-value metrics aggregation a metric name "
        f"must be specified. [{kind}]"
    )


def sort_number(value: float, ascending: bool) -> float:
    """A number to sort ascending by, for either direction; NaN comes last in both."""
    if math.isnan(value):
        return math.inf
    return value if ascending else -value
