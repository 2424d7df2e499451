"""From a REST query to the tree that is executed: the registry of query types, their options, and what they need to know.

A query type is a function decorated with `query` or `field_query`; its module is imported by this package. The decorator says which
options there are, so that an unknown one is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gateway.backends.memory.columns import Column
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.queries.nodes import Boost, Everything, Filter, Named, Node, Nothing
from gateway.backends.memory.table import Table
from gateway.backends.memory.values import MalformedValueError, java_float, text_of
from gateway.globs import simple_match
from protocol.errors import ElasticsearchException

MAX_DEPTH: Final = 30
"""indices.query.bool.max_nested_depth: how deep queries may nest."""
Now = int | Callable[[], int]
"""The time that ``now`` is in milliseconds, or what says it (or refuses to) where a query asks for it."""
MAX_CLAUSES: Final = 4096
"""indices.query.bool.max_clause_count, of a node with a usual heap."""

_OWN_NAME: Final = frozenset({"prefix", "wildcard"})
"""Types whose value may also stand under their own name."""
_OPEN: Final = frozenset({"boost", "_name"})


def parsing(reason: str) -> ElasticsearchException:
    """A query that is not well-formed."""
    return ElasticsearchException("parsing_exception", reason, status=400)


def illegal(reason: str) -> ElasticsearchException:
    """A query that asks for what cannot be."""
    return ElasticsearchException("illegal_argument_exception", reason, status=400)


class RewriteError(ElasticsearchException):
    """A query that fails while Elasticsearch rewrites it, before it is made: no exception of the shard is put around it."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a query is compiled: an index, the table of the nested level it stands in, and the time that ``now`` is."""

    index: Index
    table: Table
    now_millis: Now
    depth: int = 0
    rewrites: bool = True
    """Whether queries are rewritten by what the index holds before they are made; those of roles are not."""

    @property
    def size(self) -> int:
        """How many rows the table has."""
        return self.table.rows

    def compile(self, query_: Any) -> Node:
        """Compiles a query of one key, its type. Raises ElasticsearchException."""
        if not isinstance(query_, dict):
            raise parsing("[_na] query malformed, must start with start_object")
        if not query_:
            raise ElasticsearchException("illegal_argument_exception", "query malformed, empty clause found", status=400)
        if len(query_) > 1:
            raise parsing(f"[{next(iter(query_))}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
        if self.depth > MAX_DEPTH:
            raise illegal(
                f"The nested depth of the query exceeds the maximum nested depth for queries set in "
                f"[indices.query.bool.max_nested_depth] to [{MAX_DEPTH}]"
            )
        (name, body), *_ = query_.items()
        kind = _KINDS.get(name)
        if kind is None:
            raise parsing(f"unknown query [{name}]")
        return kind.compile(replace(self, depth=self.depth + 1), body)

    # Fields

    def field(self, name: str) -> FieldType | None:
        """A leaf field by name; None when it is not mapped."""
        return self.index.field(name)

    def here(self, field: FieldType) -> bool:
        """Whether a field's values are in this table: a nested object's are seen from within a nested query only."""
        return field.nested == self.table.path

    def column(self, field: FieldType) -> Column:
        """A field's column."""
        return self.table.column(field)

    def postings(self, field: FieldType) -> Postings:
        """A text field's postings."""
        return self.table.text(field)

    def names(self, pattern: str) -> Iterator[str]:
        """The leaf fields, multi-fields included, that a pattern with ``*`` matches, sorted."""
        return iter(sorted(name for name in self.index.mapping.fields if simple_match(pattern, name)))

    def held_names(self, pattern: str) -> list[str]:
        """The leaf fields that a pattern stands for among the fields of one text: those that a document has, however old
        (``QueryParserHelper``). The query of a role is made without looking at the index: to it a pattern stands for no field."""
        return [name for name in self.names(pattern) if self._is_held(self.index.mapping.fields[name])]

    def _is_held(self, field: FieldType) -> bool:
        if field.type == "constant_keyword":
            return True
        return self.rewrites and bool(self.index.table(field.nested).exists(field).any())

    # Nodes

    def nothing(self) -> Node:
        """Matches no row."""
        return Nothing(self.size)

    def everything(self) -> Node:
        """Matches every row."""
        return Everything(self.size)

    def filter(self, find: Callable[[], Matches]) -> Node:
        """A query whose matches all have the same score."""
        return Filter(self.size, find)

    def any_of(self, source: Column | Postings, find: Callable[[], Any]) -> Node:
        """The rows that hold any of some terms (numbers in ``source``, found when needed); all have the same score."""

        def matches() -> Matches:
            if isinstance(source, Column):
                return Matches(self.size, test=source.any_test(find()))
            return Matches(self.size, mask=source.any_of(find()))

        return Filter(self.size, matches, terms=lambda: (source, find()))

    # Errors

    def refused(self, reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
        """A query_shard_exception of this index."""
        metadata = {"es.index": [self.index.qualified_name], "es.index_uuid": [self.index.uuid]}
        return ElasticsearchException("query_shard_exception", reason, cause=cause, status=400, metadata=metadata)


Compile = Callable[[Context, dict[str, Any]], Node]
CompileField = Callable[[Context, str, dict[str, Any]], Node]


@dataclass(frozen=True, slots=True)
class Kind:
    """A query type. With ``short`` it is on one field, ``{field: {...}}`` or ``{field: value}``; the value then is that option."""

    name: str
    options: frozenset[str]
    short: str | None
    run: Callable[..., Node]

    def compile(self, context: Context, body: Any) -> Node:
        if not isinstance(body, dict):
            raise parsing(f"[{self.name}] query malformed, no start_object after query name")
        if self.short is None:
            params = body
            self._check(params)
            node = self.run(context, params)
        else:
            outer = {key: value for key, value in body.items() if key in _OPEN and not isinstance(value, dict)}
            fields = {key: value for key, value in body.items() if key not in outer}
            if len(fields) != 1:
                raise self._wrong_fields(list(fields))
            (field, value), *_ = fields.items()
            params = {**outer, **(value if isinstance(value, dict) else {self.short: value})}
            if self.name in _OWN_NAME and self.name in params:
                params[self.short] = params.pop(self.name)
            self._check(params)
            if self.short and params.get(self.short) is None:
                raise illegal("field name is null or empty" if not field else "value cannot be null")
            node = self.run(context, field, params)
        boost, name = params.get("boost"), params.get("_name")
        if boost is not None:
            factor = number(boost, self.name, "boost")
            if factor < 0:
                raise illegal(f"negative [boost] are not allowed in [{self.name}] query, use a value between 0 and 1 to deboost")
            if factor != 1:
                node = Boost(node, np.float32(factor))
        return node if name is None else Named(node, str(name))

    def _check(self, params: dict[str, Any]) -> None:
        for key in params:
            if key not in self.options and key not in _OPEN and "*" not in self.options:
                raise parsing(f"[{self.name}] query does not support [{key}]")

    def _wrong_fields(self, fields: list[str]) -> ElasticsearchException:
        if not fields:
            return illegal("field name is null or empty")
        return parsing(f"[{self.name}] query doesn't support multiple fields, found [{fields[0]}] and [{fields[1]}]")


_KINDS: Final[dict[str, Kind]] = {}


def query(name: str, *options: str) -> Callable[[Compile], Compile]:
    """Declares a query type with these options (``boost`` and ``_name`` every type has); ``*`` lets any through."""

    def declare(function: Compile) -> Compile:
        _KINDS[name] = Kind(name, frozenset(options), None, function)
        return function

    return declare


def field_query(name: str, *options: str, short: str) -> Callable[[CompileField], CompileField]:
    """Declares a query type on one field; ``short`` is the option that ``{field: value}`` sets, empty where that form is not allowed."""

    def declare(function: CompileField) -> CompileField:
        _KINDS[name] = Kind(name, frozenset({*options, short}), short, function)
        return function

    return declare


def supported() -> frozenset[str]:
    """The names of the query types that there are."""
    return frozenset(_KINDS)


# Options


def number(value: Any, query_name: str, option: str) -> float:
    """A numeric option, also as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise parsing(f"[{query_name}] failed to parse [{option}]: [{value}] is not a number")
    try:
        return java_float(value) if isinstance(value, str) else float(value)
    except MalformedValueError as error:
        raise ElasticsearchException(error.type, error.reason, status=400) from None


def whole(params: dict[str, Any], option: str, default: int) -> int:
    """A whole-number option, also as text. Raises ElasticsearchException (illegal_argument_exception) when negative."""
    value = params.get(option, default)
    try:
        found = int(value)
    except (TypeError, ValueError):
        raise ElasticsearchException("number_format_exception", f'For input string: "{value}"', status=400) from None
    if found < 0:
        raise illegal(f"No negative {option.replace('_', ' ')} allowed.")
    return found


def flag(params: dict[str, Any], option: str, default: bool) -> bool:
    """A true or false option, also as text."""
    value = params.get(option)
    if value is None:
        return default
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise illegal(f"Failed to parse value [{text_of(value)}] as only [true] or [false] are allowed.")


def clauses(value: Any) -> list[Any]:
    """One clause or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]
