"""Parsing documents: every value of a source goes to its field's sink, and what is not mapped yet is mapped as Elasticsearch would."""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.backends.memory.dynamic import dynamic_child
from gateway.backends.memory.mapping import FieldType, Mapping, ObjectType
from gateway.backends.memory.table import Table
from gateway.backends.memory.values import MalformedValueError, text_of
from protocol.errors import ElasticsearchException

FLUSH_EVERY: Final = 8192
"""Documents between packings: keeps Python objects in memory to a few tens of thousands of values per field."""
MAX_DEPTH: Final = 1000
"""How deep objects may nest, so that parsing cannot exhaust the stack (Elasticsearch's parser allows 1000 levels)."""


def parse_source(source: bytes) -> dict[str, Any]:
    """A source's JSON object. Raises ElasticsearchException (document_parsing_exception)."""
    try:
        document = orjson.loads(source)
    except orjson.JSONDecodeError as error:
        raise ElasticsearchException("document_parsing_exception", f"Error parsing document: {error}", status=400) from None
    if not isinstance(document, dict):
        raise _refused("Malformed content, must start with an object")
    return document


def _refused(reason: str) -> ElasticsearchException:
    return ElasticsearchException("document_parsing_exception", reason, status=400)


class DocumentParser:
    """Puts documents into the tables of an index: ``root`` and, by nested path, ``tables`` (which grows as nested objects come)."""

    def __init__(self, mapping: Mapping, root: Table, tables: dict[str, Table]) -> None:
        self._mapping = mapping
        self._root = root
        self._tables = tables
        self._id = ""

    def table(self, node: ObjectType) -> Table:
        """The table of a nested object, made when it is first asked for."""
        table = self._tables.get(node.name)
        if table is None:
            outer = node.name.rpartition(".")[0]
            while outer and not self._mapping.objects[outer].is_nested:
                outer = outer.rpartition(".")[0]
            parent = self.table(self._mapping.objects[outer]) if outer else self._root
            table = self._tables[node.name] = Table(self._mapping, node.name, parent)
        return table

    def parse(self, row: int, _id: str, source: bytes) -> None:
        """Indexes a document as the root's row ``row``. On failure nothing of it stays; raises ElasticsearchException."""
        document = parse_source(source)
        self._id = _id
        before = [(table, table.rows) for table in (self._root, *self._tables.values())]
        try:
            self._root.begin_row()
            self._object(self._mapping.root, document, row, self._root)
        except (ElasticsearchException, RecursionError) as error:
            for table, rows in before:
                table.rollback(rows)
            for table in self._tables.values():
                if all(table is not known for known, _ in before):
                    table.rollback(0)
            if isinstance(error, RecursionError):
                raise _refused(f"The depth of the document exceeds the allowed limit of [{MAX_DEPTH}]") from None
            raise
        if (row + 1) % FLUSH_EVERY == 0:
            for table in (self._root, *self._tables.values()):
                table.flush()

    def _object(self, node: ObjectType, content: dict[str, Any], row: int, table: Table) -> None:
        children = node.children
        for key, value in content.items():
            child = children.get(key)
            if child is None:
                if "." in key:
                    self._dotted(node, key, value, row, table)
                    continue
                child = dynamic_child(self._mapping, node, key, value)
                if child is None:
                    continue
            if type(child) is FieldType:
                self._value(child, value, row, table)
            elif isinstance(child, ObjectType):
                self._child_object(child, key, value, row, table)

    def _dotted(self, node: ObjectType, key: str, value: Any, row: int, table: Table) -> None:
        """``{"a.b": 1}`` means ``{"a": {"b": 1}}``."""
        first, _, rest = key.partition(".")
        if not first.strip() or not rest.strip() or ".." in key or key.endswith("."):
            raise _refused(f"field name starting or ending with a [.] makes object resolution ambiguous: [{key}]")
        child = node.children.get(first) or dynamic_child(self._mapping, node, first, {rest: value})
        if child is None:
            return
        if isinstance(child, FieldType):
            raise _refused(
                f"object mapping for [{child.name}] tried to parse field [{first}] as object, but found a concrete value"
            )
        self._child_object(child, first, {rest: value}, row, table)

    def _child_object(self, child: ObjectType, key: str, value: Any, row: int, table: Table) -> None:
        if not child.enabled or value is None:
            return
        if type(value) is list:
            for item in value:
                self._child_object(child, key, item, row, table)
        elif type(value) is not dict:
            raise _refused(
                f"object mapping for [{child.name}] tried to parse field [{key}] as object, but found a concrete value"
            )
        elif child.is_nested:
            inner = self.table(child)
            self._object(child, value, inner.begin_row(row), inner)
        else:
            self._object(child, value, row, table)

    def _value(self, field: FieldType, value: Any, row: int, table: Table) -> None:
        if type(value) is list:
            for item in value:
                self._value(field, item, row, table)
            return
        self._put(field, value, row, table)
        for sub in field.subfields:
            self._put(sub, value, row, table)
        for name in field.copy_to:
            target = self._mapping.fields[name]
            self._put(target, value, row, table)
            for sub in target.subfields:
                self._put(sub, value, row, table)

    def _put(self, field: FieldType, value: Any, row: int, table: Table) -> None:
        if value is None:
            value = field.null_value
            if value is None:
                return
        try:
            if type(value) is dict:
                raise MalformedValueError("Cannot parse object as a value", "illegal_argument_exception")
            table.sink(field).add(row, value)
        except MalformedValueError as error:
            if field.ignore_malformed:
                return
            raise self._malformed(field, value, ElasticsearchException(error.type, error.reason, status=400)) from None
        except ElasticsearchException as error:
            if field.ignore_malformed:
                return
            raise self._malformed(field, value, error) from None

    def _malformed(self, field: FieldType, value: Any, cause: ElasticsearchException) -> ElasticsearchException:
        preview = (
            "{" + ", ".join(f"{key}={_preview(item)}" for key, item in value.items()) + "}"
            if isinstance(value, dict)
            else text_of(value)
        )
        return ElasticsearchException(
            "document_parsing_exception",
            f"failed to parse field [{field.name}] of type [{field.type}] in document with id '{self._id}'. "
            f"Preview of field's value: '{preview}'",
            cause=cause,
            status=400,
        )


def _preview(value: Any) -> str:
    """A nested value of an object as Java's ``Map.toString`` shows it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_preview(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_preview, value)) + "]"
    return "null" if value is None else text_of(value)
