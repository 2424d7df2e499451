"""An index of the in-memory cluster: its documents, its mapping, and the tables that searches read.

The root `Table` has one row per document, in the order of indexing; every nested path has a table of its own with one row per nested
object. Columns and postings are built on first use after documents came, and kept.
"""

from __future__ import annotations

import copy
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from gateway.backends.memory.columns import Column, Mask, Rows
from gateway.backends.memory.data_streams import DataStream
from gateway.backends.memory.documents import DocumentParser, parse_source
from gateway.backends.memory.mapping import FieldType, Mapping, ObjectType
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.table import Table

__all__ = ["Index", "Table"]


class Index:
    """One index. Not safe for writing from several threads; reads after loading are.

    ``aliases`` maps each alias to its properties as Elasticsearch's create-index call takes them (``filter``, ``is_hidden``, …).
    ``settings`` are flat, by full name (``index.hidden``), with texts as values (settings.py).
    """

    def __init__(
        self,
        name: str,
        *,
        mapping: Mapping | None = None,
        mappings: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        aliases: dict[str, dict[str, Any]] | None = None,
        uuid: str | None = None,
        hidden: bool = False,
        closed: bool = False,
        system: bool = False,
        data_stream: DataStream | None = None,
    ) -> None:
        self.name = name
        self.uuid = uuid or secrets.token_urlsafe(16)
        self.settings = settings or {}
        self.mappings = mappings or {}
        """The mappings as declared, without dynamic additions; `mapping` has both."""
        self.aliases = aliases or {}
        self.hidden = hidden
        self.closed = closed
        self.system = system
        """Whether it is one of Elasticsearch's own, hence restricted."""
        self.data_stream = data_stream
        """The data stream that it belongs to, as a backing index or as an index of its failure store."""
        self.mapping = mapping or Mapping()
        self.cluster_alias: str | None = None
        """The name of this cluster where a search came from: see `seen_as`."""
        self.generation = 0
        """Counts changes; what is cached for one generation is stale in the next."""
        self.hides_documents = False
        """Whether documents are kept from who reads it, as restricted.py does."""
        self.views: OrderedDict[Any, Any] = OrderedDict()
        """What restricted.py keeps: the index as some roles see it."""
        self._sources: list[bytes] = []
        self._ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._dead: set[int] = set()
        self._live: Mask | None = None
        self._start_tables()

    def _start_tables(self) -> None:
        self.root = Table(self.mapping, None, None)
        self.tables: dict[str, Table] = {}
        self._parser = DocumentParser(self.mapping, self.root, self.tables)

    @property
    def whole(self) -> Index:
        """The index without what restricts it for its reader (restricted.py): for what is no document's content."""
        return self

    def seen_as(self, cluster_alias: str | None) -> Index:
        """The index as a search sees it that knows this cluster under an alias: the same documents, but `qualified_name` differs.

        To be read, and not longer than the search runs."""
        if cluster_alias == self.cluster_alias:
            return self
        seen = copy.copy(self)
        seen.cluster_alias = cluster_alias
        return seen

    @property
    def qualified_name(self) -> str:
        """The name with the alias before it, ``alias:name``: what the field ``_index`` holds and errors say."""
        return f"{self.cluster_alias}:{self.name}" if self.cluster_alias else self.name

    # Documents

    def add(self, _id: str, source: bytes) -> int:
        """Indexes a document, replacing the one with the same id; returns its row.

        Raises ElasticsearchException (document_parsing_exception, strict_dynamic_mapping_exception, …) when a value does not fit its field;
        the document is then not in the index.
        """
        row = len(self._sources)
        self._parser.parse(row, _id, source)
        self.generation += 1
        self._sources.append(source)
        self._ids.append(_id)
        old = self._row_of.get(_id)
        self._row_of[_id] = row
        if old is not None:
            self._dead.add(old)
        self._live = None
        return row

    def delete(self, _id: str) -> bool:
        """Deletes a document; False when there is none with this id."""
        row = self._row_of.pop(_id, None)
        if row is None:
            return False
        self.generation += 1
        self._dead.add(row)
        self._live = None
        return True

    def compact(self) -> None:
        """Drops replaced and deleted documents for good, so that they no longer count in statistics (as a force-merge does)."""
        if not self._dead:
            return
        kept = [(self._ids[row], self._sources[row]) for row in range(len(self._sources)) if row not in self._dead]
        self._sources, self._ids, self._row_of, self._dead = [], [], {}, set()
        self.generation += 1
        self._start_tables()
        for _id, source in kept:
            self.add(_id, source)

    @property
    def rows(self) -> int:
        """How many rows the root table has, dead ones included."""
        return len(self._sources)

    @property
    def doc_count(self) -> int:
        """How many live documents there are."""
        return len(self._row_of)

    @property
    def all_live(self) -> bool:
        """Whether no row is dead, so that the live mask may be skipped."""
        return not self._dead

    @property
    def live(self) -> Mask:
        """bool[rows]: the rows that are neither replaced nor deleted. Not to be written to."""
        if self._live is None or len(self._live) != self.rows:
            self._live = np.ones(self.rows, np.bool_)
            self._live[list(self._dead)] = False
        return self._live

    def live_rows(self) -> Rows:
        """All live rows, ascending."""
        return np.flatnonzero(self.live).astype(np.int32)

    def source(self, row: int) -> bytes:
        """The document's raw JSON, as it was indexed."""
        return self._sources[row]

    def document(self, row: int) -> dict[str, Any]:
        """The document's source, parsed."""
        return parse_source(self._sources[row])

    def id(self, row: int) -> str:
        """The document's _id."""
        return self._ids[row]

    def row(self, _id: str) -> int | None:
        """The live row of a document, or None."""
        return self._row_of.get(_id)

    # Mapping

    def field(self, name: str) -> FieldType | None:
        """The leaf field with this full dotted path (multi-fields too; an alias field gives its target), or None."""
        return self.mapping.field(name)

    def shows(self, name: str) -> bool:  # noqa: ARG002 - everything
        """Whether a field (by its own name, not an alias') may be seen by who reads the index (restricted.py)."""
        return True

    def fields(self) -> Iterator[tuple[str, FieldType]]:
        """All leaf fields by path."""
        return iter(self.mapping.fields.items())

    def objects(self) -> Iterator[tuple[str, ObjectType]]:
        """All objects (plain and nested) by path."""
        return iter(self.mapping.objects.items())

    # Data

    def table(self, path: str | None) -> Table:
        """The table of a nested path, or the root's for None. KeyError when the path is not nested."""
        if path is None:
            return self.root
        if path not in self.tables:
            node = self.mapping.objects.get(path)
            if node is None or not node.is_nested:
                raise KeyError(path)
            self._parser.table(node)
        return self.tables[path]

    def column(self, name: str) -> Column | None:
        """The column of a field that is not text, in the field's own table (its nested path's); None when there is no such field."""
        found = self.field(name)
        return None if found is None or found.is_text else self.table(found.nested).column(found)

    def text(self, name: str) -> Postings | None:
        """The postings of a text field, in the field's own table; None when there is no such field."""
        found = self.field(name)
        return self.table(found.nested).text(found) if found is not None and found.is_text else None

    def warm(self) -> None:
        """Builds all columns and postings now rather than at first use."""
        for _, found in self.fields():
            table = self.table(found.nested)
            if found.is_text:
                table.text(found).number("")
            else:
                table.column(found).warm()

    def memory(self) -> int:
        """Bytes held by sources and built arrays, roughly."""
        return sum(map(len, self._sources)) + sum(table.memory() for table in (self.root, *self.tables.values()))
