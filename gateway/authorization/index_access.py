"""What may be seen within an index: which documents, and which of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.field_patterns import FieldMatcher

Query = Mapping[str, Any]
"""A query in its REST form, as in ``{"term": {"tenant": "a"}}``."""


MAX_REMEMBERED_FIELDS: Final = 10_000
"""Field names come from mappings and from requests, so there is a limit."""


class FieldAccess:
    """The fields that each descriptor set shows: within a set what any of its rules shows, across sets what all of them show."""

    __slots__ = ("_matchers", "_remembered", "rules")

    def __init__(self, rules: tuple[frozenset[FieldSecurity], ...]) -> None:
        self.rules = rules
        self._matchers = tuple(FieldMatcher(one) for one in rules)
        self._remembered: dict[str, bool] = {}

    def allows(self, name: str) -> bool:
        """Whether the field with this full name (``user.name.keyword``) may be seen."""
        known = self._remembered.get(name)
        if known is None:
            known = all(matcher.allows(name) for matcher in self._matchers)
            if len(self._remembered) >= MAX_REMEMBERED_FIELDS:
                self._remembered.clear()
            self._remembered[name] = known
        return known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldAccess) and set(self.rules) == set(other.rules)

    def __hash__(self) -> int:
        return hash(frozenset(self.rules))


@dataclass(frozen=True, slots=True)
class IndexAccess:
    """``queries``: for each descriptor set that restricts documents, its queries: a document must match one of each set's. ``fields``:
    ``None`` is all of them."""

    queries: tuple[tuple[Query, ...], ...] = field(default=(), hash=False)
    fields: FieldAccess | None = None

    @property
    def unrestricted(self) -> bool:
        return not self.queries and self.fields is None

    def filters(self) -> tuple[dict[str, Any], ...]:
        """Queries that a document must all match."""
        return tuple(
            dict(one[0]) if len(one) == 1 else {"bool": {"should": [dict(query) for query in one], "minimum_should_match": 1}}
            for one in self.queries
        )


EVERYTHING: Final = IndexAccess()
