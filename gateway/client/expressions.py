"""Index expressions by remote cluster: ``berlin:logs-*,p*:logs-*,-paris:*``, as ``RemoteClusterAware`` parts them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.authorization.expressions import index_not_found, is_remote, split_selector
from gateway.authorization.hash_order import hash_order
from gateway.globs import is_simple_pattern, simple_match
from protocol.errors import ElasticsearchException

Groups = dict[str, list[str]]
"""Expressions without their alias, by alias."""


def group(expressions: Sequence[str], aliases: Collection[str]) -> Groups:
    """In the order that Elasticsearch takes the clusters in.

    Raises no_such_remote_cluster_exception, illegal_argument_exception, and index_not_found_exception for an expression without an alias:
    there are no indices on this side.
    """
    groups: Groups = {}
    excluded: dict[str, None] = {}
    for expression in expressions:
        if not is_remote(expression):
            if expression.startswith(":") and not expression.startswith("::"):
                raise _illegal(f"index name [{expression}] is invalid because the remote part is empty")
            raise index_not_found(expression)
        alias, _, name = expression.partition(":")
        matching = _clusters(alias.removeprefix("-"), aliases)
        if alias.startswith("-"):
            _check_exclusion(name)
            excluded |= dict.fromkeys(matching)
        else:
            for each in matching:
                groups.setdefault(each, []).append(name)
    failed = [alias for alias in excluded if groups.pop(alias, None) is None]
    if failed:
        many = len(failed) > 1
        included = ", ".join(groups)
        raise _illegal(
            f"Attempt to exclude cluster{'s' if many else ''} [{', '.join(failed)}] failed as {'they are' if many else 'it is'} not "
            f"included in the list of clusters to be included: [{included}]. Input: [{','.join(expressions)}]"
        )
    if excluded and not groups:
        raise _illegal(
            "The '-' exclusions in the index expression list excludes all indexes. Nothing to search. "
            f"Input: [{','.join(expressions)}]"
        )
    return {alias: groups[alias] for alias in hash_order(groups)}


def one(expression: str, aliases: Collection[str]) -> tuple[str, str]:
    """The alias and the rest of an expression that must be of one remote cluster. Raises like ``group``."""
    groups = group([expression], aliases)
    if len(groups) != 1:
        raise _illegal(f"[{expression}] is not of one remote cluster")
    ((alias, (name,)),) = groups.items()
    return alias, name


def _clusters(expression: str, aliases: Collection[str]) -> list[str]:
    if expression in aliases:
        return [expression]
    if not is_simple_pattern(expression):
        raise ElasticsearchException("no_such_remote_cluster_exception", f"no such remote cluster: [{expression}]")
    return [alias for alias in aliases if simple_match(expression, alias)]


def _check_exclusion(name: str) -> None:
    name, selector = split_selector(name)
    if name != "*":
        raise _illegal(f"To exclude a cluster you must specify the '*' wildcard for the index expression, but found: [{name}]")
    if selector is not None:
        raise _illegal(f"To exclude a cluster you must not specify the a selector, but found selector: [{selector}]")


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason)
