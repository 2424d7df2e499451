"""From the names of a request to the indices of the in-memory cluster, as ``IndexNameExpressionResolver`` goes from one to the other.

Authorization has gone before: wildcards are expanded there, and the names that are left may be touched. What is left to do is what any
cluster does: to find that a name is missing, or closed, and which filters of aliases hold for which index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.authorization.expressions import is_visible, split_selector
from gateway.authorization.metadata import AbstractionType, ClusterMetadata, IndexAbstraction
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal
from gateway.globs import is_simple_pattern, simple_match
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions

_EXCLUSION_HINT = (
    " and if you intended to exclude this index, ensure that you use wildcards that include it before explicitly excluding it"
)


def index_not_found(name: str) -> ElasticsearchException:
    """``index_not_found_exception`` for a name in a request."""
    hint = _EXCLUSION_HINT if name.startswith("-") else ""
    return ElasticsearchException(
        "index_not_found_exception",
        f"no such index [{name}]{hint}",
        metadata={
            "es.resource.type": ["index_or_alias"],
            "es.resource.id": [name],
            "es.index_uuid": ["_na_"],
            "es.index": [name],
        },
    )


def index_closed(index: Index) -> ElasticsearchException:
    """``index_closed_exception``."""
    return ElasticsearchException(
        "index_closed_exception", "closed", metadata={"es.index_uuid": [index.uuid], "es.index": [index.name]}
    )


def describe(indices: Mapping[str, Index]) -> ClusterMetadata:
    """All names: the indices and their aliases."""
    abstractions = [IndexAbstraction(index.name, hidden=index.hidden, closed=index.closed) for index in indices.values()]
    members: dict[str, list[str]] = {}
    hidden: dict[str, bool] = {}
    for index in sorted(indices.values(), key=lambda index: index.name):
        for alias, properties in index.aliases.items():
            members.setdefault(alias, []).append(index.name)
            hidden[alias] = bool(properties.get("is_hidden"))
    abstractions += [
        IndexAbstraction(alias, AbstractionType.ALIAS, tuple(names), hidden=hidden[alias]) for alias, names in members.items()
    ]
    return ClusterMetadata(abstractions)


def resolve_expressions(
    expressions: Sequence[str], options: IndicesOptions, metadata: ClusterMetadata, *, all_aliases: bool = False
) -> list[IndexAbstraction]:
    """The indices and aliases that expressions stand for, in order; ``*`` and ``_all`` alone stand for aliases where ``all_aliases``.

    No expression stands for nothing: authorization has put names in place of an empty list, or has left none.
    Raises ElasticsearchException.
    """
    if not expressions:
        if not options.allow_no_indices:
            raise index_not_found("[]")
        return []
    if len(expressions) == 1 and _name(expressions[0], options) in ("_all", "*"):
        return _everything(options, metadata, aliases=all_aliases)
    found: dict[str, IndexAbstraction] = {}
    wildcard_seen = False
    for expression in expressions:
        excluded = wildcard_seen and expression.startswith("-")
        name = _name(expression[1:] if excluded else expression, options)
        if is_simple_pattern(name):
            wildcard_seen = True
            matched = [each for each in metadata if simple_match(name, each.name) and _shown(name, each, options, metadata)]
            if not matched and not excluded and not options.allow_no_indices:
                raise index_not_found(name)
        elif excluded:
            matched = [each for each in (metadata.get(name),) if each is not None]
        else:
            matched = _explicit(name, options, metadata)
        for each in matched:
            if excluded:
                found.pop(each.name, None)
            else:
                found[each.name] = each
    if not found and not options.allow_no_indices:
        raise index_not_found(f"[{', '.join(expressions)}]" if len(expressions) > 1 else expressions[0])
    return list(found.values())


def _name(expression: str, options: IndicesOptions) -> str:
    if not expression:
        raise ElasticsearchException(
            "invalid_index_name_exception",
            "Invalid index name [], must not be empty.",
            metadata={"es.index_uuid": ["_na_"], "es.index": [""]},
        )
    name, selector = split_selector(expression)
    if selector is not None and not options.allow_selectors:
        raise illegal(
            f"Index component selectors are not supported in this context but found selector in expression [{expression}]"
        )
    if selector == "failures":
        raise index_not_found(expression)
    return name


def _everything(options: IndicesOptions, metadata: ClusterMetadata, *, aliases: bool) -> list[IndexAbstraction]:
    kinds = set(AbstractionType) if aliases else set(AbstractionType) - {AbstractionType.ALIAS}
    found = [each for each in metadata if each.type in kinds and _shown("*", each, options, metadata)]
    if not found and not options.allow_no_indices:
        raise index_not_found("_all")
    return found


def _shown(pattern: str, each: IndexAbstraction, options: IndicesOptions, metadata: ClusterMetadata) -> bool:
    return is_visible(pattern, None, each.name, options, metadata, data_streams=True)


def _explicit(name: str, options: IndicesOptions, metadata: ClusterMetadata) -> list[IndexAbstraction]:
    if name.startswith("_"):
        raise ElasticsearchException(
            "invalid_index_name_exception",
            f"Invalid index name [{name}], must not start with '_'.",
            metadata={"es.index_uuid": ["_na_"], "es.index": [name]},
        )
    each = metadata.get(name)
    if each is None:
        if options.ignore_unavailable:
            return []
        raise index_not_found(name)
    if each.type is AbstractionType.ALIAS and options.ignore_aliases:
        if options.ignore_unavailable:
            return []
        raise illegal(f"The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead.")
    return [each]


def concrete_indices(
    expressions: Sequence[str], options: IndicesOptions, indices: Mapping[str, Index], metadata: ClusterMetadata
) -> list[tuple[Index, tuple[dict[str, Any], ...]]]:
    """The indices that expressions stand for, each with the filter of the aliases that it was named by: none, or one that joins
    them. An index that was also named itself, or by an alias without a filter, has none. Raises ElasticsearchException."""
    resolved = resolve_expressions(expressions, options, metadata)
    names = {each.name for each in resolved}
    found: dict[str, Index] = {}
    for each in resolved:
        if each.type is AbstractionType.ALIAS:
            if options.forbid_aliases_to_multiple_indices and len(each.indices) > 1:
                raise illegal(
                    f"alias [{each.name}] has more than one index associated with it [{', '.join(each.indices)}], "
                    f"can't execute a single index op"
                )
            for name in each.indices:
                if _usable(indices[name], options, named=False):
                    found[name] = indices[name]
        else:
            index = indices[each.name]
            if _usable(index, options, named=each.name in expressions):
                found[each.name] = index
    if not found and not options.allow_no_indices:
        raise index_not_found(f"[{', '.join(expressions)}]")
    return [(index, _alias_filters(index, names)) for index in found.values()]


def _usable(index: Index, options: IndicesOptions, *, named: bool) -> bool:
    if not index.closed:
        return True
    if not options.forbid_closed_indices:
        return named or options.expand_closed
    if options.ignore_unavailable or not named:
        # A wildcard, and an alias with other indices, leave closed ones out.
        return False
    raise index_closed(index)


def _alias_filters(index: Index, names: set[str]) -> tuple[dict[str, Any], ...]:
    if index.name in names:
        return ()
    filters = []
    for alias in sorted(names & index.aliases.keys()):
        filter_ = index.aliases[alias].get("filter")
        if filter_ is None:
            return ()
        filters.append(filter_)
    if len(filters) < 2:
        return tuple(filters)
    return ({"bool": {"should": filters}},)
