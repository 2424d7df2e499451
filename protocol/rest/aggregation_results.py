"""Results of aggregations that somebody gave in REST JSON with typed keys, as the messages that travel.

REST shows final values. Those that can be merged as they are (counts, sums, extremes, buckets of such) become messages again; an average,
a sketch, a score of significance cannot, and is refused by its type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.builders.base import order_from_rest
from protocol.messages.aggregations.results import buckets, metrics, ranges, single, terms
from protocol.rest.canonical import unsupported
from protocol.rest.places import illegal

Json = Mapping[str, Any]
Read = Callable[[str, Json, Json, Json], InternalAggregation]


def read_aggregations(body: Json, asked: Json) -> list[InternalAggregation]:
    """``asked`` are the aggregations of the request, in canonical form. Raises ElasticsearchException, KeyError, TypeError."""
    return [_one(key, result, asked) for key, result in body.items()]


def _one(key: str, result: Json, asked: Json) -> InternalAggregation:
    kind, typed, name = key.partition("#")
    if not typed:
        raise illegal(f"aggregation [{key}] is without its type: ask for typed keys")
    read = _READERS.get(kind)
    if read is None:
        raise unsupported(f"results of aggregation [{name}] of type [{kind}] that are read")
    definition = asked.get(name, {})
    parameters: Json = next((value for key, value in definition.items() if key not in ("aggs", "meta")), {})
    made = read(name, result, parameters, definition.get("aggs", {}))
    made.metadata = result.get("meta")
    return made


def _value(kind: type[InternalAggregation], attribute: str, empty: float) -> Read:
    def read(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:  # noqa: ARG001
        _unformatted(name, parameters)
        value = result["value"]
        fields: dict[str, Any] = {attribute: empty if value is None else value}
        return kind(name=name, **fields)

    return read


def _stats(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:  # noqa: ARG001
    _unformatted(name, parameters)
    low, high = result["min"], result["max"]
    return metrics.InternalStats(
        name=name,
        count=result["count"],
        sum=float(result["sum"]),
        min=math.inf if low is None else float(low),
        max=-math.inf if high is None else float(high),
    )


def _bucket(kind: type[single.InternalSingleBucket]) -> Read:
    def read(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:  # noqa: ARG001
        return kind(name=name, doc_count=result["doc_count"], aggregations=_inner(result, children))

    return read


_BESIDE = frozenset({"doc_count", "key", "key_as_string", "doc_count_error_upper_bound", "from", "to", "meta"})


def _inner(bucket: Json, children: Json) -> list[InternalAggregation]:
    return read_aggregations(
        {key: result for key, result in bucket.items() if key not in _BESIDE and not key.endswith("_as_string")}, children
    )


def _terms(kind: type[terms.MappedTerms], convert: Callable[[Any], Any]) -> Read:
    def read(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:
        _unformatted(name, parameters)
        order = order_from_rest(parameters.get("order", [{"_count": "desc"}, {"_key": "asc"}]))
        size = parameters.get("size", 10)
        made = kind(
            name=name,
            order=order,
            reduce_order=order,
            required_size=size,
            min_doc_count=parameters.get("min_doc_count", 1),
            doc_count_error=result["doc_count_error_upper_bound"],
            shard_size=max(parameters.get("shard_size", -1), size),
            show_term_doc_count_error=parameters.get("show_term_doc_count_error", False),
            other_doc_count=result["sum_other_doc_count"],
        )
        for bucket in result["buckets"]:
            if "key_as_string" in bucket:
                raise unsupported(f"aggregation [{name}] with formatted keys that are read")
            made.buckets.append(
                terms.TermsBucket(
                    term=convert(bucket["key"]),
                    doc_count=bucket["doc_count"],
                    doc_count_error=bucket.get("doc_count_error_upper_bound", 0),
                    aggregations=_inner(bucket, children),
                )
            )
        return made

    return read


def _ranges(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:
    _unformatted(name, parameters)
    keyed = isinstance(result["buckets"], Mapping)
    entries = result["buckets"].items() if keyed else [(bucket.get("key"), bucket) for bucket in result["buckets"]]
    return ranges.InternalRange(
        name=name,
        keyed=keyed,
        ranges=[
            ranges.RangeBucket(
                key=key,
                from_=float(bucket.get("from", -math.inf)),
                to=float(bucket.get("to", math.inf)),
                doc_count=bucket["doc_count"],
                aggregations=_inner(bucket, children),
            )
            for key, bucket in entries
        ],
    )


def _filters(name: str, result: Json, parameters: Json, children: Json) -> InternalAggregation:
    named = isinstance(parameters.get("filters"), Mapping)
    shown = isinstance(result["buckets"], Mapping)
    entries = result["buckets"].items() if shown else [(bucket.get("key"), bucket) for bucket in result["buckets"]]
    return buckets.InternalFilters(
        name=name,
        keyed=named,
        keyed_bucket=shown,
        buckets=[
            buckets.FiltersBucket(key=key, doc_count=bucket["doc_count"], aggregations=_inner(bucket, children))
            for key, bucket in entries
        ],
    )


def _unformatted(name: str, parameters: Json) -> None:
    if "format" in parameters:
        raise unsupported(f"aggregation [{name}] with a [format] that is read")


_READERS: dict[str, Read] = {
    "sum": _value(metrics.InternalSum, "sum", 0.0),
    "min": _value(metrics.InternalMin, "min", math.inf),
    "max": _value(metrics.InternalMax, "max", -math.inf),
    "value_count": _value(metrics.InternalValueCount, "value", 0),
    "stats": _stats,
    "filter": _bucket(single.InternalFilter),
    "global": _bucket(single.InternalGlobal),
    "missing": _bucket(single.InternalMissing),
    "nested": _bucket(single.InternalNested),
    "reverse_nested": _bucket(single.InternalReverseNested),
    "sampler": _bucket(single.InternalSampler),
    "sterms": _terms(terms.StringTerms, lambda key: str(key).encode()),
    "lterms": _terms(terms.LongTerms, int),
    "dterms": _terms(terms.DoubleTerms, float),
    "range": _ranges,
    "filters": _filters,
}
