"""Which index expressions stand for one index: values of the field ``_index``, as ``SearchIndexNameMatcher`` takes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.authorization.date_math import resolve_date_math
from gateway.authorization.expressions import is_remote, split_selector
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal, invalid_name
from gateway.globs import is_simple_pattern, simple_match


def matches_name(index: Index, expression: str) -> bool:
    """Whether an expression stands for an index: by its own name, by an alias or by its data stream. Where a search came from another
    cluster, the expression must be of that cluster's form, ``alias:name``.

    Raises ElasticsearchException (illegal_argument_exception, invalid_index_name_exception, parse_exception)."""
    if expression.startswith(":"):
        raise illegal(f"index name [{expression}] is invalid because the remote part is empty")
    if not is_remote(expression):
        return index.cluster_alias is None and _stands_for(expression, index)
    cluster, _, name = expression.partition(":")
    return index.cluster_alias is not None and simple_match(cluster, index.cluster_alias) and _stands_for(name, index)


def _stands_for(expression: str, index: Index) -> bool:
    name, selector = split_selector(expression)
    name = resolve_date_math(name, lambda: datetime.now(UTC))
    if name == "_all":
        name = "*"
    if name.startswith("_"):
        raise invalid_name(name, "must not start with '_'.")
    names = _names(index, failures=selector == "failures")
    if not is_simple_pattern(name):
        return any(name == known for known, _ in names)
    dotted = name.startswith(".")
    return any(simple_match(name, known) and (not hidden or (dotted and known.startswith("."))) for known, hidden in names)


def _names(index: Index, *, failures: bool) -> Iterator[tuple[str, bool]]:
    """Each name, and whether it is hidden."""
    stream = index.data_stream
    if not failures:
        yield index.name, index.hidden
        for alias, properties in index.aliases.items():
            yield alias, bool(properties.get("is_hidden"))
    if stream is not None and (index.name in stream.failure_indices) == failures:
        yield stream.name, stream.hidden
        for alias in stream.aliases:
            yield alias, False
