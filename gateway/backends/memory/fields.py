"""The values of fields for hits: ``fields`` from the source, ``docvalue_fields`` from the columns, and which fields were ignored.

The shapes are Elasticsearch's: lists of values, dates in a format, the objects of a nested field as a list of maps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType, Mapping
from gateway.backends.memory.refusals import fielddata_unsupported, illegal, text_fielddata
from gateway.backends.memory.values import (
    MalformedValueError,
    date_parser,
    decimal_parser,
    integer_parser,
    normalizer,
    parse_address,
    parse_boolean,
    stored_decimals,
    text_of,
)
from gateway.globs import glob
from protocol.dates.date_format import DateFormat
from protocol.errors import ElasticsearchException
from protocol.rest.texts import address_text
from protocol.values import Single

METADATA: Final = frozenset(
    {"_id", "_index", "_ignored", "_version", "_seq_no", "_source", "_routing", "_tier", "_doc_count", "_field_names", "_type"}
)
_INTERNAL: Final = frozenset({"_seq_no", "_source", "_field_names", "_primary_term"})
_IGNORED: Any = object()
Show = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One element of ``fields`` or ``docvalue_fields``."""

    pattern: str
    format: str | None = None
    include_unmapped: bool = False


def parse_requests(value: Any, option: str) -> list[Request]:
    """The elements of ``fields`` or ``docvalue_fields``. Raises ElasticsearchException."""
    requests = []
    if isinstance(value, bool | int | float):
        raise ElasticsearchException("parsing_exception", f"Unknown key for a VALUE_NUMBER in [{option}].")
    for element in value if isinstance(value, list) else [value]:
        if isinstance(element, str):
            requests.append(Request(element))
            continue
        if not isinstance(element, dict) or not isinstance(element.get("field"), str):
            raise illegal(f"[{option}] elements must be a field name or an object with [field]")
        for key in element:
            if key not in ("field", "format", "include_unmapped"):
                raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{option}] unknown field [{key}]")
        shown = element.get("format")
        if not isinstance(shown, str | None):
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [{option}] failed to parse field [format]")
        requests.append(
            Request(element["field"], None if shown == "use_field_mapping" else shown, bool(element.get("include_unmapped")))
        )
    return requests


def matching_names(mapping: Mapping, pattern: str) -> list[str]:
    """The mapped leaf fields (aliases and multi-fields too) that a name or pattern stands for."""
    if "*" not in pattern:
        return [pattern] if pattern in mapping.fields else []
    matches = glob(pattern).fullmatch
    return [name for name in mapping.fields if matches(name)]


# Values in the source


def extract(document: Any, path: str) -> Iterator[Any]:
    """The values at a dotted path, lists flattened; keys may hold dots themselves. Nulls are given as None."""
    if isinstance(document, list):
        for element in document:
            yield from extract(element, path)
    elif isinstance(document, dict):
        dot = -1
        while True:
            dot = path.find(".", dot + 1)
            key = path if dot < 0 else path[:dot]
            if key in document:
                if dot < 0:
                    yield from _flat(document[key])
                else:
                    yield from extract(document[key], path[dot + 1 :])
            if dot < 0:
                return


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _flat(element)
    else:
        yield value


class SourcePaths:
    """Where the values of an index's fields stand in the source."""

    def __init__(self, mapping: Mapping) -> None:
        self._copies: dict[str, list[str]] = {}
        for name, other in mapping.fields.items():
            if name == other.name:
                for target in other.copy_to:
                    self._copies.setdefault(target, []).append(name)

    def of(self, field_: FieldType) -> list[str]:
        """A field's own path, and those of fields that copy to it."""
        return [field_.source_path, *self._copies.get(field_.source_path, ())]


def shower(field_: FieldType, format_: str | None = None) -> Show:
    """What ``fields`` shows for a JSON value of the source; it gives the marker of `is_ignored` for one that the field ignores."""
    kind = field_.type
    if format_ is not None and not field_.is_date:
        raise _fetch_error(field_.name, f"Field [{field_.name}] of type [{kind}] doesn't support formats.")
    if field_.is_date:
        try:
            convert = _date_shower(field_, format_)
        except ElasticsearchException as error:
            raise illegal(f"error fetching [{field_.name}]: {error.reason}", error) from None
    elif field_.is_integer:
        convert = integer_parser(field_)
    elif field_.is_number:
        convert = _decimal_shower(field_)
    elif kind == "boolean":
        convert = parse_boolean
    elif kind == "ip":
        convert = _address
    elif kind == "keyword":
        convert = _keyword_shower(field_)
    else:
        convert = text_of

    def show(value: Any) -> Any:
        if value is None:
            value = field_.null_value
            if value is None:
                return None
        try:
            return convert(value)
        except (MalformedValueError, ElasticsearchException):
            return _IGNORED

    return show


