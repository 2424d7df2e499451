"""Whether an order of buckets names a number of theirs, judged by the request alone (``InternalOrder.validate``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.backends.memory.aggregations.orders import is_metric
from gateway.backends.memory.aggregations.paths import Element, parse_path
from gateway.backends.memory.aggregations.pipelines import PIPELINES, SINGLE_BUCKETS, SINGLE_VALUES, kind_of
from gateway.backends.memory.aggregations.scope import illegal
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import BucketOrder
from protocol.messages.aggregations.builders.metrics import DEFAULT_PERCENTS

_BUILT: Final = (
    "Buckets can only be sorted on a sub-aggregator path that is built out of zero or more single-bucket aggregations within the path and "
    "a final single-bucket or a metrics aggregation at the path end."
)
_STATS: Final = frozenset({"count", "min", "max", "avg", "sum"})
_EXTENDED: Final = frozenset({
    "sum_of_squares", "variance", "variance_population", "variance_sampling", "std_deviation", "std_deviation_population",
    "std_deviation_sampling", "std_upper", "std_lower", "std_upper_population", "std_lower_population", "std_upper_sampling",
    "std_lower_sampling",
})  # fmt: skip


def check_order(order: BucketOrder, below: Mapping[str, Any]) -> None:
    """``below`` are the sub-aggregations of the buckets, in the REST form. Raises ElasticsearchException (``invalid_path``)."""
    for element in order:
        if not is_metric(element):
            continue
        reason = _problem(parse_path(element.key), below)
        if reason is not None:
            raise ElasticsearchException(
                "invalid_path", f"Invalid aggregation order path [{element.key}]. {reason}", illegal(reason), status=400
            )


def _problem(path: list[Element], below: Mapping[str, Any]) -> str | None:
    *outer, last = path
    for element in outer:
        if (reason := _missing(element.name, below)) is not None:
            return reason
        definition = below[element.name]
        if kind_of(definition) not in SINGLE_BUCKETS:
            return f"{_BUILT} [{element.name}] is not single-bucket."
        below = definition.get("aggs") or definition.get("aggregations") or {}
    if (reason := _missing(last.name, below)) is not None:
        return reason
    kind, metric = kind_of(below[last.name]), last.metric if last.key is None else last.key
    if kind in SINGLE_BUCKETS:
        return None if metric in (None, "doc_count") else _BUILT
    if kind in SINGLE_VALUES:
        if metric in (None, "value"):
            return None
        return (
            "Ordering on a single-value metrics aggregation can only be done on its value. Either drop the key (a la "
            f'"{last.name}") or change it to "value" (a la "{last.name}.value")'
        )
    if kind in ("stats", "extended_stats", "percentiles", "percentile_ranks"):
        if metric is None:
            return "When ordering on a multi-value metrics aggregation a metric name must be specified."
        known = _has(kind, below[last.name][kind], metric)
        return None if known else f"Unknown metric name [{metric}] on multi-value metrics aggregation [{last.name}]"
    return _BUILT


def _missing(name: str, below: Mapping[str, Any]) -> str | None:
    if name in below and kind_of(below[name]) not in PIPELINES:
        return None
    return f"The provided aggregation [{name}] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets."


def _has(kind: str, body: Mapping[str, Any], metric: str) -> bool:
    if kind in ("stats", "extended_stats"):
        return metric in _STATS or (kind == "extended_stats" and metric in _EXTENDED)
    given = body.get("percents" if kind == "percentiles" else "values")
    try:
        number = float(metric)
    except ValueError:
        raise ElasticsearchException("number_format_exception", f'For input string: "{metric}"', status=400) from None
    return number in [float(each) for each in (DEFAULT_PERCENTS if given is None else given)]
