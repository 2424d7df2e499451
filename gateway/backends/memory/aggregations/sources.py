"""Where an aggregation's values come from: a field of an index, with its missing value and the format that its values are shown in."""

from __future__ import annotations

import bisect
import weakref
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import Scope, illegal
from gateway.backends.memory.columns import Column
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.refusals import text_fielddata
from gateway.backends.memory.values import MalformedValueError, parse_address
from protocol.dates.date_format import DateFormat
from protocol.dates.zones import Zone, zone
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import Bool, DateTime, Decimal, DocValueFormat, Ip, Raw, Resolution
from protocol.rest.texts import address_text

NUMERIC: Final = frozenset({"long", "double", "date", "boolean"})
ANY: Final = NUMERIC | {"keyword", "ip"}
RAW: Final = Raw()
BOOL: Final = Bool()
IP: Final = Ip()


@dataclass(slots=True)
class Source:
    """The values of one field for one table.

    ``kind``: long, double, date, boolean, keyword or ip; ``terms`` (and, for addresses, ``keys``) are what ordinals stand for.
    """

    kind: str
    format: DocValueFormat
    column: Column
    field: FieldType | None
    missing: Any = None
    """The value that rows without one get, as the column has it."""
    mapped: bool = True

    @property
    def terms(self) -> list[str]:
        return self.column.terms

    @property
    def keys(self) -> list[bytes]:
        """The bytes of each term, as they travel and are hashed."""
        if self.kind == "ip":
            return self.column.keys
        return [term.encode("utf-8", "surrogatepass") for term in self.column.terms]

    def held(self, scope: Scope) -> slice | None:
        """The slice of the column's arrays that the scope's rows have, where it is one; the missing value aside."""
        if scope.span is None:
            return None
        starts = self.column.starts
        return slice(int(starts[scope.span.start]), int(starts[scope.span.stop]))

    def ascends(self, scope: Scope) -> bool:
        """Whether the scope's values never decrease from one row to the next."""
        return scope.span is not None and self.missing is None and self.column.ascending

    @property
    def single(self) -> bool:
        """Whether no row has more than one value."""
        return self.column.single

    def values(self, scope: Scope) -> tuple[NDArray[np.int64] | None, NDArray[Any]]:
        """The values of the scope's rows: to which row (by position) each belongs, None where every row has one, and the values."""
        column = self.column
        if column.dense:
            return None, column.values[scope.places]
        positions: NDArray[np.int64]
        held = self.held(scope)
        if held is not None and scope.span is not None:
            positions, values = column.docs[held].astype(np.int64), column.values[held]
            positions -= scope.span.start
        else:
            positions, values = column.values_of(scope.rows)
        if self.missing is None:
            return positions, values
        absent = np.ones(len(scope.rows), np.bool_)
        absent[positions] = False
        added = np.flatnonzero(absent)
        if column.single:
            filled = np.empty(len(scope.rows), values.dtype)
            filled[positions] = values
            filled[added] = self.missing
            return None, filled
        positions = np.concatenate((positions, added))
        values = np.concatenate((values, np.full(len(added), self.missing, values.dtype)))
        order = np.argsort(positions, kind="stable")
        return positions[order], values[order]

    def owners(self, scope: Scope, positions: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """The buckets of the values."""
        return scope.owners_at(positions)


def kind_of(field: FieldType) -> str | None:
    """The kind of values that a field has for aggregations, or None where it has none."""
    if field.is_integer:
        return "long"
    if field.is_number:
        return "double"
    if field.is_date:
        return "date"
    if field.is_keyword:
        return "keyword"
    return field.type if field.type in ("boolean", "ip") else None


def resolve(scope: Scope, body: dict[str, Any], aggregation: str, supported: frozenset[str] = ANY) -> Source:
    """The source of an aggregation's ``field``, ``missing``, ``format``, ``time_zone`` and ``value_type``.

    ``supported`` are the kinds that the aggregation takes. Raises ElasticsearchException as ``ValuesSourceConfig`` does.
    """
    name = body.get("field")
    if not isinstance(name, str):
        raise illegal(f"Required one of fields [field, script], but none were specified. [{aggregation}]")
    if name == "_index":
        return _index_source(scope)
    if name == "_id":
        raise illegal(
            "Fielddata access on the _id field is disallowed, you can re-enable it by updating the dynamic cluster setting: "
            "indices.id_field_data.enabled"
        )
    field = scope.shard.index.field(name)
    if field is None:
        return _unmapped(scope, body, supported)
    if field.is_text:
        raise text_fielddata(field.name, scope.shard.index.qualified_name)
    kind = kind_of(field)
    if kind is None or kind not in supported:
        raise illegal(f"Field [{name}] of type [{field.type}] is not supported for aggregation [{aggregation}]")
    if not field.doc_values:
        raise illegal(
            f"Can't load fielddata on [{name}] because fielddata is unsupported on fields of type [{field.type}]. "
            "Use doc values instead."
        )
    column = scope.table.column(field) if field.nested == scope.table.path else _nothing(scope, kind)
    if field.type == "date_nanos":
        column = _in_millis(column)
    source = Source(kind, format_of(field, kind, body), column, field)
    if body.get("missing") is not None:
        _put_missing(source, body["missing"], scope.shard.now_millis)
    return source


_millis: weakref.WeakKeyDictionary[Column, Column] = weakref.WeakKeyDictionary()


def _in_millis(column: Column) -> Column:
    """A column of nanoseconds in milliseconds, which is what aggregations see of it (``NanoSecondFieldData``)."""
    found = _millis.get(column)
    if found is None:
        found = _millis[column] = Column(column.rows, column.docs, column.values // 1_000_000)
    return found


def _index_source(scope: Scope) -> Source:
    rows = scope.table.rows
    column = Column(rows, np.arange(rows, dtype=np.int32), np.zeros(rows, np.int32), terms=[scope.shard.index.qualified_name])
    return Source("keyword", RAW, column, None)


def _unmapped(scope: Scope, body: dict[str, Any], supported: frozenset[str]) -> Source:
    """No field: no values, except the missing one, whose type then decides the kind."""
    missing, hint = body.get("missing"), body.get("value_type")
    kinds = {"string": "keyword", "number": "double", "numeric": "double", "float": "double", "integer": "long", "short": "long"}
    if supported == {"ip"}:
        kind = "ip"
    elif hint is not None:
        kind = kinds.get(str(hint), str(hint))
    elif isinstance(missing, bool):
        kind = "boolean"
    elif isinstance(missing, (int, float)) or "keyword" not in supported:
        kind = "double" if isinstance(missing, float) or "long" not in supported else "long"
    else:
        kind = "keyword"
    source = Source(kind, format_of(None, kind, body), _nothing(scope, kind), None, mapped=missing is not None)
    if missing is not None:
        _put_missing(source, missing, scope.shard.now_millis)
    return source


def _nothing(scope: Scope, kind: str) -> Column:
    dtype = np.float64 if kind == "double" else np.int32 if kind in ("keyword", "ip") else np.int64
    terms: list[str] | None = [] if kind in ("keyword", "ip") else None
    return Column(scope.table.rows, np.empty(0, np.int32), np.empty(0, dtype), terms=terms)


def format_of(field: FieldType | None, kind: str, body: dict[str, Any]) -> DocValueFormat:
    """How the values are shown: by the request's ``format`` and ``time_zone``, else by the field's."""
    pattern, where = body.get("format"), body.get("time_zone")
    if kind == "date":
        default = field.date_format if field is not None else "strict_date_optional_time||epoch_millis"
        chosen = str(pattern or default)
        DateFormat.of(chosen)
        zone_id = zone(where).id if where is not None else "Z"
        return DateTime(pattern=chosen, time_zone=zone_id, resolution=Resolution.MILLISECONDS)
    if pattern is not None and kind in ("keyword", "ip", "boolean"):
        kind = kind if field is None else field.type
        name = "" if field is None else field.name
        raise illegal(f"Field [{name}] of type [{kind}] does not support custom formats")
    if kind in ("long", "double"):
        return Decimal(pattern=str(pattern)) if pattern is not None else RAW
    if kind == "boolean":
        return BOOL
    return IP if kind == "ip" else RAW


def zone_of(format_: DocValueFormat) -> Zone:
    """The time zone of a format of dates; UTC for any other."""
    return zone(format_.time_zone if isinstance(format_, DateTime) else "Z")


def parse_value(source: Source, value: Any, now_millis: int, round_up: bool = False) -> Any:
    """A value of a request (missing, include, a bound) as the source's column has it."""
    if source.kind == "keyword":
        return str(value)
    if source.kind == "ip":
        try:
            return parse_address(value)
        except MalformedValueError as error:
            raise illegal(error.reason) from None
    if source.kind == "date":
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return int(value)
        pattern = source.format.pattern if isinstance(source.format, DateTime) else "strict_date_optional_time||epoch_millis"
        return DateFormat.of(pattern).parse(str(value), now_millis=now_millis, zone=zone_of(source.format), round_up=round_up)
    if source.kind == "boolean":
        return int(value in (True, "true", 1, "1"))
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ElasticsearchException("number_format_exception", f'For input string: "{value}"', status=400) from None
    return number if source.kind == "double" else int(number)


def _put_missing(source: Source, missing: Any, now_millis: int) -> None:
    value = parse_value(source, missing, now_millis)
    if source.kind not in ("keyword", "ip"):
        source.missing = value
        return
    column = source.column
    known: list[Any] = column.keys if source.kind == "ip" else column.terms
    ordinal = bisect.bisect_left(known, value)
    if ordinal == len(known) or known[ordinal] != value:
        # The missing term takes its place in the order, and the ordinals after it move up.
        terms, keys = list(column.terms), list(column.keys)
        terms.insert(ordinal, address_text(value) if source.kind == "ip" else value)
        if source.kind == "ip":
            keys.insert(ordinal, value)
        moved = column.values + (column.values >= ordinal)
        source.column = Column(column.rows, column.docs, moved.astype(np.int32), terms=terms, keys=keys)
    source.missing = ordinal