def is_ignored(value: Any) -> bool:
    """Whether a shower gave the marker of an ignored value."""
    return value is _IGNORED


def _address(value: Any) -> str:
    return address_text(parse_address(value))


def _date_shower(field_: FieldType, format_: str | None) -> Show:
    parse, nanos = date_parser(field_), field_.type == "date_nanos"
    printer = DateFormat.of(format_ or field_.date_format)
    return lambda value: printer.format_nanos(parse(value)) if nanos else printer.format(parse(value))


def _decimal_shower(field_: FieldType) -> Show:
    parse = decimal_parser(field_)

    def convert(value: Any) -> Any:
        number = parse(value)
        if number is None:
            return None
        stored = float(stored_decimals(field_, np.array([number]))[0])
        return Single(stored) if field_.type in ("float", "half_float") else stored

    return convert


def _keyword_shower(field_: FieldType) -> Show:
    normalize = normalizer(field_.normalizer)

    def convert(value: Any) -> Any:
        term = text_of(value)
        if field_.ignore_above is not None and _java_length(term) > field_.ignore_above:
            return _IGNORED
        return normalize(term) if normalize else term

    return convert


def _java_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fetch_error(name: str, reason: str) -> ElasticsearchException:
    return illegal(f"error fetching [{name}]: {reason}", cause=illegal(reason))


@dataclass(slots=True)
class _Level:
    """The fields of one level (the document, or a nested path within) that are wanted."""

    prefix: str
    leaves: dict[str, tuple[list[str], Show]] = field(default_factory=dict)
    nested: dict[str, _Level] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    """The values of constant_keyword fields, which are those of each document whatever its source."""

    def values(self, document: Any) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """The values by name, and those that were ignored."""
        found: dict[str, list[Any]] = {}
        ignored: dict[str, list[Any]] = {}
        for name, value in self.constants.items():
            if value is not None:
                found[name[len(self.prefix) :]] = [value]
        for name, (paths, show) in self.leaves.items():
            shown = []
            for path in paths:
                for value in extract(document, path[len(self.prefix) :] if path.startswith(self.prefix) else path):
                    result = show(value)
                    if result is _IGNORED:
                        ignored.setdefault(name, []).append(value)
                    elif result is not None:
                        shown.append(result)
            if shown:
                found[name[len(self.prefix) :]] = shown
        for path, level in self.nested.items():
            inner = [level.values(value)[0] for value in extract(document, path[len(self.prefix) :]) if isinstance(value, dict)]
            if kept := [values for values in inner if values]:
                found[path[len(self.prefix) :]] = kept
        return found, ignored


