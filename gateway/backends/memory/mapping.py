"""The mapping of an index: its fields and objects, as Elasticsearch's ``mappings`` declare them.

`Mapping` is read from a create-index body by mapping_parser.py and grows by dynamic mappings (documents.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.backends.memory.dynamic_templates import DynamicTemplate

INTEGERS: Final = {
    "byte": (-(1 << 7), (1 << 7) - 1),
    "short": (-(1 << 15), (1 << 15) - 1),
    "integer": (-(1 << 31), (1 << 31) - 1),
    "long": (-(1 << 63), (1 << 63) - 1),
}
"""The whole-number types and their bounds."""
DECIMALS: Final = frozenset({"half_float", "float", "double", "scaled_float"})
DATES: Final = frozenset({"date", "date_nanos"})
KEYWORDS: Final = frozenset({"keyword", "constant_keyword"})
DEFAULT_DATE_FORMAT: Final = "strict_date_optional_time||epoch_millis"
DEFAULT_DATE_NANOS_FORMAT: Final = "strict_date_optional_time_nanos||epoch_millis"


@dataclass(slots=True, eq=False)
class FieldType:
    """A leaf field: one that holds values. Multi-fields (``title.keyword``) are fields of their own."""

    name: str
    """The full dotted path."""
    type: str
    """Elasticsearch's type name: text, keyword, long, date, …"""
    source_path: str
    """The dotted path in the source that the values come from: of the parent field for a multi-field, else the name."""
    nested: str | None = None
    """The innermost nested object that the field lies in, or None."""
    indexed: bool = True
    doc_values: bool = True
    norms: bool = True
    null_value: Any = None
    ignore_above: int | None = None
    normalizer: str | None = None
    ignore_malformed: bool = False
    coerce: bool = True
    scaling_factor: float = 1.0
    format: str | None = None
    """The date format, of date fields."""
    analyzer: str = "standard"
    search_analyzer: str = "standard"
    search_quote_analyzer: str = "standard"
    position_increment_gap: int = 100
    value: str | None = None
    """The value of a constant_keyword."""
    copy_to: tuple[str, ...] = ()
    definition: dict[str, Any] = field(default_factory=dict)
    """The JSON that declared it, without ``fields``."""
    subfields: list[FieldType] = field(default_factory=list)
    parent: FieldType | None = None
    """The field whose multi-field this is."""

    @property
    def is_text(self) -> bool:
        """Whether it has postings (`Table.text`) rather than a column."""
        return self.type == "text"

    @property
    def named(self) -> bool:
        """Whether ``_field_names`` says which documents have it: neither doc values nor norms do."""
        return self.indexed and not (self.norms if self.is_text else self.doc_values)

    @property
    def is_keyword(self) -> bool:
        return self.type in KEYWORDS

    @property
    def is_integer(self) -> bool:
        return self.type in INTEGERS

    @property
    def is_number(self) -> bool:
        return self.type in INTEGERS or self.type in DECIMALS

    @property
    def is_date(self) -> bool:
        return self.type in DATES

    @property
    def meta(self) -> dict[str, str]:
        """The ``meta`` of the field, for field capabilities."""
        return dict(self.definition.get("meta", {}))

    @property
    def date_format(self) -> str:
        """The date format, or the default one."""
        return self.format or (DEFAULT_DATE_NANOS_FORMAT if self.type == "date_nanos" else DEFAULT_DATE_FORMAT)


@dataclass(slots=True, eq=False)
class ObjectType:
    """An object: a field that holds fields. ``name`` is empty for the root."""

    name: str
    nested: str | None = None
    """The innermost nested path that it is or lies in, or None."""
    is_nested: bool = False
    enabled: bool = True
    dynamic: str | None = None
    """true, false or strict; None inherits."""
    children: dict[str, FieldType | ObjectType] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return "nested" if self.is_nested else "object"

    def path(self, key: str) -> str:
        """The full path of a child."""
        return f"{self.name}.{key}" if self.name else key


@dataclass(slots=True, eq=False)
class Mapping:
    """All fields and objects of an index by full path, and the rules for dynamic mappings."""

    root: ObjectType = field(default_factory=lambda: ObjectType(""))
    fields: dict[str, FieldType] = field(default_factory=dict)
    """Every leaf field, multi-fields and aliases (which give their target) included."""
    objects: dict[str, ObjectType] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Alias fields: path to the target's path."""
    date_detection: bool = True
    numeric_detection: bool = False
    dynamic_date_formats: tuple[str, ...] = (DEFAULT_DATE_FORMAT, "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis")
    templates: tuple[DynamicTemplate, ...] = ()
    """``dynamic_templates``, in order."""
    max_fields: int = 1000
    """index.mapping.total_fields.limit: how many fields and objects dynamic mappings may bring it to."""
    meta: dict[str, Any] = field(default_factory=dict)

    def field(self, name: str) -> FieldType | None:
        """The leaf field with this full path (or the target of an alias field), or None."""
        return self.fields.get(name)

    def add_field(self, parent: ObjectType, key: str, child: FieldType) -> None:
        """Puts a leaf field, with its multi-fields, under an object."""
        parent.children[key] = child
        self.fields[child.name] = child
        for sub in child.subfields:
            self.fields[sub.name] = sub

    def add_object(self, parent: ObjectType, key: str, child: ObjectType) -> None:
        """Puts an object under an object."""
        parent.children[key] = child
        self.objects[child.name] = child

    def dynamic_of(self, node: ObjectType) -> str:
        """The ``dynamic`` that holds for an object: its own or the nearest ancestor's, else true."""
        name = node.name
        while node.dynamic is None and name:
            name = name.rpartition(".")[0]
            node = self.objects[name] if name else self.root
        return node.dynamic or "true"

    def nested_paths(self) -> Iterator[str]:
        """The paths of all nested objects, parents first."""
        return (name for name, node in self.objects.items() if node.is_nested)
