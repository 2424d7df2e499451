"""Sorting by values of nested objects: they are brought to the documents that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gateway.backends.memory.columns import Column
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.compiler import Context
from gateway.backends.memory.queries.nodes import ONE
from gateway.backends.memory.refusals import illegal, query_shard
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException

_OPTIONS = frozenset({"path", "filter", "max_children", "nested"})


def joined_column(options: dict[str, Any], field: FieldType, mode: str, index: Index, column: Column, now_millis: int) -> Column:
    """The values of a nested field as a column of documents, of the objects that ``options`` (``nested`` of a sort) let through.

    ``column`` is the field's own. Raises ElasticsearchException.
    """
    for option in options:
        if option not in _OPTIONS:
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [nested_sort] unknown field [{option}]")
    if options.get("nested"):
        raise illegal("[nested] of a nested sort is not supported")
    path = options.get("path")
    node = index.mapping.objects.get(str(path))
    if node is None or not node.is_nested:
        raise query_shard(index, f"[nested] failed to find nested object under path [{path}]")
    terms, keys = (column.terms, column.keys) if column.by_ordinal else (None, [])
    if field.nested is None:
        return Column(index.rows, column.docs[:0], column.values[:0], terms=terms, keys=keys)
    table = index.table(field.nested)
    held = np.flatnonzero(column.exists).astype(np.int32)
    if options.get("filter"):
        if field.nested != path:
            raise illegal("[filter] of a nested sort on an outer path is not supported")
        try:
            chosen = Context(index, table, now_millis).compile(options["filter"])
        except MalformedValueError as error:
            raise query_shard(index, f"failed to create query: {error.reason}") from None
        held = held[chosen.matches(ONE, False, {}).mask[held]]
    roots = table.root_rows(held)
    if options.get("max_children") is not None:
        most = options["max_children"]
        if type(most) is not int:
            raise ElasticsearchException("x_content_parse_exception", "[1:1] [nested_sort] failed to parse field [max_children]")
        first = np.searchsorted(roots, roots)
        kept = np.arange(len(roots)) - first < most
        held, roots = held[kept], roots[kept]
    # Of each object's values, the mode takes one or all; then it does the same with those of the document.
    if mode in ("min", "max"):
        values = column.values[column.starts[held] if mode == "min" else column.starts[held + 1] - 1]
    else:
        which, values = column.values_of(held)
        roots = roots[which]
    order = np.lexsort((values, roots))
    return Column(index.rows, roots[order], values[order], terms=terms, keys=keys)
