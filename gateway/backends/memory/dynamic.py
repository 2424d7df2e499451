"""Dynamic mappings: which field Elasticsearch makes of a value that no field is there for."""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.backends.memory.mapping import DEFAULT_DATE_FORMAT, FieldType, Mapping, ObjectType
from gateway.backends.memory.mapping_parser import add_property
from protocol.dates.date_format import DateFormat
from protocol.errors import ElasticsearchException

IGNORE_ABOVE: Final = 256
"""ignore_above of the ``keyword`` multi-field that texts get."""

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def dynamic_child(mapping: Mapping, node: ObjectType, key: str, value: Any) -> FieldType | ObjectType | None:
    """Maps an unmapped key by its first value that is not null; None when it stays unmapped.

    Raises ElasticsearchException (strict_dynamic_mapping_exception, illegal_argument_exception at the limit of fields).
    """
    if not key.strip():
        raise ElasticsearchException(
            "document_parsing_exception", f"Field name cannot contain only whitespace: [{node.path(key)}]", status=400
        )
    dynamic = mapping.dynamic_of(node)
    if dynamic == "strict":
        raise ElasticsearchException(
            "strict_dynamic_mapping_exception",
            f"mapping set to strict, dynamic introduction of [{key}] within [{node.name or '_doc'}] is not allowed",
            status=400,
        )
    if dynamic == "false":
        return None
    sample = _first(value)
    if sample is None:
        return None
    if len(mapping.fields) + len(mapping.objects) >= mapping.max_fields:
        raise ElasticsearchException(
            "document_parsing_exception",
            f"Limit of total fields [{mapping.max_fields}] has been exceeded while adding new fields [1]",
            status=400,
        )
    name = node.path(key)
    type_ = "object" if isinstance(sample, dict) else _type_of(mapping, sample)
    if mapping.templates:
        definition = _templated(mapping, name, key, type_, sample)
        if definition is not None:
            add_property(mapping, node, key, definition)
            return node.children[key]
    if type_ == "object":
        child = ObjectType(name, nested=node.nested)
        mapping.add_object(node, key, child)
        return child
    field = FieldType(name, type_, name, nested=node.nested)
    field.definition = {"type": field.type}
    if field.type == "text":
        sub = FieldType(f"{name}.keyword", "keyword", name, nested=node.nested, ignore_above=IGNORE_ABOVE, parent=field)
        sub.definition = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
        field.subfields.append(sub)
    elif field.type == "date":
        field.format = _date_format(mapping, sample)
        if field.format is not None:
            field.definition["format"] = field.format
    mapping.add_field(node, key, field)
    return field


def _templated(mapping: Mapping, name: str, key: str, type_: str, sample: Any) -> dict[str, Any] | None:
    """The mapping that the first dynamic template for it gives a new field."""
    wanted = {"text": "string", "float": "double"}.get(type_, type_)
    for template in mapping.templates:
        definition = template.definition(name, key, wanted)
        if definition is not None:
            found = _date_format(mapping, sample) if type_ == "date" else None
            return {"format": found, **definition} if found and definition["type"] == "date" else definition
    return None


def _first(value: Any) -> Any:
    """The first value in a (nested) array that is not null, or the value itself."""
    if not isinstance(value, list):
        return value
    for item in value:
        found = _first(item)
        if found is not None:
            return found
    return None


def _type_of(mapping: Mapping, sample: Any) -> str:
    if isinstance(sample, bool):
        return "boolean"
    if isinstance(sample, int):
        return "long"
    if isinstance(sample, float):
        return "float"
    if mapping.numeric_detection:
        if _INTEGER.fullmatch(sample) and -(1 << 63) <= int(sample) < 1 << 63:
            return "long"
        if _DECIMAL.fullmatch(sample):
            return "float"
    if mapping.date_detection and _matching_format(mapping, sample) is not None:
        return "date"
    return "text"


def _matching_format(mapping: Mapping, sample: str) -> str | None:
    """The first dynamic date format that parses a text. A number, as ``2024``, is never taken for a date."""
    if not sample or sample[0].isalpha() or _DECIMAL.fullmatch(sample):
        return None
    for format_ in mapping.dynamic_date_formats:
        try:
            DateFormat.of(format_).parse_value(sample)
        except ElasticsearchException:
            continue
        return format_
    return None


def _date_format(mapping: Mapping, sample: str) -> str | None:
    """The format that the new date field declares; None when it is the default."""
    found = _matching_format(mapping, sample)
    return None if found == DEFAULT_DATE_FORMAT else found
