"""From the ``aggs`` of a request to aggregators: which kinds there are, and the refusal of those that there are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.backends.memory.aggregations import (
    composite,
    filters,
    histograms,
    metrics,
    ranges,
    rare,
    significant,
    terms,
    top_hits,
)
from gateway.backends.memory.aggregations.order_paths import check_order
from gateway.backends.memory.aggregations.pipelines import PIPELINES
from gateway.backends.memory.aggregations.scope import Aggregator, illegal
from protocol.errors import ElasticsearchException

_METRICS: Final[Mapping[str, type[metrics.Metric]]] = {
    "avg": metrics.Avg,
    "sum": metrics.Sum,
    "min": metrics.Min,
    "max": metrics.Max,
    "stats": metrics.Stats,
    "extended_stats": metrics.ExtendedStats,
    "value_count": metrics.ValueCount,
    "weighted_avg": metrics.WeightedAvg,
    "cardinality": metrics.Cardinality,
    "percentiles": metrics.Percentiles,
    "percentile_ranks": metrics.Percentiles,
    "median_absolute_deviation": metrics.MedianAbsoluteDeviation,
}

_Bucket = Callable[[str, dict[str, Any] | None, Any, list[Aggregator]], Aggregator]
_BUCKETS: Final[Mapping[str, _Bucket]] = {
    "terms": terms.Terms,
    "significant_terms": significant.SignificantTerms,
    "rare_terms": rare.RareTerms,
    "histogram": histograms.Histogram,
    "date_histogram": histograms.DateHistogram,
    "range": lambda name, meta, body, subs: ranges.Range(name, meta, "range", body, subs),
    "date_range": lambda name, meta, body, subs: ranges.Range(name, meta, "date_range", body, subs),
    "ip_range": lambda name, meta, body, subs: ranges.IpRange(name, meta, "ip_range", body, subs),
    "filter": filters.Filter,
    "filters": filters.Filters,
    "missing": filters.Missing,
    "global": filters.Global,
    "nested": filters.Nested,
    "reverse_nested": filters.ReverseNested,
    "composite": composite.Composite,
}

SUPPORTED: Final = frozenset({*_METRICS, *_BUCKETS, "top_hits"})
_FACTORIES: Final = {
    "terms": "TermsAggregatorFactory",
    "significant_terms": "SignificantTermsAggregatorFactory",
    "rare_terms": "RareTermsAggregatorFactory",
    "histogram": "HistogramAggregatorFactory",
    "date_histogram": "DateHistogramAggregatorFactory",
    "range": "RangeAggregatorFactory",
    "date_range": "DateRangeAggregatorFactory",
    "ip_range": "BinaryRangeAggregatorFactory",
    "filters": "FiltersAggregatorFactory",
    "missing": "MissingAggregatorFactory",
    "global": "GlobalAggregatorFactory",
    "reverse_nested": "ReverseNestedAggregatorFactory",
    "composite": "CompositeAggregationFactory",
}
"""What composite cannot stand in, by the Java class that Elasticsearch names in its refusal."""
_NOT_PARAMETERS: Final = frozenset({"aggs", "aggregations", "meta"})


def build(request: Mapping[str, Any], nested: str | None = None) -> list[Aggregator]:
    """The aggregators of a request's ``aggs``. Pipelines are left out. ``nested``: the name of the nested aggregation around them.

    Raises ElasticsearchException: ``parsing_exception`` for a malformed request, ``illegal_argument_exception`` for a kind that is not
    supported, by its name.
    """
    found: list[Aggregator] = []
    for name, definition in request.items():
        if not isinstance(definition, Mapping):
            raise ElasticsearchException(
                "parsing_exception", f"Found [{definition}] under [{name}], expected an aggregation", status=400
            )
        kinds = [key for key in definition if key not in _NOT_PARAMETERS]
        if len(kinds) != 1:
            reason = (
                f"Missing definition for aggregation [{name}]"
                if not kinds
                else f"Found two aggregation type definitions in [{name}]: [{kinds[0]}] and [{kinds[1]}]"
            )
            raise ElasticsearchException("parsing_exception", reason, status=400)
        if kinds[0] not in PIPELINES:
            found.append(_build(name, kinds[0], definition, nested))
    return found


def _build(name: str, kind: str, definition: Mapping[str, Any], nested: str | None) -> Aggregator:
    body, meta = definition[kind], definition.get("meta")
    below = definition.get("aggs") or definition.get("aggregations") or {}
    for sub, inner in below.items():
        if isinstance(inner, Mapping) and "global" in inner and kind in _BUCKETS:
            raise illegal(
                f"Aggregation [{name}] cannot have a global sub-aggregation [{sub}]. Global aggregations can only be defined as top level "
                "aggregations"
            )
        if isinstance(inner, Mapping) and "composite" in inner and kind in _FACTORIES:
            raise illegal(f"[composite] aggregation cannot be used with a parent aggregation of type: [{_FACTORIES[kind]}]")
    if isinstance(body, Mapping) and body.get("script") is not None:
        raise illegal(f"[script] of aggregation [{kind}] is not supported")
    if kind in _METRICS or kind == "top_hits":
        if below:
            raise ElasticsearchException(
                "aggregation_initialization_exception",
                f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations",
                status=500,
            )
        return top_hits.TopHits(name, meta, body) if kind == "top_hits" else _METRICS[kind](name, meta, kind, body)
    if kind not in _BUCKETS:
        raise illegal(f"aggregation [{kind}] is not supported")
    if kind == "rare_terms" and nested is not None:
        _check_scores(name, below, nested)
    subs = build(below, name if kind == "nested" else nested)
    try:
        made = _BUCKETS[kind](name, meta, body, subs)
    except (TypeError, ValueError, AttributeError) as error:
        # Over the wire values have their types; a request in JSON need not.
        raise ElasticsearchException("parsing_exception", f"[{kind}] failed to parse [{name}]: {error}", status=400) from None
    if isinstance(made, (terms.Terms, histograms.Histogram, histograms.DateHistogram)):
        check_order(made.order, below)
    return made


def _check_scores(name: str, below: Mapping[str, Any], nested: str) -> None:
    scoring = next((sub for sub, definition in below.items() if needs_scores({sub: definition})), None)
    if scoring is not None:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"RareTerms agg [{name}] is the child of the nested agg [{nested}], and also has a scoring child agg [{scoring}].  This "
            "combination is not supported because it requires executing in [depth_first] mode, which the RareTerms agg cannot do.",
            status=500,
        )


def needs_scores(request: Mapping[str, Any] | None) -> bool:
    """Whether a request's aggregations look at scores: only ``top_hits`` does, where it does not sort by fields."""
    for definition in (request or {}).values():
        if not isinstance(definition, Mapping):
            continue
        body = definition.get("top_hits")
        if isinstance(body, Mapping) and (not body.get("sort") or "_score" in str(body["sort"]) or body.get("track_scores")):
            return True
        if needs_scores(definition.get("aggs") or definition.get("aggregations")):
            return True
    return False
