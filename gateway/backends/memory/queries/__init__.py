"""Queries: compiled from the REST form (compiler.py and the modules of the query types) and executed on an index."""

from __future__ import annotations

from typing import Any

from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries import (  # noqa: F401 - each module declares its query types
    compound,
    fulltext,
    multi_match,
    patterns,
    query_string,
    ranges,
    simple_query_string,
    term_level,
)
from gateway.backends.memory.queries.compiler import Context, Now, RewriteError, supported
from gateway.backends.memory.queries.nodes import ONE, Names, Node
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException

__all__ = ["compile_query", "execute", "supported"]

_UNWRAPPED = frozenset({"query_shard_exception", "parsing_exception"})


def compile_query(
    index: Index, query: dict[str, Any] | None, *, now_millis: Now, bare: bool = False, rewrites: bool = True
) -> Node:
    """The executable tree of a query; None means match_all.

    Raises ElasticsearchException: ``parsing_exception`` for a malformed or unknown query, what fails when a query is rewritten as it is,
    else ``query_shard_exception`` with the reason as its cause, as a shard throws them. ``bare``: the cause alone, as it is within an
    aggregation. ``rewrites``: see `Context`; without it, all that fails is the reason of a ``query_shard_exception``.
    """
    context = Context(index, index.root, now_millis, rewrites=rewrites)
    try:
        return context.everything() if query is None else context.compile(query)
    except MalformedValueError as error:
        cause = ElasticsearchException(error.type, error.reason, status=400)
        if bare:
            raise cause from None
        raise context.refused(f"failed to create query: {error.reason}", cause) from None
    except ElasticsearchException as error:
        if bare or (rewrites and isinstance(error, RewriteError)) or error.type in _UNWRAPPED:
            raise
        raise context.refused(f"failed to create query: {error.reason}", error) from None
    except RecursionError:
        raise context.refused("failed to create query: the query nests too deep") from None


def execute(
    index: Index,
    query: dict[str, Any] | None,
    *,
    now_millis: Now,
    needs_scores: bool = True,
    filters: tuple[dict[str, Any], ...] = (),
    bare: bool = False,
) -> Matches:
    """The live documents of an index that a query matches, with scores where ``needs_scores``.

    ``filters`` are further queries that must match as well and do not count in scores (those of aliases). The result's
    ``named`` has what each named query of ``query`` matched. Raises ElasticsearchException as `compile_query`.
    """
    node = compile_query(index, query, now_millis=now_millis, bare=bare)
    narrowing = [compile_query(index, filter_, now_millis=now_millis) for filter_ in filters]
    names: Names = {}
    found = node.matches(ONE, needs_scores, names)
    for filter_node in narrowing:
        # Names within the filters are nobody's business who searches.
        found = found.where(filter_node.matches(ONE, False, {}))
    if not index.all_live:
        found = found.within(index.live)
    return found.with_names(names) if names else found
