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
from gateway.backends.memory.field_caps import index_field_caps
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal, unsupported
from gateway.backends.memory.resolve_names import concrete_indices, describe, index_not_found, resolve_expressions
from gateway.backends.memory.restricted import restricted
from gateway.backends.memory.search import Target, search
from gateway.backends.memory.search_match import can_match
from gateway.globs import is_simple_pattern, simple_match
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FieldCapsResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import ResolvedAlias, ResolvedIndex, ResolveIndexResponse
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
        self._metadata = describe(self.indices)

    def metadata(self) -> ClusterMetadata:
        """All names, for authorization."""
        return self._metadata

    def targets(self, names: Sequence[str], options: IndicesOptions) -> list[Target]:
        """The indices behind names, with the filters of the aliases that they were named by. Raises ElasticsearchException
        (index_not_found_exception, index_closed_exception, …)."""
        return [Target(index, filters) for index, filters in concrete_indices(names, options, self.indices, self._metadata)]

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
        for name in _boosted_names(source):
            if ":" in name:
                raise illegal(
                    f"Cross-cluster calls are not supported in this context but remote indices were requested: [{name}]"
                )
            if not is_simple_pattern(name) and name not in self._metadata and not options.ignore_unavailable:
                raise index_not_found(name)
        return search(
            targets,
            source,
            now_millis=now_millis,
            node_id=self.node_id,
            cluster_alias=cluster_alias,
            final_reduce=final_reduce,
            allow_partial_results=allow_partial_results,
            boosts=self._stands_for,
        )

    def _stands_for(self, name: str, index: Index) -> bool:
        return any(simple_match(name, each) for each in (index.name, *index.aliases))

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
        seen = [restricted(target.index, access(target.index.name)) for target in self.targets(names, options)]
        responses = [
            index_field_caps(index, fields, filters=filters, types=types, include_empty=include_empty)
            for index in seen
            if can_match(index, index_filter, now_millis)
        ]
        return FieldCapsResponse(index_responses=sorted(responses, key=lambda response: response.index))

    def resolve_index(self, names: Sequence[str], options: IndicesOptions) -> ResolveIndexResponse:
        """The indices and aliases that names match, each by name. Raises ElasticsearchException."""
        response = ResolveIndexResponse()
        found = resolve_expressions(names, options, self._metadata, all_aliases=True)
        for each in sorted(found, key=lambda each: each.name):
            if each.type is AbstractionType.ALIAS:
                response.aliases.append(ResolvedAlias(name=each.name, indices=list(each.indices)))
            else:
                index = self.indices[each.name]
                attributes = ["closed" if index.closed else "open"] + (["hidden"] if index.hidden else [])
                response.indices.append(ResolvedIndex(name=each.name, aliases=sorted(index.aliases), attributes=attributes))
        return response

    def has_matching(self, names: Sequence[str], options: IndicesOptions) -> tuple[bool | None, str | None]:
        """For ``_resolve/cluster``: whether names match an index that is not closed, or an alias; and the error instead, where a name
        is missing."""
        try:
            resolved = self.resolve_index(names, options)
        except ElasticsearchException as error:
            if error.type != "index_not_found_exception":
                raise
            return None, error.reason
        return bool(resolved.aliases) or any("closed" not in index.attributes for index in resolved.indices), None

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
