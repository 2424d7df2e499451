"""From the names of a request to the indices of the in-memory cluster, as ``IndexNameExpressionResolver`` goes from one to the other.

Authorization has gone before: wildcards are expanded there, and the names that are left may be touched. What is left to do is what any
cluster does: to find that a name is missing, or closed, which indices are behind it, and which filters of aliases hold for which index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.authorization.expressions import is_remote, is_visible, split_selector, unsupported_selector
from gateway.authorization.metadata import AbstractionType, ClusterMetadata, IndexAbstraction
from gateway.backends.memory.data_streams import DataStream
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal, index_blocked, index_closed, index_not_found, invalid_name
from gateway.globs import is_simple_pattern, simple_match
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions

_DISPLAYED: Final = {
    AbstractionType.CONCRETE_INDEX: "index",
    AbstractionType.ALIAS: "alias",
    AbstractionType.DATA_STREAM: "data_stream",
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an expression stands for. ``failures``: the failure store of it, not the data. ``named``: it was named, no wildcard brought
    it."""

    abstraction: IndexAbstraction
    failures: bool = False
    named: bool = True


@dataclass(frozen=True, slots=True)
class ConcreteIndex:
    """An index behind names, and what joins the filters of the aliases that it was named by (none, or one): none where it was also named
    itself, by its data stream, or by an alias without a filter."""

    index: Index
    filters: tuple[dict[str, Any], ...] = ()


class Names:
    """All names of a cluster: its indices, their aliases and data streams. ``indices`` may not change afterwards."""

    def __init__(self, indices: Mapping[str, Index]) -> None:
        self._indices = indices
        self._streams = {index.data_stream.name: index.data_stream for index in indices.values() if index.data_stream}
        # An alias has a filter when it has one for any of its data streams.
        self._filtering = {
            alias for stream in self._streams.values() for alias, properties in stream.aliases.items() if properties.get("filter")
        }
        self.metadata: Final = describe(indices)

    def resolve(self, expressions: Sequence[str], options: IndicesOptions, *, data_streams: bool = True) -> list[Resolved]:
        """What expressions stand for, in order, each once. ``data_streams``: whether data streams and all that belongs to them are there
        for the request.

        No expression stands for nothing: authorization has put names in place of an empty list, or has left none.
        Raises ElasticsearchException (index_not_found_exception, invalid_index_name_exception, …)."""
        expands = options.expand_open or options.expand_closed
        if not expressions:
            if not expands and not options.ignore_unavailable:
                # Elasticsearch has "*,-*" in its place, which is a name when wildcards are not expanded.
                raise index_not_found("*")
            return []
        if len(expressions) == 1:
            name, failures = _split(expressions[0], options)
            if name == "_all":
                return self._matching("*", options, failures, data_streams) if expands else []
        found: dict[tuple[str, bool], Resolved] = {}
        wildcard_seen = False
        for expression in expressions:
            excluded = wildcard_seen and expression.startswith("-")
            name, failures = _split(expression[1:] if excluded else expression, options)
            _check(name, expressions, options)
            if expands and is_simple_pattern(name):
                wildcard_seen = True
                matched = self._matching(name, options, failures, data_streams)
                if not matched and not options.allow_no_indices:
                    raise index_not_found(f"{name}::failures" if failures else name)
                for each in matched:
                    if excluded:
                        found.pop((each.abstraction.name, failures), None)
                    else:
                        found.setdefault((each.abstraction.name, failures), each)
            elif excluded:
                found.pop((name, failures), None)
            else:
                named = self._named(name, failures, options, data_streams)
                if named is not None:
                    found[name, failures] = named
        return list(found.values())

    def concrete(
        self, expressions: Sequence[str], options: IndicesOptions, *, data_streams: bool = True, searched: bool = True
    ) -> list[ConcreteIndex]:
        """The indices behind expressions, each once, with the filters that hold for it. ``searched``: a closed one that may be named is
        refused none the less (``cluster_block_exception``). Raises ElasticsearchException."""
        resolved = self.resolve(expressions, options, data_streams=data_streams)
        found: dict[str, Index] = {}
        for each in resolved:
            if options.forbid_aliases_to_multiple_indices:
                self._check_single(each, options)
            for name in self._members(each, options):
                index = self._indices[name]
                if each.named or _in_expanded_state(index, options):
                    if not index.closed or not options.forbid_closed_indices:
                        found[name] = index
                    elif not options.ignore_unavailable:
                        raise index_closed(index)
        if not found and not options.allow_no_indices:
            raise index_not_found(*(expressions or ("*", "-*")))
        if searched:
            for index in found.values():
                if index.closed:
                    raise index_blocked(index)
        named = {(each.abstraction.name, each.failures) for each in resolved}
        return [ConcreteIndex(index, self._filters(index, named)) for index in found.values()]

    def _matching(self, pattern: str, options: IndicesOptions, failures: bool, data_streams: bool) -> list[Resolved]:
        suffix = "failures" if failures else None
        return [
            Resolved(each, failures, named=False)
            for each in self.metadata
            if simple_match(pattern, each.name)
            and (data_streams or not self.metadata.is_data_stream_related(each))
            and is_visible(pattern, suffix, each.name, options, self.metadata, data_streams=data_streams)
        ]

    def _named(self, name: str, failures: bool, options: IndicesOptions, data_streams: bool) -> Resolved | None:
        each = self.metadata.get(name)
        error: ElasticsearchException | None = None
        if each is None:
            error = index_not_found(name)
        elif each.type is AbstractionType.ALIAS and options.ignore_aliases:
            error = illegal(
                f"The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
            )
        elif not data_streams and self.metadata.is_data_stream_related(each):
            error = index_not_found(name)
            error.metadata["es.excluded_ds"] = ["true"]
        elif failures and not self.metadata.is_data_stream_related(each):
            error = index_not_found(f"{name}::failures")
        if error is None and each is not None:
            return Resolved(each, failures)
        if error is not None and not options.ignore_unavailable:
            raise error
        return None

    def _members(self, each: Resolved, options: IndicesOptions) -> tuple[str, ...]:
        name = each.abstraction.name
        if each.failures:
            return self.metadata.concrete_indices(name, failures=True)
        if options.include_failure_indices and not options.allow_selectors:
            return (*each.abstraction.indices, *self.metadata.concrete_indices(name, failures=True))
        return each.abstraction.indices

    def _check_single(self, each: Resolved, options: IndicesOptions) -> None:
        if len(self._members(each, options)) > 1:
            kind = _DISPLAYED[each.abstraction.type]
            raise illegal(
                f"{kind} [{each.abstraction.name}] has more than one index associated with it "
                f"[{', '.join(each.abstraction.indices)}], can't execute a single index op"
            )

    def _filters(self, index: Index, named: set[tuple[str, bool]]) -> tuple[dict[str, Any], ...]:
        if not named.isdisjoint({(index.name, False), (index.name, True)}):
            return ()
        stream = index.data_stream
        if stream is not None:
            return self._filters_of_stream(stream, index, named)
        return _joined([properties.get("filter") for alias, properties in index.aliases.items() if (alias, False) in named])

    def _filters_of_stream(self, stream: DataStream, index: Index, named: set[tuple[str, bool]]) -> tuple[dict[str, Any], ...]:
        # Documents of the failure store do not have the fields that a filter is about.
        if index.name in stream.failure_indices or (stream.name, False) in named:
            return ()
        aliases = [alias for alias in stream.aliases if (alias, False) in named]
        if not self._filtering.issuperset(aliases):
            return ()
        return _joined([filter_ for alias in aliases if (filter_ := stream.aliases[alias].get("filter"))])


