"""Which indices and fields remote clusters have: ``_resolve/index``, ``_resolve/cluster``, ``_field_caps``, each over several of them.

Names get the alias of their cluster in front. Source: ``ResolveIndexAction``, ``TransportResolveClusterAction`` and
``TransportFieldCapabilitiesAction`` of 8.19.21.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from gateway.client.asking import Answers, ask_all, required
from gateway.client.expressions import group
from gateway.client.remote import Caller, Remotes
from protocol.errors import ElasticsearchException
from protocol.exceptions import java_class, unwrap
from protocol.messages.field_caps import (
    FIELD_CAPS,
    FieldCaps,
    FieldCapsFailure,
    FieldCapsRequest,
    FieldCapsResponse,
    IndexFieldCaps,
    IndexResponse,
    MetricType,
)
from protocol.messages.resolve import (
    RESOLVE_CLUSTER,
    RESOLVE_INDEX,
    ResolveClusterInfo,
    ResolveClusterRequest,
    ResolveClusterResponse,
    ResolveIndexRequest,
    ResolveIndexResponse,
)

UNAVAILABLE = frozenset(
    {
        "connect_transport_exception",
        "node_disconnected_exception",
        "node_not_connected_exception",
        "no_such_remote_cluster_exception",
        "no_seed_node_left_exception",
    }
)
"""The errors that say that a remote cluster cannot be reached (``ExceptionsHelper.isRemoteUnavailableException``)."""


async def resolve_index(remotes: Remotes, caller: Caller, request: ResolveIndexRequest) -> ResolveIndexResponse:
    """In order of aliases."""
    groups = group(request.names, remotes)
    answers = await ask_all(
        remotes, caller, RESOLVE_INDEX, groups, lambda _, names: replace(request, names=names), ResolveIndexResponse
    )
    came = required(remotes, RESOLVE_INDEX, answers)
    merged = ResolveIndexResponse()
    for alias in sorted(came):
        found = came[alias]
        merged.indices += [replace(each, name=f"{alias}:{each.name}") for each in found.indices]
        merged.aliases += [replace(each, name=f"{alias}:{each.name}") for each in found.aliases]
        merged.data_streams += [replace(each, name=f"{alias}:{each.name}") for each in found.data_streams]
    return merged


async def resolve_cluster(remotes: Remotes, caller: Caller, request: ResolveClusterRequest) -> ResolveClusterResponse:
    """What each says of itself, or why it says nothing; without names, of all of them."""
    only_info = request.cluster_info_only
    groups = {alias: ["dummy*"] for alias in remotes} if only_info else group(request.names, remotes)
    if request.timeout is not None:
        caller = replace(caller, timeout=min(caller.timeout, request.timeout.seconds))
    answers = await ask_all(
        remotes,
        caller,
        RESOLVE_CLUSTER,
        groups,
        lambda _, names: replace(request, names=names, querying_cluster=False, timeout=None),
        ResolveClusterResponse,
    )
    clusters: dict[str, ResolveClusterInfo] = {}
    for alias in groups:
        skip = remotes[alias].skip_unavailable
        if alias in answers.failed:
            clusters[alias] = _failed(answers.failed[alias], skip_unavailable=skip)
        elif (info := answers.came[alias].clusters.get("")) is not None:
            clusters[alias] = replace(info, skip_unavailable=skip, matching_indices=None if only_info else info.matching_indices)
    return ResolveClusterResponse(clusters=clusters)


def _failed(error: ElasticsearchException, *, skip_unavailable: bool) -> ResolveClusterInfo:
    shown = unwrap(error)
    info = ResolveClusterInfo(connected=False, skip_unavailable=skip_unavailable)
    if shown.type == "receive_timeout_transport_exception":
        info.error = "Request timed out before receiving a response from the remote cluster"
    elif shown.type == "index_not_found_exception":
        info.connected, info.error = True, shown.reason
    elif shown.type == "security_exception":
        info.error = shown.reason
    elif shown.type not in UNAVAILABLE:
        info.error = f"{java_class(shown)}: {shown.reason}"
    return info


async def field_caps(remotes: Remotes, caller: Caller, request: FieldCapsRequest) -> FieldCapsResponse:
    """Merged over all indices of all clusters, as ``include_unmapped`` says. Raises the first failure where no index has answered."""
    groups = group(request.indices, remotes)
    now = time.time_ns() // 1_000_000 if request.now is None else request.now

    def part(alias: str, indices: list[str]) -> FieldCapsRequest:
        return replace(request, indices=indices, merge_results=False, include_unmapped=False, now=now, cluster_alias=alias)

    answers = await ask_all(remotes, caller, FIELD_CAPS, groups, part, FieldCapsResponse)
    by_index = {f"{alias}:{each.index}": each for alias, answer in answers.came.items() for each in answer.index_responses}
    failures = _failures(groups.items(), answers, by_index)
    if not by_index and failures:
        raise failures[0].exception
    return merge_field_caps(by_index, failures, include_unmapped=request.include_unmapped)


def _failures(
    groups: Iterable[tuple[str, list[str]]], answers: Answers[FieldCapsResponse], by_index: dict[str, IndexResponse]
) -> list[FieldCapsFailure]:
    """One for each cause, with the indices that have no other answer."""
    causes: dict[str, ElasticsearchException] = {}
    for alias, names in groups:
        if alias in answers.failed:
            for name in names:
                causes.setdefault(f"{alias}:{name}", answers.failed[alias])
            continue
        for failure in answers.came[alias].failures:
            for name in failure.indices:
                causes.setdefault(f"{alias}:{name}", failure.exception)
    grouped: dict[tuple[str, str | None], FieldCapsFailure] = {}
    for index, error in causes.items():
        if index not in by_index:
            cause = unwrap(error)
            grouped.setdefault((cause.type, cause.reason), FieldCapsFailure(indices=[], exception=error)).indices.append(index)
    return list(grouped.values())


@dataclass(slots=True)
class _Field:
    """One field of one type, over the indices that have it, in order."""

    places: list[tuple[str, IndexFieldCaps]] = field(default_factory=list)

    def caps(self, name: str, kind: str, *, with_indices: bool) -> FieldCaps:
        """A list of indices is there where they differ."""
        every = [index for index, _ in self.places]
        metrics = {caps.metric for _, caps in self.places}
        meta: dict[str, set[str]] = {}
        for _, caps in self.places:
            for key, value in caps.meta.items():
                meta.setdefault(key, set()).add(value)
        return FieldCaps(
            name=name,
            type=kind,
            metadata_field=any(caps.metadata_field for _, caps in self.places),
            searchable=all(caps.searchable for _, caps in self.places),
            aggregatable=all(caps.aggregatable for _, caps in self.places),
            dimension=all(caps.dimension for _, caps in self.places),
            metric=_metric(metrics),
            indices=every if with_indices else None,
            non_searchable_indices=self._without(lambda caps: caps.searchable),
            non_aggregatable_indices=self._without(lambda caps: caps.aggregatable),
            non_dimension_indices=self._without(lambda caps: caps.dimension),
            metric_conflicts_indices=every if len(metrics) > 1 else None,
            meta={key: sorted(values) for key, values in meta.items()},
        )

    def _without(self, holds: Callable[[IndexFieldCaps], bool]) -> list[str] | None:
        """Where it does not hold, if it holds elsewhere."""
        names = [index for index, caps in self.places if not holds(caps)]
        return names if 0 < len(names) < len(self.places) else None


def _metric(metrics: set[MetricType | None]) -> MetricType | None:
    return next(iter(metrics)) if len(metrics) == 1 else None


def merge_field_caps(
    by_index: dict[str, IndexResponse], failures: Sequence[FieldCapsFailure], *, include_unmapped: bool
) -> FieldCapsResponse:
    """What indices said of themselves, by their names, as one answer by field and type."""
    indices = sorted(by_index)
    fields: dict[str, dict[str, _Field]] = {}
    for index in indices:
        for name, caps in by_index[index].fields.items():
            fields.setdefault(name, {}).setdefault(caps.type, _Field()).places.append((index, caps))
    merged: dict[str, dict[str, FieldCaps]] = {}
    for name, by_type in fields.items():
        mapped = {index for each in by_type.values() for index, _ in each.places}
        unmapped = [index for index in indices if index not in mapped] if include_unmapped else []
        several = len(by_type) + bool(unmapped) > 1
        merged[name] = {kind: each.caps(name, kind, with_indices=several) for kind, each in by_type.items()}
        if unmapped:
            merged[name]["unmapped"] = FieldCaps(
                name=name, type="unmapped", searchable=False, aggregatable=False, indices=unmapped if several else None
            )
    return FieldCapsResponse(indices=indices, fields=merged, failures=list(failures))
