"""Results of the rarer aggregations as REST shows them: places, prefixes of addresses, terms of several fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import Bool, InternalAggregation, Raw
from protocol.messages.aggregations.results import buckets, histograms, metrics, pipeline, single
from protocol.rest.texts import address_text, number
from protocol.rest.value_formats import show

Json = dict[str, Any]
Inner = Callable[[Any], Json]
"""A bucket's count and what is below it."""

_BASE32 = "0123456789bcdefghjkmnpqrstuvwxyz"


def geo_bounds(found: metrics.InternalGeoBounds) -> Json:
    """The box; where points lie on both sides of the date line, the narrower of two."""
    if math.isinf(found.top):
        return {}
    if math.isinf(found.pos_left):
        left, right = found.neg_left, found.neg_right
    elif math.isinf(found.neg_left):
        left, right = found.pos_left, found.pos_right
    else:
        across = (180 - found.pos_left) - (-180 - found.neg_right)
        wraps = found.wrap_longitude and found.pos_right - found.neg_left > across
        left, right = (found.pos_left, found.neg_right) if wraps else (found.neg_left, found.pos_right)
    return {"bounds": {"top_left": {"lat": found.top, "lon": left}, "bottom_right": {"lat": found.bottom, "lon": right}}}


def geo_centroid(found: metrics.InternalGeoCentroid) -> Json:
    where = {} if found.centroid is None else {"location": {"lat": found.centroid.lat, "lon": found.centroid.lon}}
    return where | {"count": found.count}


def derivative(found: pipeline.InternalDerivative, value: Json) -> Json:
    """The value per unit of the key stands beside the value."""
    if not found.normalization_factor:
        return value
    normal = found.value / found.normalization_factor
    shown: Json = {"normalized_value": number(normal)}
    if not isinstance(found.format, Raw):
        shown["normalized_value_as_string"] = show(found.format, normal)
    return value | shown


def auto_date_histogram(found: histograms.InternalAutoDateHistogram, inner: Inner) -> Json:
    rounding = found.bucket_info.roundings[found.bucket_info.rounding_idx]
    raw = isinstance(found.format, Raw)
    shown = [
        ({} if raw else {"key_as_string": show(found.format, bucket.key)}) | {"key": bucket.key} | inner(bucket)
        for bucket in found.buckets
    ]
    return {"buckets": shown, "interval": f"{found.bucket_inner_interval}{rounding.unit_abbreviation}"}


def variable_width_histogram(found: histograms.InternalVariableWidthHistogram, inner: Inner) -> Json:
    shown: list[Json] = []
    for bucket in found.buckets:
        entry: Json = {}
        for name, value in (("min", bucket.min), ("key", bucket.centroid), ("max", bucket.max)):
            entry[name] = number(value)
            if not isinstance(found.format, Raw):
                entry[f"{name}_as_string"] = show(found.format, value)
        shown.append(entry | inner(bucket))
    return {"buckets": shown}


def adjacency_matrix(found: buckets.InternalAdjacencyMatrix, inner: Inner) -> Json:
    return {"buckets": [{"key": bucket.key} | inner(bucket) for bucket in found.buckets]}


def random_sampler(found: single.InternalRandomSampler, inner: Inner) -> Json:
    seed = {} if found.shard_seed is None else {"shard_seed": found.shard_seed}
    return {"seed": found.seed, **seed, "probability": found.probability} | inner(found)


def ip_prefix(found: buckets.InternalIpPrefix, inner: Inner) -> Json:
    entries: list[tuple[str, Json]] = []
    for bucket in found.buckets:
        key = address_text(bucket.key) + (f"/{bucket.prefix_length}" if bucket.append_prefix_length else "")
        entry: Json = {} if found.keyed else {"key": key}
        if not bucket.is_ipv6:
            entry["netmask"] = _netmask(bucket.prefix_length)
        count = inner(bucket)
        entry["doc_count"] = count.pop("doc_count")
        entries.append((key, entry | {"is_ipv6": bucket.is_ipv6, "prefix_length": bucket.prefix_length} | count))
    return {"buckets": dict(entries) if found.keyed else [entry for _, entry in entries]}


def multi_terms(found: buckets.InternalMultiTerms, inner: Inner) -> Json:
    shown: list[Json] = []
    for bucket in found.buckets:
        keys = []
        for format_, converter, term in zip(found.formats, found.key_converters, bucket.terms, strict=True):
            plain = isinstance(format_, Raw) and not isinstance(term, bytes)
            if converter is buckets.KeyConverter.UNSIGNED_LONG and plain:
                term += 1 << 63
            keys.append((term, show(format_, term)) if plain else (_shown_term(format_, term), show(format_, term)))
        entry: Json = {"key": [key for key, _ in keys], "key_as_string": "|".join(text for _, text in keys)}
        count = inner(bucket)
        entry["doc_count"] = count.pop("doc_count")
        if found.show_term_doc_count_error:
            entry["doc_count_error_upper_bound"] = bucket.doc_count_error
        shown.append(entry | count)
    return {
        "doc_count_error_upper_bound": found.doc_count_error,
        "sum_other_doc_count": found.other_doc_count,
        "buckets": shown,
    }


def _shown_term(format_: Any, term: Any) -> Any:
    return bool(term) if isinstance(format_, Bool) else show(format_, term)


def geo_grid(found: buckets.InternalGeoGrid, inner: Inner) -> Json:
    name = _geohash if isinstance(found, buckets.InternalGeoHashGrid) else _geotile
    return {"buckets": [{"key": name(bucket.hash_as_long)} | inner(bucket) for bucket in found.buckets]}


def _geohash(encoded: int) -> str:
    """A cell: its precision in the low four bits, above it five bits for each letter."""
    level, rest = encoded & 15, (encoded & (1 << 64) - 1) >> 4
    letters = [_BASE32[rest >> 5 * place & 31] for place in range(level)]
    return "".join(reversed(letters))


def _geotile(encoded: int) -> str:
    """A tile: its zoom in the high six bits, then 29 bits each for x and y."""
    unsigned = encoded & (1 << 64) - 1
    return f"{unsigned >> 58}/{unsigned >> 29 & (1 << 29) - 1}/{unsigned & (1 << 29) - 1}"


def _netmask(prefix: int) -> str:
    return address_text(b"\0" * 10 + b"\xff\xff" + (((1 << 32) - 1) >> (32 - prefix) << (32 - prefix)).to_bytes(4, "big"))


def refused(found: InternalAggregation) -> ElasticsearchException:
    """Results that cannot be shown, by their type."""
    return ElasticsearchException(
        "illegal_argument_exception", f"results of aggregation [{found.wire_name}] cannot be shown", status=400
    )
