"""The background of significant_terms: how many documents it has, and how many of them have a term.

It is what Elasticsearch takes (``SignificanceLookup``), and so is what it tells of documents that are hidden or deleted:

* Where a ``background_filter``, the filter of an alias or a nested field of the mapping bounds it, it is the visible documents.
* Else its size is that of the index, with every document that is there; and how many of them have a term of a keyword or boolean field is
  what the inverted index says, hidden and deleted documents included. Of other fields only visible documents are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations.pairs import by_ordinal
from gateway.backends.memory.aggregations.scope import Ints, Scope
from gateway.backends.memory.aggregations.sources import Source
from gateway.backends.memory.columns import Mask
from gateway.backends.memory.mapping import DEFAULT_DATE_FORMAT, FieldType
from gateway.backends.memory.queries import execute
from gateway.backends.memory.queries.bounds import Bounds, date_bounds
from gateway.backends.memory.queries.compiler import Context
from gateway.backends.memory.queries.query_values import stored_number
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import DateTime, DocValueFormat, Raw
from protocol.rest.value_formats import show


class Background:
    """The background of one field in one index."""

    def __init__(self, scope: Scope, source: Source, query: dict[str, Any] | None) -> None:
        shard = scope.shard
        index = shard.index
        self._scope, self._field, self._source = scope, source.field, source
        self._bounds: Mask | None = None
        if query is not None or shard.filters or any(index.mapping.nested_paths()):
            everything = execute(index, query, now_millis=shard.now_millis, needs_scores=False, filters=shard.filters, bare=True)
            self._bounds = everything.mask
        self.size = index.rows if self._bounds is None else int(np.count_nonzero(self._bounds))
        """How many documents it has."""

    @property
    def _counted(self) -> Mask:
        return self._scope.shard.index.live if self._bounds is None else self._bounds

    def frequencies(self, keys: Sequence[Any], codes: Ints) -> Ints:
        """How many documents of the background have each term, given by its place in ``keys``."""
        field = self._field
        if not len(codes):
            return np.zeros(0, np.int64)
        if field is None:
            # _index, which all documents have.
            return np.full(len(codes), np.count_nonzero(self._counted), np.int64)
        if _exact(field, self._source.format):
            return self._by_values(field, keys)[codes]
        distinct, places = np.unique(codes, return_inverse=True)
        texts = [show(self._source.format, keys[code]) for code in distinct.tolist()]
        counted: dict[str, int] = {}
        count = self._counter(field)
        try:
            for text in texts:
                if text not in counted:
                    counted[text] = count(text)
        except MalformedValueError as error:
            raise ElasticsearchException(error.type, error.reason, status=400) from None
        return np.array([counted[text] for text in texts], np.int64)[places]

    def _by_values(self, field: FieldType, keys: Sequence[Any]) -> Ints:
        table = self._scope.table
        column = table.column(field)
        distinct: Sequence[Any] = column.terms
        if not column.by_ordinal:
            numbers, column = by_ordinal(column)
            distinct = numbers.tolist()
        rows, codes = column.docs, column.values.astype(np.int64)
        inverted = field.indexed and field.type in ("keyword", "boolean")
        if self._bounds is not None or not inverted:
            rows = table.root_rows(rows)
            within = self._counted[rows]
            rows, codes = rows[within], codes[within]
        if not column.single or table.parent is not None:
            cardinality = max(len(distinct), 1)
            codes = np.unique(rows.astype(np.int64) * cardinality + codes) % cardinality
        counts: Ints = np.bincount(codes, minlength=len(distinct))
        if self._source.missing is None and field.type != "boolean":
            return counts
        # The value for documents without one may be among the keys, and values that no document found has not.
        of_key = dict(zip(distinct, counts.tolist(), strict=True))
        return np.array([of_key.get(key, 0) for key in keys], np.int64)

    def _counter(self, field: FieldType) -> Callable[[str], int]:
        """What counts the documents of a term as the format shows it. Elasticsearch asks by a query with that text, which the field may
        read as another value."""
        shard, column = self._scope.shard, self._scope.table.column(field)
        rows = column.docs
        if field.is_integer:
            distinct, _ = by_ordinal(column)
            of_value = dict(zip(distinct.tolist(), self._by_values(field, distinct.tolist()).tolist(), strict=True))
            return lambda text: of_value.get(stored_number(field, text), 0)
        if field.is_date and column.single and field.nested is None:
            context = Context(shard.index, self._scope.table, shard.now_millis)
            values = np.sort(column.values[self._counted[rows]])

            def between(text: str) -> int:
                low, high = date_bounds(context, field, Bounds(text, text, True, True))
                return max(int(np.searchsorted(values, high, "right") - np.searchsorted(values, low, "left")), 0)

            return between
        return lambda text: self._asked(field, text)

    def _asked(self, field: FieldType, text: str) -> int:
        shard = self._scope.shard
        query: dict[str, Any] = {"term": {field.name: text}}
        if field.nested is not None:
            query = {"nested": {"path": field.nested, "query": query}}
        found = execute(shard.index, query, now_millis=shard.now_millis, needs_scores=False, bare=True)
        return int(np.count_nonzero(found.mask & self._counted))


def _exact(field: FieldType, format_: DocValueFormat) -> bool:
    """Whether a value, as the format shows it, means just that value to the field."""
    if field.type == "date":
        return (
            field.date_format == DEFAULT_DATE_FORMAT and isinstance(format_, DateTime) and format_.pattern == DEFAULT_DATE_FORMAT
        )
    return field.type in ("keyword", "ip", "boolean") or (field.is_integer and isinstance(format_, Raw))
