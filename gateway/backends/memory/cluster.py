"""The in-memory cluster: its indices, and what can be asked of them by name.

Every method takes the names of a request after authorization, with its IndicesOptions, and answers with the message that travels.
Nothing here waits or writes; one cluster may be read from several threads once its columns are built (`Index.warm`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.authorization.index_access import EVERYTHING, IndexAccess
from gateway.authorization.metadata import AbstractionType, ClusterMetadata
from gateway.backends.memory.field_caps import index_field_caps, restricted_for_caps
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import unsupported
from gateway.backends.memory.resolve_names import Names
from gateway.backends.memory.search import Target, search
from gateway.backends.memory.search_match import can_match
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FieldCapsResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import ResolvedAlias, ResolvedDataStream, ResolvedIndex, ResolveIndexResponse
from protocol.messages.search_response import SearchResponse


@dataclass(frozen=True, slots=True)
class ClusterStatistics:
    """Figures for ``cluster:monitor/stats/remote``; ``size`` in bytes."""

    indices: int
    shards: int
    documents: int
    size: int


class MemoryCluster:
    """``indices`` may not change afterwards (their documents may). ``node_id`` is the node that shards are said to be on."""

    def __init__(self, indices: Iterable[Index], *, name: str, uuid: str | None = None, node_id: str | None = None) -> None:
        self.name = name
        self.uuid = uuid or secrets.token_urlsafe(16)
        self.node_id = node_id or secrets.token_urlsafe(16)
        self.indices: Mapping[str, Index] = {index.name: index for index in indices}
        self._names = Names(self.indices)

    def metadata(self) -> ClusterMetadata:
        """All names, for authorization."""
        return self._names.metadata

    def targets(self, names: Sequence[str], options: IndicesOptions, *, data_streams: bool = True) -> list[Target]:
        """The indices behind names, with the filters of the aliases that they were named by. ``data_streams``: whether a name may be a
        data stream's. Raises ElasticsearchException (index_not_found_exception, index_closed_exception, …)."""
        return [Target(each.index, each.filters) for each in self._names.concrete(names, options, data_streams=data_streams)]

    def search(
        self,
        names: Sequence[str],
        options: IndicesOptions,
        source: Mapping[str, Any],
        *,
        now_millis: int,
        cluster_alias: str | None = None,
        final_reduce: bool = True,
        allow_partial_results: bool = True,
        access: Callable[[str], IndexAccess] = lambda _: EVERYTHING,
    ) -> SearchResponse:
        """Executes a search; see `search.search`. ``access`` says what may be seen of an index. Raises ElasticsearchException."""
        targets = [replace(target, access=access(target.index.name)) for target in self.targets(names, options)]
        boosted = {
            name: {each.index.name for each in self._names.concrete([name], options, data_streams=False, searched=False)}
            for name in _boosted_names(source)
        }
        return search(
            targets,
            source,
            now_millis=now_millis,
            node_id=self.node_id,
            cluster_alias=cluster_alias,
            final_reduce=final_reduce,
            allow_partial_results=allow_partial_results,
            boosts=lambda name, index: index.name in boosted[name],
        )

    def field_caps(
        self,
        names: Sequence[str],
        options: IndicesOptions,
        fields: Sequence[str],
        *,
        now_millis: int,
        filters: Sequence[str] = (),
        types: Sequence[str] = (),
        include_empty: bool = True,
        index_filter: dict[str, Any] | None = None,
        runtime_fields: Mapping[str, Any] | None = None,
        access: Callable[[str], IndexAccess] = lambda _: EVERYTHING,
    ) -> FieldCapsResponse:
        """The fields of each index, as the asking cluster merges them; indices that the filter cannot match are left out.

        Raises ElasticsearchException."""
        if runtime_fields:
            raise unsupported("runtime_mappings")
        indices = [target.index for target in self.targets(names, options)]
        seen, failures = restricted_for_caps(indices, access, index_filter)
        responses = [
            index_field_caps(index, fields, filters=filters, types=types, include_empty=include_empty)
            for index in seen
            if can_match(index, index_filter, now_millis)
        ]
        if failures and not responses:
            raise failures[0].exception
        responses.sort(key=lambda response: response.index)
        return FieldCapsResponse(index_responses=responses, failures=failures)

    def resolve_index(self, names: Sequence[str], options: IndicesOptions) -> ResolveIndexResponse:
        """The indices, aliases and data streams that names match, each by name. Raises ElasticsearchException."""
        response = ResolveIndexResponse()
        for each in sorted(self._names.resolve(names, options), key=lambda each: each.abstraction.name):
            name = each.abstraction.name
            behind = list(self.metadata().concrete_indices(name, failures=each.failures))
            match each.abstraction.type:
                case AbstractionType.ALIAS:
                    response.aliases.append(ResolvedAlias(name=name, indices=sorted(behind)))
                case AbstractionType.DATA_STREAM:
                    response.data_streams.append(ResolvedDataStream(name=name, backing_indices=behind))
                case AbstractionType.CONCRETE_INDEX:
                    response.indices.append(_described(self.indices[name]))
        return response

    def has_matching(self, names: Sequence[str], options: IndicesOptions) -> tuple[bool | None, str | None]:
        """For ``_resolve/cluster``: whether names match an index that is not closed, an alias or a data stream; and the error instead,
        where a name is missing."""
        try:
            resolved = self.resolve_index(names, options)
        except ElasticsearchException as error:
            if error.type != "index_not_found_exception":
                raise
            return None, error.reason
        opened = any("closed" not in index.attributes for index in resolved.indices)
        return opened or bool(resolved.aliases or resolved.data_streams), None

    def statistics(self) -> ClusterStatistics:
        """How much there is."""
        indices = list(self.indices.values())
        return ClusterStatistics(
            indices=len(indices),
            shards=len(indices),
            documents=sum(index.doc_count for index in indices),
            size=sum(index.memory() for index in indices),
        )


def _boosted_names(source: Mapping[str, Any]) -> list[str]:
    boosts = source.get("indices_boost") or []
    return [name for entry in (boosts if isinstance(boosts, list) else [boosts]) for name in entry]


def _described(index: Index) -> ResolvedIndex:
    attributes = {"closed" if index.closed else "open"}
    if index.hidden:
        attributes.add("hidden")
    if index.system:
        attributes.add("system")
    return ResolvedIndex(
        name=index.name,
        aliases=sorted(index.aliases),
        attributes=sorted(attributes),
        data_stream=None if index.data_stream is None else index.data_stream.name,
    )
