"""Final results as REST shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from protocol.messages.aggregations.base import Bool, DocValueFormat, InternalAggregation, Raw
from protocol.messages.aggregations.results import buckets, histograms, metrics, pipeline, ranges, single, terms, top_hits
from protocol.rest import unusual_aggregations
from protocol.rest.figures import single_value, stats_values
from protocol.rest.hits import render_hits
from protocol.rest.texts import java_double, number
from protocol.rest.texts import shown as json_of
from protocol.rest.value_formats import show
from protocol.sketches import tdigest

Json = dict[str, Any]


def render(aggregations: Sequence[InternalAggregation], *, typed_keys: bool = False) -> Json:
    """The ``aggregations`` of a response. With ``typed_keys`` each name is preceded by its type, as in ``sterms#by_service``.

    Raises ElasticsearchException for results that cannot be shown, by their type.
    """
    return {
        (aggregation.typed_key if typed_keys else aggregation.name): _one(aggregation, typed_keys) for aggregation in aggregations
    }


def _one(aggregation: InternalAggregation, typed: bool) -> Json:
    for kind, shown in _RENDERERS.items():
        if isinstance(aggregation, kind):
            body = {} if aggregation.metadata is None else {"meta": aggregation.metadata}
            return body | shown(aggregation, typed)
    raise unusual_aggregations.refused(aggregation)


def _raw(format_: DocValueFormat) -> bool:
    return isinstance(format_, Raw)


def _value(aggregation: Any, _: bool) -> Json:
    value = single_value(aggregation)
    format_: DocValueFormat = getattr(aggregation, "format", Raw())
    empty = value is None or math.isnan(value) or math.isinf(value)
    if empty and not isinstance(aggregation, (metrics.InternalSum,)):
        return {"value": None}
    if isinstance(aggregation, (metrics.InternalValueCount, metrics.InternalCardinality)):
        return {"value": int(value or 0)}
    body: Json = {"value": number(value or 0.0)}
    if not _raw(format_):
        body["value_as_string"] = show(format_, value)
    return body


def _bucket_value(aggregation: pipeline.InternalBucketMetricValue, typed: bool) -> Json:
    return _value(aggregation, typed) | {"keys": list(aggregation.keys)}


def _stats(aggregation: metrics.InternalStats, _: bool) -> Json:
    values = stats_values(aggregation)
    some = aggregation.count > 0
    body: Json = {"count": aggregation.count}
    for name in ("min", "max", "avg"):
        body[name] = number(values[name]) if some else None
    body["sum"] = number(values["sum"])
    formatted = some and not _raw(aggregation.format)
    if formatted:
        body |= {f"{name}_as_string": show(aggregation.format, values[name]) for name in ("min", "max", "avg", "sum")}
    if isinstance(aggregation, metrics.InternalExtendedStats):
        names: tuple[str, ...] = ("sum_of_squares", "variance", "variance_population", "variance_sampling")
        names += ("std_deviation", "std_deviation_population", "std_deviation_sampling")
        body |= {name: number(values[name]) if some else None for name in names}
        sides = ("upper", "lower", "upper_population", "lower_population", "upper_sampling", "lower_sampling")
        body["std_deviation_bounds"] = {side: number(values[f"std_{side}"]) if some else None for side in sides}
        if formatted:
            body |= {f"{name}_as_string": show(aggregation.format, values[name]) for name in names}
            body["std_deviation_bounds_as_string"] = {side: show(aggregation.format, values[f"std_{side}"]) for side in sides}
    return body


def _percentiles(aggregation: Any, _: bool) -> Json:
    state, format_ = aggregation.state, aggregation.format
    ranks = isinstance(aggregation, metrics.InternalTDigestPercentileRanks)
    shown: list[tuple[float, Any]] = []
    for key in aggregation.keys:
        if state is None or not state.size:
            shown.append((key, None))
        else:
            shown.append((key, tdigest.cdf(state, key) * 100 if ranks else tdigest.quantile(state, key / 100)))
    values: Any
    if aggregation.keyed:
        values = {}
        for key, value in shown:
            values[java_double(key)] = value
            if value is not None and not _raw(format_):
                values[f"{java_double(key)}_as_string"] = show(format_, value)
    else:
        values = []
        for key, value in shown:
            entry: Json = {"key": key, "value": value}
            if value is not None and not _raw(format_):
                entry["value_as_string"] = show(format_, value)
            values.append(entry)
    return {"values": values}


def _percentiles_bucket(aggregation: pipeline.InternalPercentilesBucket, _: bool) -> Json:
    keyed: Json = {}
    entries: list[Json] = []
    for percent, value in zip(aggregation.percents, aggregation.percentiles, strict=True):
        key, some = java_double(percent), math.isfinite(value)
        text = {f"{key}_as_string": show(aggregation.format, value)} if some and not _raw(aggregation.format) else {}
        keyed |= {key: value if some else None} | text
        entries.append({"key": percent, "value": value if some else None} | text)
    return {"values": keyed if aggregation.keyed else entries}


def _single(aggregation: single.InternalSingleBucket, typed: bool) -> Json:
    return {"doc_count": aggregation.doc_count} | render(aggregation.aggregations, typed_keys=typed)


def _inner(bucket: Any, typed: bool) -> Json:
    return {"doc_count": bucket.doc_count} | render(bucket.aggregations, typed_keys=typed)


def _terms(aggregation: terms.MappedTerms, typed: bool) -> Json:
    format_ = aggregation.format
    shown: list[Json] = []
    for bucket in aggregation.buckets:
        entry = _term_key(format_, bucket.term) | {"doc_count": bucket.doc_count}
        if aggregation.show_term_doc_count_error:
            entry["doc_count_error_upper_bound"] = bucket.doc_count_error
        shown.append(entry | render(bucket.aggregations, typed_keys=typed))
    return {
        "doc_count_error_upper_bound": aggregation.doc_count_error,
        "sum_other_doc_count": aggregation.other_doc_count,
        "buckets": shown,
    }


def _unmapped_terms(_: terms.UnmappedTerms, __: bool) -> Json:
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}


def _term_key(format_: DocValueFormat, term: Any) -> Json:
    if isinstance(term, bytes):
        return {"key": show(format_, term)}
    return {"key": term} if _raw(format_) else {"key": term, "key_as_string": show(format_, term)}


def _significant(aggregation: terms.SignificantStringTerms | terms.SignificantLongTerms, typed: bool) -> Json:
    shown: list[Json] = []
    for bucket in aggregation.buckets:
        if bucket.subset_df < aggregation.min_doc_count:
            # What one shard sends that nobody has reduced may hold such.
            continue
        key = _term_key(aggregation.format, bucket.term)
        if isinstance(aggregation.format, Bool):
            # Unlike other aggregations this one shows the text as a boolean.
            key["key_as_string"] = bool(bucket.term)
        numbers = {"doc_count": bucket.subset_df, "score": number(bucket.score), "bg_count": bucket.superset_df}
        shown.append(key | numbers | render(bucket.aggregations, typed_keys=typed))
    return {"doc_count": aggregation.subset_size, "bg_count": aggregation.superset_size, "buckets": shown}


def _rare(aggregation: terms.StringRareTerms | terms.LongRareTerms, typed: bool) -> Json:
    return {"buckets": [_term_key(aggregation.format, bucket.term) | _inner(bucket, typed) for bucket in aggregation.buckets]}


def _no_buckets(_: InternalAggregation, __: bool) -> Json:
    return {"buckets": []}


def _keyed(entries: list[tuple[str, Json]], keyed: bool) -> Json:
    return {"buckets": dict(entries) if keyed else [entry for _, entry in entries]}


def _histogram(aggregation: histograms.InternalHistogram | histograms.InternalDateHistogram, typed: bool) -> Json:
    entries: list[tuple[str, Json]] = []
    for bucket in aggregation.buckets:
        text = show(aggregation.format, bucket.key)
        entry: Json = {} if _raw(aggregation.format) else {"key_as_string": text}
        entries.append((text, entry | {"key": bucket.key} | _inner(bucket, typed)))
    return _keyed(entries, aggregation.keyed)


def _ranges(aggregation: ranges.InternalRange, typed: bool) -> Json:
    entries: list[tuple[str, Json]] = []
    format_ = aggregation.format
    for bucket in aggregation.ranges:
        low = None if math.isinf(bucket.from_) else bucket.from_
        high = None if math.isinf(bucket.to) else bucket.to
        texts = ["*" if bound is None else show(format_, bound) for bound in (low, high)]
        key = bucket.key if bucket.key is not None else "-".join(texts)
        entry: Json = {} if aggregation.keyed else {"key": key}
        for side, bound, text in (("from", low, texts[0]), ("to", high, texts[1])):
            if bound is not None:
                entry[side] = bound
                if not _raw(format_):
                    entry[f"{side}_as_string"] = text
        entries.append((key, entry | _inner(bucket, typed)))
    return _keyed(entries, aggregation.keyed)


def _ip_ranges(aggregation: ranges.InternalBinaryRange, typed: bool) -> Json:
    entries: list[tuple[str, Json]] = []
    for bucket in aggregation.buckets:
        texts = ["*" if bound is None else show(aggregation.format, bound) for bound in (bucket.from_, bucket.to)]
        key = bucket.key if bucket.key is not None else "-".join(texts)
        entry: Json = {} if aggregation.keyed else {"key": key}
        if bucket.from_ is not None:
            entry["from"] = texts[0]
        if bucket.to is not None:
            entry["to"] = texts[1]
        entries.append((key, entry | _inner(bucket, typed)))
    return _keyed(entries, aggregation.keyed)


def _filters(aggregation: buckets.InternalFilters, typed: bool) -> Json:
    if not aggregation.keyed:
        return {"buckets": [_inner(bucket, typed) for bucket in aggregation.buckets]}
    if not aggregation.keyed_bucket:
        return {"buckets": [{"key": bucket.key} | _inner(bucket, typed) for bucket in aggregation.buckets]}
    return {"buckets": {bucket.key: _inner(bucket, typed) for bucket in aggregation.buckets}}


def _composite(aggregation: buckets.InternalComposite, typed: bool) -> Json:
    def shown(key: tuple[Any, ...]) -> Json:
        return {source.name: _key_part(source.format, value) for source, value in zip(aggregation.sources, key, strict=True)}

    body: Json = {} if aggregation.after_key is None else {"after_key": shown(aggregation.after_key)}
    body["buckets"] = [{"key": shown(bucket.key)} | _inner(bucket, typed) for bucket in aggregation.buckets]
    return body


def _key_part(format_: DocValueFormat, value: Any) -> Any:
    if value is None or (_raw(format_) and not isinstance(value, bytes)):
        return json_of(value)
    return bool(value) if isinstance(format_, Bool) else show(format_, value)


def _top_hits(aggregation: top_hits.InternalTopHits, _: bool) -> Json:
    return {"hits": render_hits(aggregation.search_hits)}


def _with_inner(shown: Callable[[Any, unusual_aggregations.Inner], Json]) -> Callable[[Any, bool], Json]:
    return lambda aggregation, typed: shown(aggregation, lambda bucket: _inner(bucket, typed))


def _derivative(aggregation: pipeline.InternalDerivative, typed: bool) -> Json:
    return unusual_aggregations.derivative(aggregation, _value(aggregation, typed))


_RENDERERS: dict[type[InternalAggregation], Callable[[Any, bool], Json]] = {
    metrics.InternalStats: _stats,
    metrics.InternalAvg: _value,
    metrics.InternalSum: _value,
    metrics.InternalMin: _value,
    metrics.InternalMax: _value,
    metrics.InternalValueCount: _value,
    metrics.InternalWeightedAvg: _value,
    metrics.InternalCardinality: _value,
    metrics.InternalMedianAbsoluteDeviation: _value,
    metrics.InternalTDigestPercentiles: _percentiles,
    metrics.InternalTDigestPercentileRanks: _percentiles,
    metrics.InternalGeoBounds: lambda found, _: unusual_aggregations.geo_bounds(found),
    metrics.InternalGeoCentroid: lambda found, _: unusual_aggregations.geo_centroid(found),
    pipeline.InternalDerivative: _derivative,
    pipeline.InternalSimpleValue: _value,
    pipeline.InternalBucketMetricValue: _bucket_value,
    pipeline.InternalPercentilesBucket: _percentiles_bucket,
    single.InternalRandomSampler: _with_inner(unusual_aggregations.random_sampler),
    single.InternalSingleBucket: _single,
    terms.MappedTerms: _terms,
    terms.UnmappedTerms: _unmapped_terms,
    terms.MappedSignificantTerms: _significant,
    terms.UnmappedSignificantTerms: _no_buckets,
    terms.StringRareTerms: _rare,
    terms.LongRareTerms: _rare,
    terms.UnmappedRareTerms: _no_buckets,
    histograms.InternalAutoDateHistogram: _with_inner(unusual_aggregations.auto_date_histogram),
    histograms.InternalVariableWidthHistogram: _with_inner(unusual_aggregations.variable_width_histogram),
    histograms.InternalHistogram: _histogram,
    histograms.InternalDateHistogram: _histogram,
    ranges.InternalRange: _ranges,
    ranges.InternalBinaryRange: _ip_ranges,
    buckets.InternalFilters: _filters,
    buckets.InternalAdjacencyMatrix: _with_inner(unusual_aggregations.adjacency_matrix),
    buckets.InternalIpPrefix: _with_inner(unusual_aggregations.ip_prefix),
    buckets.InternalGeoGrid: _with_inner(unusual_aggregations.geo_grid),
    buckets.InternalMultiTerms: _with_inner(unusual_aggregations.multi_terms),
    buckets.InternalComposite: _composite,
    top_hits.InternalTopHits: _top_hits,
}
