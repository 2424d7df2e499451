"""Aggregations of a search's body, in the form that the declared builders have."""

from __future__ import annotations

import re
import typing
from typing import Any

from protocol.errors import UnsupportedError
from protocol.messages.aggregations.builders.base import AggregationBuilder, Builder, PipelineAggregationBuilder
from protocol.rest import canonical
from protocol.rest.places import KEY, Place, illegal, suggestion, token_of

Json = dict[str, Any]

MAX_DEPTH = 100
"""How deep Elasticsearch lets aggregations nest."""

_NAME = re.compile(r"[^\[\]>]+")


def aggregations(body: Any, place: Place, depth: int = 0) -> Json:
    """``{name: {type: {parameters}, "aggs": {…}, "meta": {…}}}``. Raises ElasticsearchException."""
    return {name: _aggregation(name, definition, place.at(name), depth) for name, definition in body.items()}


def _aggregation(name: str, definition: Any, place: Place, depth: int) -> Json:
    if not _NAME.fullmatch(name):
        raise place.parsing(
            f"Invalid aggregation name [{name}]. Aggregation names can contain any character except '[', ']', and '>'", KEY
        )
    if depth >= MAX_DEPTH:
        raise place.parsing(
            f"The nested depth of the aggregations exceeds the maximum nested depth for aggregations of [{MAX_DEPTH}]", KEY
        )
    if not isinstance(definition, dict):
        raise place.parsing(
            f"Aggregation definition for [{name} starts with a [{token_of(definition)}], expected a [START_OBJECT]."
        )
    found: Json = {}
    kind, meta, children = "", None, None
    for key, given in definition.items():
        inner = place.at(key)
        if not isinstance(given, dict):
            raise inner.parsing(f"Expected [START_OBJECT] under [{key}], but got a [{token_of(given)}] in [{name}]")
        if key == "meta":
            meta = given
        elif key in ("aggs", "aggregations"):
            if children is not None:
                raise inner.parsing(f"Found two sub aggregation definitions under [{name}]")
            children = aggregations(given, inner, depth + 1)
        elif kind:
            raise inner.parsing(f"Found two aggregation type definitions in [{name}]: [{kind}] and [{key}]")
        else:
            kind, found = key, _parameters(key, given, inner)
    if not kind:
        raise place.parsing(f"Missing definition for aggregation [{name}]", "end")
    if meta is not None:
        found["meta"] = meta
    if children and (kind in METRICS or kind == "top_hits"):
        raise illegal(f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations")
    if children and kind in PipelineAggregationBuilder._named:
        raise illegal(f"Aggregation [{name}] cannot define sub-aggregations")
    if children:
        found["aggs"] = children
    return found


def _parameters(kind: str, parameters: Json, place: Place) -> Json:
    declared = typing.cast(
        "type[Builder] | None", AggregationBuilder._named.get(kind) or PipelineAggregationBuilder._named.get(kind)
    )
    if declared is None:
        if kind in UNSUPPORTED_AGGREGATIONS:
            raise canonical.unsupported(f"aggregation [{kind}]")
        names = {*AggregationBuilder._named, *PipelineAggregationBuilder._named, *UNSUPPORTED_AGGREGATIONS}
        raise place.parsing(f"Unknown aggregation type [{kind}]{suggestion(kind, names)}", cause=place.unknown_name(kind))
    if kind == "filter":
        return {kind: canonical.query(parameters, place)}
    for name in parameters:
        if "script" in name:
            raise canonical.unsupported(f"[{name}]")
    if kind in ("filters", "adjacency_matrix") and "filters" in parameters:
        parameters = parameters | {"filters": _filters(parameters["filters"], place.at("filters"))}
    parser = None if kind in _OTHER_PARSERS or kind in PipelineAggregationBuilder._named else kind
    if parser is not None:
        beside = [name for names in declared.alternatives.values() for name in names] + list(_TAKEN.get(kind, ()))
        canonical.check_object(declared, parser, parameters, place, beside, declared.alternatives)
    for name, least in _LEAST.get(kind, {}).items():
        value = parameters.get(name)
        if isinstance(value, int) and value < least:
            below = f"[{_SHOWN.get(name, name)}] must be greater than {'or equal to 0' if not least else '0'}"
            raise place.at(name).failed(kind, name, illegal(f"{below}. Found [{value}] in [{place.path[-2]}]"))
    if parser is None:
        _check_others(declared, kind, parameters, place)
    try:
        builder = declared.from_rest(parameters)
    except UnsupportedError as error:
        raise canonical.unsupported(error.feature) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise place.parsing(str(error)) from None
    canonical.convert_fields(builder, parameters, place, parser=parser)
    canonical.check(builder, place)
    return {kind: builder.to_rest()}


def _check_others(declared: type[Builder], kind: str, parameters: Json, place: Place) -> None:
    """What the parsers that are no ObjectParser say."""
    members = {member.name: member for member in declared.members()}
    if kind in PipelineAggregationBuilder._named:
        for name, member in members.items():
            if member.required and name not in parameters:
                raise place.parsing(f"Missing required field [{name}] for aggregation [{place.path[-2]}]", "end")
    if kind == "top_hits":
        for name, value in parameters.items():
            if name not in members:
                raise place.at(name).parsing(f"Unknown key for a {token_of(value)} in [{name}].")


def _filters(filters: Any, place: Place) -> Any:
    if isinstance(filters, dict):
        return {name: canonical.query(each, place.at(name)) for name, each in filters.items()}
    if isinstance(filters, list):
        return [canonical.query(each, place.at(index)) for index, each in enumerate(filters)]
    return filters


_OTHER_PARSERS = frozenset(
    {"filters", "adjacency_matrix", "top_hits", "global", "nested", "reverse_nested", "sampler", "random_sampler", "multi_terms"}
)
_TAKEN: dict[str, tuple[str, ...]] = {
    "rare_terms": ("precision",),
    "variable_width_histogram": ("shard_size", "initial_buffer"),
    "cardinality": ("rehash",),
    **dict.fromkeys(("avg", "sum", "min", "max", "stats", "extended_stats"), ()),
}
"""Parameters that Elasticsearch takes and does not send on, or that stand for others."""

_SIZES = {"size": 1, "shard_size": 1, "min_doc_count": 0, "shard_min_doc_count": 0}
_LEAST: dict[str, dict[str, int]] = {
    **dict.fromkeys(("terms", "significant_terms", "significant_text"), _SIZES),
    "cardinality": {"precision_threshold": 0},
}
_SHOWN = {"precision_threshold": "precisionThreshold", "shard_size": "shardSize", "min_doc_count": "minDocCount"} | {
    "shard_min_doc_count": "shardMinDocCount"
}

METRICS = frozenset(
    {
        *("avg", "sum", "min", "max", "stats", "extended_stats", "value_count", "cardinality", "percentiles", "percentile_ranks"),
        *("median_absolute_deviation", "weighted_avg", "geo_bounds", "geo_centroid"),
    }
)
"""Aggregations that have no buckets."""

UNSUPPORTED_AGGREGATIONS = frozenset(
    {
        *("boxplot", "categorize_text", "change_point", "correlation", "counted_terms", "frequent_item_sets", "geohash_grid"),
        *("geohex_grid", "geotile_grid", "geo_distance", "geo_line", "inference", "matrix_stats", "moving_fn", "normalize"),
        *("moving_percentiles", "rate", "scripted_metric", "string_stats", "time_series", "top_metrics", "t_test"),
        *("bucket_script", "bucket_selector", "bucket_count_ks_test", "bucket_correlation", "cumulative_cardinality"),
        *("children", "parent", "ip_prefix", "adjacency_matrix"),
    }
)
"""Aggregations of Elasticsearch that are not declared here."""
