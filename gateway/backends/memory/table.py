"""A table: rows of one level (documents, or the objects of one nested path) with their columns and postings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column, Mask, Rows
from gateway.backends.memory.mapping import FieldType, Mapping
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.sinks import Sink, TextSink, ValueSink, make_sink


class Table:
    """``path`` is None for the root. ``parent`` is the table that holds this one's objects: the root's or an outer nested path's."""

    def __init__(self, mapping: Mapping, path: str | None, parent: Table | None) -> None:
        self.mapping = mapping
        self.path = path
        self.parent = parent
        self.rows = 0
        """How many rows there are."""
        self._parents: list[int] = []
        self._frozen_parents: Rows | None = None
        self._sinks: dict[str, Sink] = {}
        self._built: dict[str, tuple[int, Column | Postings]] = {}
        self._empty: dict[str, tuple[int, Column | Postings]] = {}

    # Writing (documents.py)

    def begin_row(self, parent: int | None = None) -> int:
        """Starts a row, which for a nested table lies in row ``parent`` of its parent table; returns its number."""
        row = self.rows
        self.rows += 1
        if parent is not None:
            self._parents.append(parent)
        return row

    def sink(self, field: FieldType) -> Sink:
        """Where the values of a field are put."""
        sink = self._sinks.get(field.name)
        if sink is None:
            sink = self._sinks[field.name] = make_sink(field)
        return sink

    def flush(self) -> None:
        """Packs what was put into arrays, which are smaller."""
        for sink in self._sinks.values():
            sink.flush()

    def rollback(self, rows: int) -> None:
        """Forgets all rows from ``rows`` on (a document that did not parse)."""
        if self.rows == rows:
            return
        for sink in self._sinks.values():
            sink.rollback(rows)
        del self._parents[rows:]
        self.rows = rows

    # Reading

    @property
    def parents(self) -> Rows:
        """int32[rows]: the row of the parent table that each row lies in, ascending. Empty for the root."""
        if self._frozen_parents is None or len(self._frozen_parents) != len(self._parents):
            self._frozen_parents = np.array(self._parents, np.int32)
        return self._frozen_parents

    def root_rows(self, rows: NDArray[np.int32]) -> Rows:
        """The root row that each of ``rows`` belongs to."""
        table = self
        while table.parent is not None:
            rows, table = table.parents[rows], table.parent
        return rows

    def column(self, field: FieldType) -> Column:
        """The column of a field that is not text."""
        built = self._built.get(field.name)
        if built is None or built[0] != self.rows or not isinstance(built[1], Column):
            sink = self.sink(field)
            assert isinstance(sink, ValueSink), field.name  # noqa: S101 - text fields have postings
            built = self._built[field.name] = (self.rows, sink.column(self.rows))
        assert isinstance(built[1], Column)  # noqa: S101 - narrows for the type checker
        return built[1]

    def text(self, field: FieldType) -> Postings:
        """The postings of a text field."""
        built = self._built.get(field.name)
        if built is None or built[0] != self.rows or not isinstance(built[1], Postings):
            sink = self.sink(field)
            assert isinstance(sink, TextSink), field.name  # noqa: S101 - other fields have columns
            built = self._built[field.name] = (self.rows, sink.postings(self.rows))
        assert isinstance(built[1], Postings)  # noqa: S101 - narrows for the type checker
        return built[1]

    def empty(self, field: FieldType) -> Column | Postings:
        """The column or the postings of a field as if no document had it; a constant_keyword has its value without any document. Fields
        of one type share it."""
        kind = field.name if field.type == "constant_keyword" else field.type
        made = self._empty.get(kind)
        if made is None or made[0] != self.rows:
            sink = make_sink(field)
            assert isinstance(sink, TextSink | ValueSink), field.name  # noqa: S101 - there are no others
            nothing = sink.postings(self.rows) if isinstance(sink, TextSink) else sink.column(self.rows)
            made = self._empty[kind] = (self.rows, nothing)
        return made[1]

    def exists(self, field: FieldType) -> Mask:
        """bool[rows]: the rows that have a value of the field. Not to be written to."""
        return self.text(field).exists if field.is_text else self.column(field).exists

    def memory(self) -> int:
        """Bytes of the arrays built so far."""
        total = 0
        for _, built in self._built.values():
            total += sum(value.nbytes for value in vars(built).values() if isinstance(value, np.ndarray))
        return total
