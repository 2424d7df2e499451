"""Which indices and which fields there are: field_caps, _resolve/index, _resolve/cluster and the statistics of a cluster, in REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.field_caps import FieldCaps, FieldCapsRequest, FieldCapsResponse, MetricType
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import (
    ResolveClusterRequest,
    ResolveClusterResponse,
    ResolvedAlias,
    ResolvedDataStream,
    ResolvedIndex,
    ResolveIndexRequest,
    ResolveIndexResponse,
)
from protocol.messages.stats import RemoteClusterStatsRequest, RemoteClusterStatsResponse
from protocol.rest import canonical
from protocol.rest.calls import Call, members, options_params, text_params
from protocol.rest.parameters import Given, Parameters
from protocol.rest.places import illegal
from protocol.rest.search_request import invalid

Json = dict[str, Any]

FIELD_CAPS_OPTIONS = IndicesOptions(ignore_throttled=False)
"""``strictExpandOpenAndForbidClosed``"""

_LISTS = ("non_searchable_indices", "non_aggregatable_indices", "non_dimension_indices", "metric_conflicts_indices")


def field_caps_request(call: Call) -> FieldCapsRequest:
    """``GET /{index}/_field_caps``"""
    params = Parameters(call.params, f"{call.path}/_field_caps")
    body, place = call.parsed()
    request = FieldCapsRequest(fields=[], indices=list(call.indices), options=params.indices_options(FIELD_CAPS_OPTIONS))
    request.include_unmapped = params.flag("include_unmapped", False)
    request.include_empty_fields = params.flag("include_empty_fields", True)
    request.filters = params.names("filters") or []
    request.types = params.names("types") or []
    members(body, place, "field_caps_request", ("index_filter", "runtime_mappings", "fields"))
    if "index_filter" in body:
        request.index_filter = canonical.query(body["index_filter"], place.at("index_filter"))
    if body.get("runtime_mappings"):
        raise canonical.unsupported("[runtime_mappings]")
    given = body.get("fields", [])
    request.fields = [given] if isinstance(given, str) else list(given)
    named = params.names("fields")
    if named is not None:
        if request.fields:
            raise illegal(
                "can't specify a request body and [fields] request parameter, either specify a request body or the [fields] "
                "request parameter"
            )
        request.fields = named
    params.finish()
    if not request.fields:
        raise invalid("no fields specified")
    return request


def field_caps_call(request: FieldCapsRequest) -> Call:
    params = text_params(
        include_unmapped=True if request.include_unmapped else None,
        include_empty_fields=None if request.include_empty_fields else False,
        filters=request.filters or None,
        types=request.types or None,
        fields=request.fields,
    )
    body = {} if request.index_filter is None else {"index_filter": request.index_filter}
    return Call(request.indices, params | options_params(request.options, FIELD_CAPS_OPTIONS), body)


def show_field_caps(response: FieldCapsResponse, params: Given) -> Json:  # noqa: ARG001 - the form of all
    if response.index_responses:
        raise ElasticsearchException("illegal_state_exception", "cannot serialize non-merged response")
    shown: Json = {
        "indices": list(response.indices),
        "fields": {name: {kind: _field(caps) for kind, caps in by_type.items()} for name, by_type in response.fields.items()},
    }
    if response.failures:
        shown["failed_indices"] = len({index for failure in response.failures for index in failure.indices})
        shown["failures"] = [
            {"indices": list(each.indices), "failure": {"error": rest_error(each.exception)["error"]}}
            for each in response.failures
        ]
    return shown


def _field(caps: FieldCaps) -> Json:
    shown: Json = {
        "type": caps.type,
        "metadata_field": caps.metadata_field,
        "searchable": caps.searchable,
        "aggregatable": caps.aggregatable,
    }
    if caps.dimension:
        shown["time_series_dimension"] = True
    if caps.metric is not None:
        shown["time_series_metric"] = caps.metric.name.lower()
    for name in ("indices", *_LISTS):
        if (listed := getattr(caps, name)) is not None:
            shown[name] = list(listed)
    if caps.meta:
        shown["meta"] = {name: sorted(values) for name, values in sorted(caps.meta.items())}
    return shown


def read_field_caps(body: Mapping[str, Any]) -> FieldCapsResponse:
    """A merged answer. Failures have no form to be read from."""
    if body.get("failures"):
        raise canonical.unsupported("[failures] of a field_caps response that is read")
    return FieldCapsResponse(
        indices=list(body["indices"]),
        fields={
            name: {kind: _read_field(name, caps) for kind, caps in by_type.items()} for name, by_type in body["fields"].items()
        },
    )


def _read_field(name: str, caps: Mapping[str, Any]) -> FieldCaps:
    metric = caps.get("time_series_metric")
    return FieldCaps(
        name=name,
        type=caps["type"],
        metadata_field=caps.get("metadata_field", False),
        searchable=caps["searchable"],
        aggregatable=caps["aggregatable"],
        dimension=caps.get("time_series_dimension", False),
        metric=None if metric is None else MetricType[metric.upper()],
        meta={key: list(values) for key, values in caps.get("meta", {}).items()},
        **{each: list(caps[each]) for each in ("indices", *_LISTS) if each in caps},
    )


def resolve_index_request(call: Call) -> ResolveIndexRequest:
    """``GET /_resolve/index/{name}``"""
    params = Parameters(call.params, f"/_resolve/index/{','.join(call.indices)}")
    options = params.indices_options(IndicesOptions.STRICT_EXPAND_OPEN)
    params.finish()
    return ResolveIndexRequest(names=list(call.indices), options=options)


def resolve_index_call(request: ResolveIndexRequest) -> Call:
    return Call(request.names, options_params(request.options, IndicesOptions.STRICT_EXPAND_OPEN))


def show_resolve_index(response: ResolveIndexResponse, params: Given) -> Json:  # noqa: ARG001
    return {
        "indices": [
            {
                "name": index.name,
                **({"aliases": list(index.aliases)} if index.aliases else {}),
                "attributes": list(index.attributes),
                **({"data_stream": index.data_stream} if index.data_stream else {}),
            }
            for index in response.indices
        ],
        "aliases": [
            {"name": alias.name, **({"indices": list(alias.indices)} if alias.indices else {})} for alias in response.aliases
        ],
        "data_streams": [
            {"name": stream.name, "backing_indices": list(stream.backing_indices), "timestamp_field": stream.timestamp_field}
            for stream in response.data_streams
        ],
    }


def read_resolve_index(body: Mapping[str, Any]) -> ResolveIndexResponse:
    """Raises KeyError, TypeError for a body of another form; :mod:`protocol.rest.forms` refuses it."""
    return ResolveIndexResponse(
        indices=[
            ResolvedIndex(
                name=each["name"],
                aliases=list(each.get("aliases", [])),
                attributes=list(each["attributes"]),
                data_stream=each.get("data_stream"),
            )
            for each in body["indices"]
        ],
        aliases=[ResolvedAlias(name=each["name"], indices=list(each.get("indices", []))) for each in body["aliases"]],
        data_streams=[
            ResolvedDataStream(
                name=each["name"], backing_indices=list(each["backing_indices"]), timestamp_field=each["timestamp_field"]
            )
            for each in body["data_streams"]
        ],
    )


def resolve_cluster_request(call: Call) -> ResolveClusterRequest:
    """``GET /_resolve/cluster/{name}``, asked of one cluster about itself."""
    params = Parameters(call.params, f"/_resolve/cluster/{','.join(call.indices)}")
    options = params.indices_options(IndicesOptions.STRICT_EXPAND_OPEN)
    timeout = params.time("timeout")
    params.finish()
    return ResolveClusterRequest(names=list(call.indices), options=options, cluster_info_only=not call.indices, timeout=timeout)


def resolve_cluster_call(request: ResolveClusterRequest) -> Call:
    return Call(request.names, options_params(request.options, IndicesOptions.STRICT_EXPAND_OPEN))


def show_resolve_cluster(response: ResolveClusterResponse, params: Given) -> Json:  # noqa: ARG001
    shown: Json = {}
    for alias, info in response.clusters.items():
        entry: Json = {"connected": info.connected, "skip_unavailable": info.skip_unavailable}
        if info.error is not None:
            entry["error"] = info.error
        if info.matching_indices is not None:
            entry["matching_indices"] = info.matching_indices
        if info.build is not None:
            build = info.build
            entry["version"] = {
                "number": build.version if build.qualifier is None else f"{build.version}-{build.qualifier}",
                "build_flavor": build.flavor,
                "minimum_wire_compatibility_version": build.min_wire_compatibility,
                "minimum_index_compatibility_version": build.min_index_compatibility,
            }
        shown[alias or "(local)"] = entry
    return shown


def stats_request(call: Call) -> Any:
    Parameters(call.params, "/_cluster/stats").finish()
    return RemoteClusterStatsRequest()


def stats_call(_: Any) -> Call:
    return Call()


def show_stats(response: RemoteClusterStatsResponse, params: Given) -> Json:  # noqa: ARG001
    """One entry of ``ccs.clusters`` of ``_cluster/stats?include_remotes``, without what the asking side adds."""
    return {
        "cluster_uuid": response.cluster_uuid,
        "status": response.status.name.lower(),
        "version": list(response.versions),
        "nodes_count": response.nodes,
        "shards_count": response.shards,
        "indices_count": response.indices,
        "indices_total_size_in_bytes": response.indices_size,
        "max_heap_in_bytes": response.max_heap,
        "mem_total_in_bytes": response.memory,
    }
