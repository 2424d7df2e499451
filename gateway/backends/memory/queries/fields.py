"""What a field of each type answers to a term: the leaves that all query types share, with Elasticsearch's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gateway.backends.memory.index_names import matches_name
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries.bounds import Bounds, range_node
from gateway.backends.memory.queries.compiler import Context, RewriteError, illegal
from gateway.backends.memory.queries.nodes import Bool, Constant, Node
from gateway.backends.memory.queries.query_values import boolean, stored_number
from gateway.backends.memory.queries.text import KeywordTerm, TextTerm
from gateway.backends.memory.values import normalizer, parse_address, text_of
from protocol.errors import ElasticsearchException

_UNSUPPORTED_METADATA: Final = frozenset(
    {"_doc_count", "_field_names", "_ignored", "_ignored_source", "_nested_path", "_seq_no", "_tier", "_version"}
)


def check_metadata(context: Context, name: str) -> None:
    """Refuses metadata fields that are not searchable here."""
    if name == "_source":
        raise context.refused("The _source field is not searchable")
    if name in _UNSUPPORTED_METADATA:
        raise illegal(f"Field [{name}] is not supported in queries of the in-memory cluster")


def check_searchable(field: FieldType) -> None:
    """Refuses a field that is neither indexed nor has doc values (or, for text, is not indexed)."""
    if field.is_text and not field.indexed:
        raise illegal(f"Cannot search on field [{field.name}] since it is not indexed.")
    if not (field.indexed or field.doc_values):
        raise illegal(f"Cannot search on field [{field.name}] since it is not indexed nor has doc values.")


def index_matches(context: Context, value: str, ignore_case: bool = False) -> Node:
    """``_index``: all documents or none. The value is an expression of an index, alias or data stream (`matches_name`)."""
    try:
        found = matches_name(context.index, value.lower() if ignore_case else value)
    except ElasticsearchException as error:
        raise RewriteError(error.type, error.reason, status=400, metadata=error.metadata) from None
    return context.everything() if found else context.nothing()


def ids_node(context: Context, values: Sequence[Any]) -> Node:
    """Documents by _id."""

    def find() -> Matches:
        if context.table.parent is not None:
            return Matches.none(context.size)
        rows = {row for row in (context.index.row(text_of(value)) for value in values) if row is not None}
        return Matches(context.size, rows=np.array(sorted(rows), np.int32))

    return context.filter(find)


def term_node(context: Context, field: FieldType, value: Any) -> Node:
    """Rows that hold one value."""
    check_searchable(field)
    if field.is_text:
        return TextTerm(context.postings(field), text_of(value), field.norms) if context.here(field) else context.nothing()
    if field.type == "constant_keyword":
        return context.everything() if field.value == text_of(value) else context.nothing()
    if field.type == "keyword":
        normalize = normalizer(field.normalizer)
        text = text_of(value)
        return _keyword(context, field, text if normalize is None else normalize(text))
    if field.type == "boolean":
        return _keyword(context, field, boolean(value))
    if field.is_date:
        return range_node(context, field, Bounds(value, value, True, True))
    if field.type == "ip":
        return _address(context, field, text_of(value))
    wanted = stored_number(field, value)
    if wanted is None or not context.here(field):
        return context.nothing()
    column = context.column(field)
    return context.filter(lambda: Matches(context.size, test=column.test(lambda values: values == wanted)))


def _keyword(context: Context, field: FieldType, value: str | int) -> Node:
    if not context.here(field):
        return context.nothing()
    node = KeywordTerm(context.column(field), value)
    return node if field.indexed else Constant(node)


def _address(context: Context, field: FieldType, text: str) -> Node:
    if "/" in text:
        return range_node(context, field, cidr_bounds(text))
    key = parse_address(text)
    if not context.here(field):
        return context.nothing()
    column = context.column(field)

    def find() -> Matches:
        try:
            return Matches(context.size, rows=column.rows_of(column.keys.index(key)))
        except ValueError:
            return Matches.none(context.size)

    return context.filter(find)


def cidr_bounds(text: str) -> Bounds:
    """The first and the last address of a network as ``10.0.0.0/8``. Raises ElasticsearchException, MalformedValueError."""
    address, _, length = text.partition("/")
    if not length.lstrip("+-").isdecimal():
        raise ElasticsearchException("number_format_exception", f'For input string: "{length}"', status=400)
    key = parse_address(address)
    width = 32 if ":" not in address else 128
    if not (length.isascii() and length.isdigit() and int(length) <= width):
        raise illegal(f"Illegal prefix length [{length}] in [{text}]. Must be 0-32 for IPv4 ranges, 0-128 for IPv6 ranges")
    host = width - int(length)
    low = int.from_bytes(key, "big") >> host << host
    return Bounds(low.to_bytes(16, "big"), (low | (1 << host) - 1).to_bytes(16, "big"), True, True)


def terms_node(context: Context, field: FieldType, values: Sequence[Any]) -> Node:
    """Rows that hold any of some values; all matches score the same."""
    check_searchable(field)
    if field.type == "keyword":
        normalize = normalizer(field.normalizer) or str
        texts = {normalize(text_of(value)) for value in values}
        if not context.here(field):
            return context.nothing()
        column = context.column(field)
        return context.any_of(column, lambda: [found for found in map(column.ordinal, texts) if found is not None])
    if field.is_text:
        postings = context.postings(field) if context.here(field) else None
        texts = {text_of(value) for value in values}
        if postings is None:
            return context.nothing()
        return context.any_of(postings, lambda: [found for found in map(postings.number, texts) if found is not None])
    if field.is_number:
        wanted = [found for found in (stored_number(field, value) for value in values) if found is not None]
        if not wanted or not context.here(field):
            return context.nothing()
        numbers = context.column(field)
        return context.filter(lambda: Matches(context.size, test=numbers.test(lambda values: np.isin(values, wanted))))
    return Constant(Bool(context.size, should=[term_node(context, field, value) for value in values]))


def exists_node(context: Context, fields: Sequence[FieldType]) -> Node:
    """Rows that have a value of any of some fields."""

    def find() -> Matches:
        mask = np.zeros(context.size, np.bool_)
        for field in fields:
            if context.here(field):
                mask |= context.table.exists(field)
        return Matches(context.size, mask=mask)

    return context.filter(find)


def wrong_type(kind: str, fields: str, field: FieldType) -> str:
    """The reason why a field's type does not allow a kind of query."""
    return f"Can only use {kind} queries on {fields} fields - not on [{field.name}] which is of type [{field.type}]"
