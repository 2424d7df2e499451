"""What may be seen within an index: which documents, and which of their fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from weakref import WeakValueDictionary

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.document_queries import DocumentQuery, Query
from gateway.authorization.field_patterns import FieldMatcher
from gateway.lucene.languages import Work
from protocol.errors import ElasticsearchException

MAX_REMEMBERED_FIELDS: Final = 500_000
"""Fields in the answers that are remembered, for all combinations of rules together. Names come from mappings and from requests."""

MAX_COMBINED: Final = 256
"""Combinations of rules for which the result is kept, with the fields that each remembers."""


class _Fields(dict[str, bool]):
    """Whether fields may be seen."""

    __slots__ = ("__weakref__",)


class _Remembered:
    """All of them together. What belongs to combinations that are gone counts until everything is forgotten."""

    def __init__(self) -> None:
        self._every: WeakValueDictionary[int, _Fields] = WeakValueDictionary()
        self._count = 0
        self._lock = Lock()

    def add(self, fields: _Fields) -> None:
        with self._lock:
            self._every[id(fields)] = fields

    def put(self, fields: _Fields, name: str, seen: bool) -> None:
        with self._lock:
            self._count += 1
            if self._count > MAX_REMEMBERED_FIELDS:
                self._count = 1
                for one in self._every.values():
                    one.clear()
            fields[name] = seen


_REMEMBERED: Final = _Remembered()


class FieldAccess:
    """The fields that each descriptor set shows: within a set what any of its rules shows, across sets what all of them show."""

    __slots__ = ("_matchers", "_remembered", "rules")

    def __init__(self, rules: tuple[frozenset[FieldSecurity], ...]) -> None:
        self.rules = rules
        self._matchers = tuple(FieldMatcher(one) for one in rules)
        self._remembered = _Fields()
        _REMEMBERED.add(self._remembered)

    def allows(self, name: str) -> bool:
        """Whether the field with this full name (``user.name.keyword``) may be seen."""
        known = self._remembered.get(name)
        if known is None:
            known = all(matcher.allows(name) for matcher in self._matchers)
            _REMEMBERED.put(self._remembered, name, known)
        return known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldAccess) and set(self.rules) == set(other.rules)

    def __hash__(self) -> int:
        return hash(frozenset(self.rules))


@dataclass(frozen=True, slots=True)
class IndexAccess:
    """``queries``: for each descriptor set that restricts documents, its queries: a document must match one of each set's. ``fields``:
    ``None`` is all of them. ``problem``: one of the queries cannot be run, so each read of a shard of this index fails with it."""

    queries: tuple[tuple[Query, ...], ...] = field(default=(), hash=False)
    fields: FieldAccess | None = None
    problem: ElasticsearchException | None = field(default=None, compare=False)

    @property
    def unrestricted(self) -> bool:
        return not self.queries and self.fields is None

    def filters(self) -> tuple[dict[str, Any], ...]:
        """Queries that a document must all match. Raises ``problem``."""
        if self.problem is not None:
            raise self.problem
        return tuple(
            dict(one[0]) if len(one) == 1 else {"bool": {"should": [dict(query) for query in one], "minimum_should_match": 1}}
            for one in self.queries
        )


EVERYTHING: Final = IndexAccess()


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What entries of one descriptor set show of an index: documents that any of ``queries`` matches, fields that any of ``fields`` shows.
    ``None`` is all of them."""

    queries: frozenset[DocumentQuery] | None = None
    fields: frozenset[FieldSecurity] | None = None

    @classmethod
    def of(cls, query: DocumentQuery | None, fields: FieldSecurity) -> AccessRules:
        return cls(
            None if query is None else frozenset({query}),
            None if fields.unrestricted else frozenset({fields}),
        )

    @property
    def unrestricted(self) -> bool:
        return self.queries is None and self.fields is None

    @property
    def template(self) -> bool:
        """Whether a query has to be made of facts about the user first."""
        return any(query.template for query in self.queries or ())

    def __or__(self, other: AccessRules) -> AccessRules:
        """Documents and fields are joined each by themselves, so both together may show more than either: so Elasticsearch does it."""
        return AccessRules(
            None if self.queries is None or other.queries is None else self.queries | other.queries,
            None if self.fields is None or other.fields is None else self.fields | other.fields,
        )


UNRESTRICTED: Final = AccessRules()


def joined(rules: Sequence[AccessRules]) -> AccessRules:
    """``|`` of one or more."""
    if len(rules) == 1:
        return rules[0]
    queries = [one.queries for one in rules if one.queries is not None]
    fields = [one.fields for one in rules if one.fields is not None]
    return AccessRules(
        frozenset[DocumentQuery]().union(*queries) if len(queries) == len(rules) else None,
        frozenset[FieldSecurity]().union(*fields) if len(fields) == len(rules) else None,
    )


_combined: dict[tuple[AccessRules, ...], IndexAccess] = {}


def combine(rules: tuple[AccessRules, ...], work: Work) -> IndexAccess:
    """What all of some descriptor sets show, each by its rules. Raises TooComplexError when there is no work left."""
    known = _combined.get(rules)
    if known is not None:
        return known
    queries = [
        sorted(one.queries, key=lambda query: query.text.encode("utf-8", "surrogatepass"))
        for one in rules
        if one.queries is not None
    ]
    work.spend(1 + sum(map(len, queries)))
    fields = tuple(one.fields for one in rules if one.fields is not None and not FieldMatcher(one.fields).shows_everything(work))
    problem = next((query.problem for one in queries for query in one if query.problem is not None), None)
    found = IndexAccess(
        tuple(tuple(query.query for query in one) for one in queries), FieldAccess(fields) if fields else None, problem
    )
    while len(_combined) >= MAX_COMBINED:
        _combined.pop(next(iter(_combined)), None)
    _combined[rules] = found
    return found
