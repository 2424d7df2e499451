"""Sinks: where the values of a field go while documents are indexed, and what makes columns and postings of them.

A sink checks and converts one value at a time, as Elasticsearch's field mappers do, and packs what it has into arrays when told to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory import values
from gateway.backends.memory.analysis import analyzer
from gateway.backends.memory.columns import Column, Rows, number_column, term_column
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.postings import Postings
from protocol.rest.texts import address_text


class Numbering(dict[Any, int]):
    """Gives each new term the next number."""

    def __missing__(self, term: Any) -> int:
        number = self[term] = len(self)
        return number


class Sink(ABC):
    """Pending (row, value) pairs of one field, and the chunks that they were packed into. Rows come in ascending order."""

    def __init__(self, field: FieldType) -> None:
        self.field = field
        self._rows: list[int] = []
        self._pending: list[Any] = []
        self._row_chunks: list[Rows] = []

    @abstractmethod
    def add(self, row: int, value: Any) -> None:
        """Takes one value (no list, no null, no object). Raises `values.MalformedValueError`."""

    @abstractmethod
    def pack(self) -> None:
        """Packs the pending values into a chunk."""

    def flush(self) -> None:
        """Packs what is pending, if anything."""
        if self._rows:
            self._row_chunks.append(np.array(self._rows, np.int32))
            self.pack()
            self._rows, self._pending = [], []

    def rollback(self, row: int) -> None:
        """Forgets the pending values of rows from ``row`` on."""
        while self._rows and self._rows[-1] >= row:
            self._rows.pop()
            self._pending.pop()

    def docs(self) -> Rows:
        """The rows of all packed values; joins the chunks for good."""
        if len(self._row_chunks) != 1:
            self._row_chunks = [np.concatenate([np.empty(0, np.int32), *self._row_chunks])]
        return self._row_chunks[0]


class ValueSink(Sink):
    """A sink that makes a column. ``dtype`` is that of the packed values."""

    dtype: type[np.generic] = np.int64

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._chunks: list[NDArray[Any]] = []

    def pack(self) -> None:
        self._chunks.append(np.array(self._pending, self.dtype))

    def packed(self) -> NDArray[Any]:
        """All packed values; joins the chunks for good."""
        if len(self._chunks) != 1:
            self._chunks = [np.concatenate([np.empty(0, self.dtype), *self._chunks])]
        return self._chunks[0]

    def column(self, rows: int) -> Column:
        """The column of everything so far, for a table of ``rows`` rows."""
        self.flush()
        return number_column(rows, self.docs(), self.packed())


class IntegerSink(ValueSink):
    """byte, short, integer, long."""

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._parse = values.integer_parser(field)

    def add(self, row: int, value: Any) -> None:
        number = self._parse(value)
        if number is not None:
            self._rows.append(row)
            self._pending.append(number)


class DecimalSink(ValueSink):
    """double, float, half_float, scaled_float: rounded to what the type can hold."""

    dtype = np.float64

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._parse = values.decimal_parser(field)

    def add(self, row: int, value: Any) -> None:
        number = self._parse(value)
        if number is not None:
            self._rows.append(row)
            self._pending.append(number)

    def pack(self) -> None:
        self._chunks.append(values.stored_decimals(self.field, np.array(self._pending, np.float64)))


class BooleanSink(ValueSink):
    """boolean: 0 and 1."""

    def add(self, row: int, value: Any) -> None:
        self._pending.append(1 if values.parse_boolean(value) else 0)
        self._rows.append(row)


class DateSink(ValueSink):
    """date (milliseconds) and date_nanos (nanoseconds)."""

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._parse = values.date_parser(field)

    def add(self, row: int, value: Any) -> None:
        self._pending.append(self._parse(value))
        self._rows.append(row)


class TermSink(ValueSink):
    """keyword: each new term is numbered as it comes; the column sorts them."""

    dtype = np.int32

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._numbers = Numbering()
        self._ignore_above = field.ignore_above
        self._normalize = values.normalizer(field.normalizer)

    def add(self, row: int, value: Any) -> None:
        text = value if type(value) is str else values.text_of(value)
        if self._ignore_above is not None and len(text) > self._ignore_above:
            return
        if self._normalize is not None:
            text = self._normalize(text)
        values.check_term(self.field, text)
        self._pending.append(self._numbers[text])
        self._rows.append(row)

    def column(self, rows: int) -> Column:
        self.flush()
        return term_column(rows, self.docs(), self.packed(), list(self._numbers))


class AddressSink(ValueSink):
    """ip: numbered by its 16-byte form."""

    dtype = np.int32

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._numbers = Numbering()
        self._known: dict[str, int] = {}

    def add(self, row: int, value: Any) -> None:
        number = self._known.get(value) if type(value) is str else None
        if number is None:
            number = self._numbers[values.parse_address(value)]
            self._known[value] = number
        self._pending.append(number)
        self._rows.append(row)

    def column(self, rows: int) -> Column:
        self.flush()
        return term_column(rows, self.docs(), self.packed(), list(self._numbers), address_text)


class ConstantSink(ValueSink):
    """constant_keyword: every row has the value, once the mapping or a document says which."""

    def add(self, row: int, value: Any) -> None:  # noqa: ARG002 - the row has the value with or without this
        text = values.text_of(value)
        if self.field.value is None:
            self.field.value = text
            self.field.definition["value"] = text
        if self.field.value != text:
            raise values.MalformedValueError(
                f"[constant_keyword] field [{self.field.name}] only accepts values that are equal to the value defined in the mappings "
                f"[{self.field.value}], but got [{text}]"
            )

    def column(self, rows: int) -> Column:
        if self.field.value is None:
            return Column(rows, np.empty(0, np.int32), np.empty(0, np.int32), terms=[])
        return Column(rows, np.arange(rows, dtype=np.int32), np.zeros(rows, np.int32), terms=[self.field.value])


class TextSink(Sink):
    """text: analysed when packed; each new term is numbered as it comes, the postings sort them."""

    def __init__(self, field: FieldType) -> None:
        super().__init__(field)
        self._tokens_of = analyzer(field.analyzer).tokens
        self._numbers = Numbering()
        self._chunks: list[tuple[NDArray[np.int32], Rows, NDArray[np.int32]]] = []

    def add(self, row: int, value: Any) -> None:
        self._pending.append(value if type(value) is str else values.text_of(value))
        self._rows.append(row)

    def pack(self) -> None:
        lists = list(map(self._tokens_of, self._pending))
        counts = np.fromiter(map(len, lists), np.int64, len(lists))
        number = self._numbers.__getitem__
        tokens = np.fromiter((number(token) for tokens in lists for token in tokens), np.int32, int(counts.sum()))
        rows = self._row_chunks[-1]
        # A value starts where the row's previous value ended, plus the gap; the first value of a row starts at 0.
        advance = counts + self.field.position_increment_gap
        before = np.cumsum(advance) - advance
        first = np.searchsorted(rows, rows)
        begins = before - before[first]
        within = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._chunks.append((tokens, np.repeat(rows, counts), (np.repeat(begins, counts) + within).astype(np.int32)))

    def postings(self, rows: int) -> Postings:
        """The postings of everything so far, for a table of ``rows`` rows."""
        self.flush()
        empty = np.empty(0, np.int32)
        tokens, docs, positions = (np.concatenate([empty, *(chunk[part] for chunk in self._chunks)]) for part in range(3))
        return Postings(rows, list(self._numbers), tokens, docs, positions, self.docs())


_SINKS: dict[str, type[Sink]] = {
    "text": TextSink,
    "keyword": TermSink,
    "constant_keyword": ConstantSink,
    "ip": AddressSink,
    "boolean": BooleanSink,
    "date": DateSink,
    "date_nanos": DateSink,
    **dict.fromkeys(("byte", "short", "integer", "long"), IntegerSink),
    **dict.fromkeys(("half_float", "float", "double", "scaled_float"), DecimalSink),
}


def make_sink(field: FieldType) -> Sink:
    """The sink for a field's type."""
    return _SINKS[field.type](field)
