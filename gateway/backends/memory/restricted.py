"""An index as somebody sees it whose role shows some documents or some fields only.

    view = restricted(index, grant.access_to(index.name))      # the index itself where nothing is restricted

``view`` is read like any `Index`: for searches, field capabilities, the terms of a field, single documents. As in Elasticsearch, where a
role's rules wrap the reader of the index (x-pack core's ``SecurityIndexReaderWrapper``):

* Documents that the role's queries do not match are as deleted: not live, `Index.row` does not know them, `Index.source` refuses them. The
  statistics that scores are made of still count them, as they count documents that were deleted. The queries themselves see all fields.
* A field that may not be seen is mapped, but no document has it: no postings, no values, and nothing of it is in the source. The value
  of a constant_keyword belongs to the mapping, and is found all the same.

Views are kept with the index until its documents change.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NoReturn

import numpy as np
import orjson

from gateway.authorization.index_access import FieldAccess, IndexAccess
from gateway.backends.memory.columns import Column, Mask
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.queries import compile_query
from gateway.backends.memory.queries.nodes import ONE
from gateway.backends.memory.shown_source import ShownSource
from gateway.backends.memory.sinks import Sink
from gateway.backends.memory.source_filter import dump_source
from gateway.backends.memory.table import Table
from protocol.errors import ElasticsearchException

MAX_VIEWS: Final = 64
"""Views kept for each index; each holds a bool per document."""


def restricted(index: Index, access: IndexAccess) -> Index:
    """The index as ``access`` shows it: `index` itself where that is whole. To be read only, and not after its documents change.

    Raises ElasticsearchException where a query of the role cannot be run, or a field pattern not be read: nothing is shown then.
    """
    if access.unrestricted:
        return index
    if isinstance(index, RestrictedIndex):
        raise TypeError(f"[{index.name}] is restricted already")
    views: OrderedDict[Any, RestrictedIndex] = index.views
    key = (_key(access.filters()), access.fields)
    view = views.get(key)
    if view is None or view.generation != index.generation:
        view = RestrictedIndex(index, access)
        views[key] = view
        while len(views) > MAX_VIEWS:
            views.popitem(last=False)
    # One that is asked for under a cluster alias is seen under it.
    return view.seen_as(index.cluster_alias)


def _key(filters: tuple[dict[str, Any], ...]) -> Any:
    """What tells queries apart; unlike ``==`` it does not take 1 for true."""
    try:
        return orjson.dumps(filters, dict, orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return repr(filters)


def _no_now() -> NoReturn:
    reason = "permission filters are not allowed to use the current timestamp"
    cause = ElasticsearchException("illegal_argument_exception", reason, status=400)
    raise ElasticsearchException("parse_exception", "could not read the current timestamp", cause, status=400)


def _permitted(index: Index, access: IndexAccess) -> Mask:
    """bool[rows]: the live documents that one of each set's queries matches."""
    mask = index.live.copy()
    if access.fields is not None and not access.fields.allows("_primary_term") and any(index.mapping.nested_paths()):
        # By this field Elasticsearch tells documents from their nested objects: most queries then find nothing. Here none does.
        mask[:] = False
    for query in access.filters():
        node = compile_query(index, query, now_millis=_no_now, rewrites=False)
        mask &= node.matches(ONE, False, {}).mask
    mask.setflags(write=False)
    return mask