class FieldsFetcher:
    """``fields``: values from the source, as the mapping reads them."""

    def __init__(self, index: Index, requests: Iterable[Request]) -> None:
        self._index = index
        self._metadata: list[str] = []
        self._root = _Level("")
        self._unmapped: list[re.Pattern[str]] = []
        mapping = index.mapping
        paths = SourcePaths(mapping)
        nested_paths = sorted(mapping.nested_paths(), key=len)
        for request in requests:
            if request.pattern in METADATA:
                self._add_metadata(request.pattern)
                continue
            for name in matching_names(mapping, request.pattern):
                found = mapping.fields[name]
                level = self._root
                for path in nested_paths:
                    if name.startswith(path + "."):
                        level = level.nested.setdefault(path, _Level(path + "."))
                if found.type == "constant_keyword":
                    level.constants[name] = shower(found, request.format)(found.value)
                else:
                    level.leaves[name] = (paths.of(found), shower(found, request.format))
            if request.include_unmapped:
                self._unmapped.append(glob(request.pattern))

    def _add_metadata(self, name: str) -> None:
        if name in _INTERNAL:
            raise _fetch_error(name, f"Cannot fetch values for internal field [{name}].")
        self._metadata.append(name)

    def values(self, row: int, document: dict[str, Any], ignored: list[str]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """The values by field of a document, and the ignored ones. ``ignored`` are its ignored fields (`IgnoredFields`)."""
        found, left_out = self._root.values(document)
        shared: dict[str, list[Any]] = {
            "_id": [self._index.id(row)],
            "_index": [self._index.qualified_name],
            "_ignored": ignored,
            "_version": [1],
        }
        shared["_tier"] = ["data_content"]
        for name in self._metadata:
            if shared.get(name) and (name in ("_index", "_tier") or self._index.shows(name)):
                found[name] = list(shared[name])
        if self._unmapped:
            self._collect_unmapped(document, "", found)
        return found, left_out

    def _collect_unmapped(self, value: Any, path: str, found: dict[str, list[Any]]) -> None:
        mapping = self._index.mapping
        if isinstance(value, dict):
            for key, inner in value.items():
                below = f"{path}.{key}" if path else key
                node = mapping.objects.get(below)
                if below not in mapping.fields and not (node is not None and node.is_nested):
                    self._collect_unmapped(inner, below, found)
        elif isinstance(value, list):
            for inner in value:
                self._collect_unmapped(inner, path, found)
        elif value is not None and any(pattern.fullmatch(path) for pattern in self._unmapped):
            found.setdefault(path, []).append(value)


class IgnoredFields:
    """Which fields of a document were ignored while indexing (``_ignored``): too long for ``ignore_above``, or malformed."""

    def __init__(self, index: Index) -> None:
        paths = SourcePaths(index.mapping)
        self._checks = [
            (name, paths.of(found), shower(found))
            for name, found in index.mapping.fields.items()
            if name == found.name and (found.ignore_above is not None or found.ignore_malformed)
        ]

        limits = [
            0 if found.ignore_malformed else found.ignore_above or 0
            for found in index.mapping.fields.values()
            if found.ignore_above is not None or found.ignore_malformed
        ]
        self._shortest = min(limits, default=1 << 62)

    def possible(self, source: bytes) -> bool:
        """Whether a document can have ignored fields at all, going by its length."""
        return len(source) > self._shortest

    def anywhere(self, index: Index) -> bool:
        """Whether any document of the index has some; looked for once, until documents are added."""
        if not self._checks:
            return False
        rows, found = _ANYWHERE.get(index, (-1, False))
        if rows != index.rows:
            found = any(self.possible(index.source(row)) and self.of(index.document(row)) for row in index.live_rows().tolist())
            _ANYWHERE[index] = (index.rows, found)
        return found

    def of(self, document: dict[str, Any]) -> list[str]:
        """The names, sorted."""
        return sorted(
            name
            for name, paths, show in self._checks
            if any(show(value) is _IGNORED for path in paths for value in extract(document, path))
        )


_ANYWHERE: Final[WeakKeyDictionary[Index, tuple[int, bool]]] = WeakKeyDictionary()
"""By index, for how many rows it was found out, and whether any document has ignored fields."""


class DocValuesFetcher:
    """``docvalue_fields``: values from the columns, sorted within a document."""

    def __init__(self, index: Index, requests: Iterable[Request]) -> None:
        self._readers: dict[str, Callable[[int], list[Any]]] = {}
        for request in requests:
            if request.pattern in METADATA:
                self._readers[request.pattern] = _metadata_reader(request.pattern, index)
            for name in matching_names(index.mapping, request.pattern):
                self._readers[name] = _reader(index, index.mapping.fields[name], request.format)

    def values(self, row: int) -> dict[str, list[Any]]:
        """The values by field of a row; fields without any are left out."""
        return {name: values for name, read in self._readers.items() if (values := read(row))}


def _metadata_reader(name: str, index: Index) -> Callable[[int], list[Any]]:
    if name in ("_seq_no", "_version") and not index.shows(name):
        return lambda _: []
    if name == "_seq_no":
        return lambda row: [row]
    if name == "_version":
        return lambda _: [1]
    if name == "_index":
        return lambda _: [index.qualified_name]
    if name == "_id":
        raise illegal(
            "Fielddata access on the _id field is disallowed, you can re-enable it by updating the dynamic cluster setting: "
            "indices.id_field_data.enabled"
        )
    raise illegal(f"Fielddata is not supported on field [{name}] of type [{name}]")


def _reader(index: Index, found: FieldType, format_: str | None) -> Callable[[int], list[Any]]:
    if found.is_text:
        raise text_fielddata(found.name, index.qualified_name)
    if not found.doc_values:
        raise fielddata_unsupported(found)
    if format_ is not None and not found.is_date:
        if found.is_number:
            raise illegal(f"the decimal format [{format_}] of the field [{found.name}] is not supported")
        raise illegal(f"Field [{found.name}] of type [{found.type}] does not support custom formats")
    if found.nested is not None:
        return lambda _: []
    column = index.root.column(found)
    show: Show
    if column.by_ordinal:
        show = column.terms.__getitem__
    elif found.is_date:
        printer = DateFormat.of(format_ or found.date_format)
        show = printer.format_nanos if found.type == "date_nanos" else printer.format
    else:
        show = bool if found.type == "boolean" else lambda value: value
    return lambda row: [show(value) for value in column.values[column.starts[row] : column.starts[row + 1]].tolist()]