def describe(indices: Mapping[str, Index]) -> ClusterMetadata:
    """All names for authorization: the indices, their data streams and aliases."""
    found: list[IndexAbstraction] = []
    streams: dict[str, DataStream] = {}
    members: dict[str, list[Index]] = {}
    hidden: set[str] = set()
    for index in sorted(indices.values(), key=lambda index: index.name):
        stream = index.data_stream
        if stream is not None:
            streams[stream.name] = stream
        found.append(
            IndexAbstraction(
                index.name,
                hidden=index.hidden,
                closed=index.closed,
                system=index.system,
                data_stream=None if stream is None else stream.name,
                failure_index=stream is not None and index.name in stream.failure_indices,
            )
        )
        for alias, properties in index.aliases.items():
            members.setdefault(alias, []).append(index)
            if properties.get("is_hidden"):
                hidden.add(alias)
    for stream in sorted(streams.values(), key=lambda stream: stream.name):
        found.append(
            IndexAbstraction(
                stream.name,
                AbstractionType.DATA_STREAM,
                stream.indices,
                hidden=stream.hidden,
                failure_indices=stream.failure_indices,
            )
        )
        for alias in stream.aliases:
            members.setdefault(alias, []).extend(indices[name] for name in stream.indices)
    found += [
        IndexAbstraction(
            alias,
            AbstractionType.ALIAS,
            tuple(index.name for index in behind),
            hidden=alias in hidden,
            system=all(index.system for index in behind),
        )
        for alias, behind in members.items()
    ]
    return ClusterMetadata(found)


def _split(expression: str, options: IndicesOptions) -> tuple[str, bool]:
    """The name, and whether the failure store is meant."""
    name, selector = split_selector(expression)
    if selector is not None and not options.allow_selectors:
        raise unsupported_selector(expression)
    return name, selector == "failures"


def _check(name: str, expressions: Sequence[str], options: IndicesOptions) -> None:
    if not name:
        raise index_not_found("")
    if name.startswith("_"):
        raise invalid_name(name, "must not start with '_'.")
    if is_remote(name) and not options.ignore_unavailable:
        remote = ", ".join(filter(is_remote, expressions))
        raise illegal(f"Cross-cluster calls are not supported in this context but remote indices were requested: [{remote}]")


def _in_expanded_state(index: Index, options: IndicesOptions) -> bool:
    return options.expand_closed if index.closed else options.expand_open


def _joined(filters: list[dict[str, Any] | None]) -> tuple[dict[str, Any], ...]:
    """Nothing where one of them lets all documents through."""
    present = [filter_ for filter_ in filters if filter_]
    if len(present) < len(filters):
        return ()
    return tuple(present) if len(present) < 2 else ({"bool": {"should": present}},)