class RestrictedIndex(Index):
    """See `restricted`."""

    def __init__(self, whole: Index, access: IndexAccess) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self.access = access
        self._permitted = _permitted(whole, access)
        self._count = int(np.count_nonzero(self._permitted))
        self.hides_documents = bool(access.queries)
        self._fields = access.fields
        if access.fields is not None:
            self._hide_fields(access.fields)

    def _hide_fields(self, fields: FieldAccess) -> None:
        try:
            self._shown = ShownSource(fields)
        except ValueError as error:
            raise _unreadable(error) from None
        self.root = _FieldsOf(self._whole.root, None, fields)
        self.tables = {}
        self._shows_nested = fields.allows("_nested_path")
        for path in self._whole.tables:
            self.table(path)

    @property
    def whole(self) -> Index:
        return self._whole

    # Documents

    @property
    def doc_count(self) -> int:
        return self._count

    @property
    def all_live(self) -> bool:
        return self._count == self.rows

    @property
    def live(self) -> Mask:
        if len(self._permitted) != self.rows:
            raise RuntimeError(f"the documents of [{self.name}] have changed since it was restricted")
        return self._permitted

    def source(self, row: int) -> bytes:
        self._check(row)
        return self._whole.source(row) if self._fields is None else dump_source(self.document(row))

    def document(self, row: int) -> dict[str, Any]:
        self._check(row)
        document = self._whole.document(row)
        if self._fields is None:
            return document
        if not self._fields.allows("_source"):
            return {}
        try:
            return self._shown(document)
        except ValueError as error:
            raise _unreadable(error) from None

    def id(self, row: int) -> str:
        self._check(row)
        return self._whole.id(row)

    def row(self, _id: str) -> int | None:
        row = self._whole.row(_id)
        return row if row is not None and self.live[row] and self.shows("_id") else None

    def _check(self, row: int) -> None:
        # Nobody asks for a row that was not found, so that this is for the case that a search is wrong.
        if not self.live[row]:
            raise ElasticsearchException(
                "security_exception", f"a document of [{self.name}] is not among those that may be seen", status=403
            )

    # Data

    def shows(self, name: str) -> bool:
        return self._fields is None or self._fields.allows(name)

    def table(self, path: str | None) -> Table:
        if self._fields is None:
            return self._whole.table(path)
        if path is None:
            return self.root
        found = self.tables.get(path)
        if found is None:
            base = self._whole.table(path)
            parent = None if base.parent is None else self.table(base.parent.path)
            # Nested objects are found by this field.
            shown = _FieldsOf(base, parent, self._fields) if self._shows_nested else Table(self.mapping, path, parent)
            found = self.tables[path] = shown
        return found

    def warm(self) -> None:
        """Columns are made as they are asked for."""

    # Writing

    def add(self, _id: str, source: bytes) -> int:  # noqa: ARG002 - refused
        raise TypeError(f"[{self.name}] is restricted: it is not to be written to")

    def delete(self, _id: str) -> bool:
        raise TypeError(f"[{self.name}] is restricted: it is not to be written to")

    def compact(self) -> None:
        raise TypeError(f"[{self.name}] is restricted: it is not to be written to")


def _unreadable(error: ValueError) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", f"the fields of a role cannot be read: {error}", status=400)


class _FieldsOf(Table):
    """A table in which some fields have no values."""

    def __init__(self, whole: Table, parent: Table | None, fields: FieldAccess) -> None:
        super().__init__(whole.mapping, whole.path, parent)
        self._whole = whole
        self._fields = fields
        self.rows = whole.rows
        self._parents = whole._parents

    def column(self, field: FieldType) -> Column:
        if self._fields.allows(field.name):
            return self._whole.column(field)
        empty = self._whole.empty(field)
        assert isinstance(empty, Column)  # noqa: S101 - narrows for the type checker
        return empty

    def text(self, field: FieldType) -> Postings:
        if self._fields.allows(field.name):
            return self._whole.text(field)
        empty = self._whole.empty(field)
        assert isinstance(empty, Postings)  # noqa: S101 - narrows for the type checker
        return empty

    def exists(self, field: FieldType) -> Mask:
        if field.named and not self._fields.allows("_field_names"):
            return np.zeros(self.rows, np.bool_)
        return super().exists(field)

    def sink(self, field: FieldType) -> Sink:
        raise TypeError(f"[{field.name}] is not to be written to here")

    def begin_row(self, parent: int | None = None) -> int:  # noqa: ARG002 - refused
        raise TypeError("nothing is to be written here")
