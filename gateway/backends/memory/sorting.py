"""The sort of a search: from its REST form to keys over one index (``FieldSortBuilder``, ``ScoreSortBuilder``).

parsed = parse_sort([{"bytes": "desc"}, "_doc"])
keys = compile_sort(parsed, index, now_millis)          # None where the order is that of the score alone
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column, Rows
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.refusals import fielddata_unsupported, illegal, query_shard, text_fielddata
from gateway.backends.memory.sort_keys import (
    DOUBLE,
    FLOAT,
    HIGHEST,
    INT,
    LONG,
    LOWEST,
    ConstantKey,
    NumberKey,
    NumberKind,
    ScoreKey,
    SortKey,
    TermKey,
    ordinals_of,
    picked,
    single,
)
from gateway.backends.memory.sort_nested import joined_column
from gateway.backends.memory.values import MalformedValueError, java_float, parse_address, text_of
from protocol.dates.date_format import DateFormat
from protocol.errors import ElasticsearchException
from protocol.messages.hits import SortField, SortFieldType, StringMissing
from protocol.rest.texts import address_text
from protocol.values import Integer

_OPTIONS: Final = frozenset({"order", "missing", "mode", "unmapped_type", "numeric_type", "format", "nested"})
_MODES: Final = frozenset({"min", "max", "sum", "avg", "median"})
_NUMERIC_TYPES: Final = {"long": LONG, "double": DOUBLE, "date": LONG, "date_nanos": LONG}
_ANONYMOUS: Final = "__anonymous_"
_KINDS: Final[dict[str, NumberKind]] = {
    **dict.fromkeys(("byte", "short", "integer"), INT),
    **dict.fromkeys(("long", "boolean", "date", "date_nanos"), LONG),
    **dict.fromkeys(("float", "half_float"), FLOAT),
    **dict.fromkeys(("double", "scaled_float"), DOUBLE),
}
_TERMS: Final = frozenset({"keyword", "constant_keyword", "ip"})
_NANOS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Criterion:
    """One element of ``sort``."""

    field: str
    reverse: bool
    missing: Any = None
    mode: str | None = None
    unmapped_type: str | None = None
    numeric_type: str | None = None
    format: str | None = None
    nested: dict[str, Any] | None = None

    @property
    def effective_mode(self) -> str:
        return self.mode or ("max" if self.reverse else "min")


def parse_sort(sort: Any) -> list[Criterion]:
    """The criteria of a ``sort`` in any of its REST forms. Raises ElasticsearchException."""
    if sort is None:
        return []
    criteria: list[Criterion] = []
    for element in sort if isinstance(sort, list) else [sort]:
        if isinstance(element, str):
            criteria.append(_criterion(element, {}))
        elif isinstance(element, dict):
            criteria += [_criterion(name, options) for name, options in element.items()]
        else:
            raise illegal("malformed sort format, within the sort array, an object, or an actual string are allowed")
    return criteria


def _criterion(name: str, options: Any) -> Criterion:
    if name in ("_geo_distance", "_geoDistance", "_script"):
        raise illegal(f"sort type [{name}] is not supported")
    options = {"order": options} if isinstance(options, str) else options
    if not isinstance(options, dict):
        raise illegal(f"malformed sort format for [{name}]")
    for option in options:
        if option not in ({"order"} if name == "_score" else _OPTIONS):
            kind = "_score" if name == "_score" else "field_sort"
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{kind}] unknown field [{option}]")
    for option in ("unmapped_type", "numeric_type", "format"):
        if not isinstance(options.get(option), str | None):
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [field_sort] failed to parse field [{option}]")
    if isinstance(options.get("missing"), list | dict) or not isinstance(options.get("nested"), dict | None):
        raise ElasticsearchException(
            "x_content_parse_exception", "[1:1] [field_sort] failed to parse field [missing] or [nested]"
        )
    order = str(options.get("order", "desc" if name == "_score" else "asc")).lower()
    if order not in ("asc", "desc"):
        raise illegal(f"No enum constant org.elasticsearch.search.sort.SortOrder.{order.upper()}")
    mode = options.get("mode")
    if mode is not None and str(mode).lower() not in _MODES:
        raise illegal(f"Unknown SortMode [{mode}]")
    numeric = options.get("numeric_type")
    if numeric is not None and numeric not in _NUMERIC_TYPES:
        raise illegal(f"invalid value for [numeric_type], must be [long, double, date, date_nanos], got {numeric}")
    return Criterion(
        name,
        (order == "asc") if name == "_score" else (order == "desc"),
        options.get("missing"),
        None if mode is None else str(mode).lower(),
        options.get("unmapped_type"),
        numeric,
        options.get("format"),
        options.get("nested"),
    )


def compile_sort(criteria: list[Criterion], index: Index, now_millis: int) -> list[SortKey] | None:
    """The keys over an index; None for no criteria, or for the score alone, best first. Raises ElasticsearchException."""
    if not criteria or (len(criteria) == 1 and criteria[0].field == "_score" and not criteria[0].reverse):
        return None
    return [_compile(criterion, index, now_millis) for criterion in criteria]


def _compile(criterion: Criterion, index: Index, now_millis: int) -> SortKey:
    name = criterion.field
    if name == "_score":
        return ScoreKey(criterion.reverse)
    if name in ("_doc", "_shard_doc"):
        return _document_key(name, index, criterion.reverse)
    if name.startswith("_") and (found := _metadata_key(name, index, criterion.reverse)) is not None:
        return found
    field = index.field(name)
    if field is None:
        if criterion.unmapped_type is None:
            raise query_shard(index, f"No mapping found for [{name}] in order to sort on")
        return _unmapped(criterion, index, now_millis)
    if field.nested is not None and criterion.nested is None:
        raise query_shard(index, f"it is mandatory to set the [nested] context on the nested sort field: [{name}].")
    return _field_key(criterion, field, index, _column(criterion, field, index, now_millis), now_millis)


def document_numbers(index: Index) -> NDArray[np.int64]:
    """int64[rows]: Lucene's document numbers; a document's nested objects are documents too and come before it."""
    numbers = np.arange(index.rows, dtype=np.int64)
    for table in list(index.whole.tables.values()):
        if table.rows:
            roots = table.root_rows(np.arange(table.rows, dtype=np.int32))
            numbers += np.cumsum(np.bincount(roots, minlength=index.rows))
    return numbers


def _document_key(name: str, index: Index, reverse: bool) -> SortKey:
    numbers = document_numbers(index)
    kind = NumberKind(SortFieldType.DOC, Integer, np.int64, 0, 0) if name == "_doc" else LONG
    shown = "null" if name == "_doc" else name  # Lucene's sort by document has no field
    key = NumberKey(
        name, kind, reverse, 0, lambda rows: (numbers[rows], None), lambda value: _whole(value, shown), None, custom=True
    )
    if name == "_doc":
        key.field = SortField(type=SortFieldType.DOC, reverse=reverse)
    return key


def _metadata_key(name: str, index: Index, reverse: bool) -> SortKey | None:
    if name == "_index":
        missing = StringMissing.FIRST if reverse else StringMissing.LAST
        field = SortField(field=name, type=SortFieldType.STRING, missing=missing, reverse=reverse)
        return ConstantKey(field, index.qualified_name.encode(), lambda value: text_of(value).encode(), lambda raw: raw.decode())
    if name == "_version":
        field = SortField(field=name, type=SortFieldType.LONG, missing=None, reverse=reverse)
        version = 1 if index.shows(name) else LOWEST if reverse else HIGHEST
        return ConstantKey(field, version, lambda value: _whole(value, name), lambda raw: raw)
    if name == "_seq_no":
        missing_value = LOWEST if reverse else HIGHEST

        def pick(rows: Rows) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
            return rows, None if index.shows(name) else np.zeros(len(rows), np.bool_)

        return NumberKey(name, LONG, reverse, missing_value, pick, lambda value: _whole(value, name), None, custom=False)
    if name == "_id":
        raise illegal(
            "Fielddata access on the _id field is disallowed, you can re-enable it by updating the dynamic cluster setting: "
            "indices.id_field_data.enabled"
        )
    if name in ("_source", "_field_names", "_routing"):
        raise illegal(f"Fielddata is not supported on field [{name}] of type [{name}]")
    if name in ("_ignored", "_doc_count", "_tier", "_nested_path", "_feature"):
        raise illegal(f"sorting on the metadata field [{name}] is not supported")
    return None


def _unmapped(criterion: Criterion, index: Index, now_millis: int) -> SortKey:
    kind = criterion.unmapped_type
    field = FieldType(_ANONYMOUS, str(kind), _ANONYMOUS)
    if kind == "text":
        raise text_fielddata(_ANONYMOUS, index.qualified_name)
    if kind not in _KINDS and kind not in _TERMS:
        raise illegal(f"No mapper found for type [{kind}]")
    nothing = np.empty(0, np.int32)
    terms: list[str] | None = [] if kind in _TERMS else None
    column = Column(index.rows, nothing, np.empty(0, np.int64), terms=terms, keys=[])
    return _field_key(criterion, field, index, column, now_millis)


def _column(criterion: Criterion, field: FieldType, index: Index, now_millis: int) -> Column:
    if field.is_text:
        raise text_fielddata(field.name, index.qualified_name)
    if not field.doc_values:
        raise fielddata_unsupported(field)
    if field.type not in _KINDS and field.type not in _TERMS:
        raise illegal(f"Fielddata is not supported on field [{field.name}] of type [{field.type}]")
    table = index.table(field.nested)
    column = table.column(field)
    if criterion.nested is None:
        return column
    return joined_column(criterion.nested, field, criterion.effective_mode, index, column, now_millis)


def _field_key(criterion: Criterion, field: FieldType, index: Index, column: Column, now_millis: int) -> SortKey:
    mode = criterion.effective_mode
    if field.type in _TERMS:
        if mode in ("sum", "avg", "median"):
            raise query_shard(index, "we only support AVG, MEDIAN and SUM on number based fields")
        if criterion.numeric_type is not None:
            raise query_shard(index, f"[numeric_type] option cannot be set on a non-numeric field, got {field.type}")
        return _term_key(criterion, field, column, mode)
    return _number_key(criterion, field, column, mode, now_millis)


def _shown_address(raw: bytes) -> str:
    if len(raw) != 16:  # the text that stands for a missing address
        raise illegal("Failed trying to format bytes as IP address.  Possibly caused by a mapping mismatch")
    return address_text(raw)


def _term_key(criterion: Criterion, field: FieldType, column: Column, mode: str) -> SortKey:
    if criterion.format is not None:
        raise illegal(f"Field [{field.name}] of type [{field.type}] does not support custom formats")
    address = field.type == "ip"
    missing: StringMissing | None = None
    filler: bytes | None = None
    if criterion.missing in (None, "_last", "_first"):
        last = criterion.missing != "_first"
        missing = StringMissing.LAST if last != criterion.reverse else StringMissing.FIRST
    else:
        filler = text_of(criterion.missing).encode()
    raw = column.keys if address else [term.encode("utf-8", "surrogatepass") for term in column.terms]

    def parse(value: Any) -> bytes:
        if not address:
            return text_of(value).encode("utf-8", "surrogatepass")
        try:
            return parse_address(value)
        except MalformedValueError as error:
            raise ElasticsearchException(error.type, error.reason) from None

    show: Callable[[bytes], Any] = _shown_address if address else lambda term: term.decode("utf-8", "surrogatepass")
    return TermKey(field.name, criterion.reverse, missing, filler, ordinals_of(column, mode), raw, parse, show)


def _number_key(criterion: Criterion, field: FieldType, column: Column, mode: str, now_millis: int) -> SortKey:
    numeric = criterion.numeric_type
    if numeric == "date_nanos" and not field.is_date:
        raise illegal("trying to convert a known date time formatter to a nanosecond one, wrong field used?")
    kind = _KINDS[field.type] if numeric is None else _NUMERIC_TYPES[numeric]
    nanos = numeric == "date_nanos" or (numeric is None and field.type == "date_nanos")
    if criterion.format is not None and not field.is_date:
        if field.type == "boolean":
            raise illegal(f"Field [{field.name}] of type [boolean] does not support custom formats")
        raise illegal("require a date_time formatter; got [decimal]")
    pick = picked(column, mode, _conversion(field, kind, numeric))
    own = "double" if field.type == "scaled_float" else field.type
    custom = (
        criterion.nested is not None
        or mode not in ("min", "max")
        or field.type in ("half_float", "scaled_float")
        or numeric not in (None, own)
    )
    missing = _missing_number(criterion, kind, nanos)
    pattern = criterion.format or field.date_format

    def parse(value: Any) -> Any:
        if field.is_date and isinstance(value, str):
            if nanos:
                return DateFormat.of(pattern).parse_nanosecond(value, now_millis=now_millis)
            return DateFormat.of(pattern).parse(value, now_millis=now_millis)
        return _number(value, kind, field.name, boolean=field.type == "boolean")

    show = _date_shower(pattern, nanos) if criterion.format is not None else None
    return NumberKey(field.name, kind, criterion.reverse, missing, pick, parse, show, custom=custom)


def _conversion(field: FieldType, kind: NumberKind, numeric: str | None) -> Callable[[NDArray[Any]], NDArray[Any]]:
    if field.type == "date" and numeric == "date_nanos":
        return lambda values: values * _NANOS
    if field.type == "date_nanos" and numeric == "date":
        return lambda values: values // _NANOS
    if kind is DOUBLE or kind is FLOAT:
        return lambda values: values.astype(np.float64)
    # A cast to a whole number cuts the fraction off, as Java's does.
    return lambda values: values if values.dtype.kind != "f" else np.trunc(values).astype(np.int64)


def _missing_number(criterion: Criterion, kind: NumberKind, nanos: bool) -> Any:
    given = criterion.missing
    if given in (None, "_last", "_first"):
        least = (given == "_first") != criterion.reverse
        return 0 if nanos and least else kind.lowest if least else kind.highest
    try:
        if kind is FLOAT or kind is DOUBLE:
            number = java_float(given) if isinstance(given, str) else float(given)
            return single(number) if kind is FLOAT else number
        if isinstance(given, bool) or (isinstance(given, str) and not _is_whole(given)):
            raise MalformedValueError(f'For input string: "{text_of(given)}"', "number_format_exception")
        return max(min(int(given), kind.highest), kind.lowest)
    except MalformedValueError as error:
        raise ElasticsearchException(error.type, error.reason) from None


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdecimal() and text.isascii()


def _date_shower(pattern: str, nanos: bool) -> Callable[[int], str | None]:
    format_ = DateFormat.of(pattern)

    def show(raw: int) -> str | None:
        if raw in (LOWEST, HIGHEST):
            return None
        return format_.format_nanos(raw) if nanos else format_.format(raw)

    return show


def _whole(value: Any, name: str) -> int:
    return int(_number(value, LONG, name, boolean=False))


def _number(value: Any, kind: NumberKind, name: str, *, boolean: bool) -> Any:
    """A ``search_after`` value of a numeric criterion, as ``SearchAfterBuilder`` converts it."""
    if boolean:
        if value in (True, False, "true", "false"):
            return int(value in (True, "true"))
        raise illegal(f"Cannot parse boolean [{text_of(value)}], expected either [true] or [false]")
    if value is None:
        kinds = {INT: "INT", LONG: "LONG", FLOAT: "FLOAT", DOUBLE: "DOUBLE"}
        raise illegal(
            f"[search_after] value at position 0 cannot be null for sort field [{name}] of type [{kinds.get(kind, 'DOC')}]."
        )
    try:
        if kind is FLOAT or kind is DOUBLE:
            if isinstance(value, bool):
                raise MalformedValueError(f'For input string: "{text_of(value)}"', "number_format_exception")
            number = java_float(value) if isinstance(value, str) else float(value)
            return single(number) if kind is FLOAT else number
        if isinstance(value, bool) or (isinstance(value, str) and not _is_whole(value)):
            raise MalformedValueError(f'For input string: "{text_of(value)}"', "number_format_exception")
        return max(min(int(value), HIGHEST), LOWEST)
    except MalformedValueError as error:
        cause = ElasticsearchException(error.type, error.reason)
        raise ElasticsearchException(
            "illegal_argument_exception", f"Failed to parse search_after value for field [{name}].", cause=cause
        ) from None


def check_after(values: Any, keys: list[SortKey] | None) -> list[Any]:
    """The ``search_after`` values for these keys. Raises ElasticsearchException."""
    if not isinstance(values, list):
        raise illegal("[search_after] must be an array")
    if not values:
        raise illegal("Values must contains at least one value.")
    if keys is None:
        raise illegal("Sort must contain at least one field.")
    if len(values) != len(keys):
        raise illegal(f"search_after has {len(values)} value(s) but sort has {len(keys)}.")
    if any(isinstance(value, list | dict) for value in values):
        raise ElasticsearchException(
            "parsing_exception",
            "Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found [START_OBJECT] inside search_after.",
        )
    for place, (value, key) in enumerate(zip(values, keys, strict=True)):
        if value is None and key.field.type is not SortFieldType.STRING:
            raise illegal(
                f"[search_after] value at position {place} cannot be null for sort field [{key.field.field}] of type "
                f"[{key.field.type.name}]."
            )
    return values
