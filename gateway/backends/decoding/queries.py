"""Which queries a source may be asked, and what becomes of them where fields may not be seen.

Every kind of query is in one of the tables here, or refused by its name: a query may read what the Grant does not cover (a ``terms``
query looks up a document of another index), and a kind that nobody has thought about may too.

A field that may not be seen is for Elasticsearch one that no document has. So a query of one such field finds nothing, and is
asked as ``match_none``; of a query that chooses its fields by itself nothing can be said, and it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.authorization.index_access import FieldAccess
from gateway.backends.memory.index import Index
from protocol.errors import ElasticsearchException

Json = dict[str, Any]

_ONE_FIELD: Final = frozenset(
    {
        *("term", "range", "prefix", "wildcard", "regexp", "fuzzy"),
        *("match", "match_phrase", "match_phrase_prefix", "match_bool_prefix"),
    }
)
"""Queries of the form ``{"term": {FIELD: {…}}}``."""
_WHOLE: Final = frozenset({"match_all", "match_none"})
_CHOOSE_FIELDS: Final = frozenset({"query_string", "simple_query_string", "multi_match"})
_BOOL: Final = ("must", "filter", "should", "must_not")
_BOOL_OPTIONS: Final = frozenset({"boost", "_name", "minimum_should_match", "adjust_pure_negative"})
_COMPOUND: Final[dict[str, tuple[tuple[str, ...], frozenset[str]]]] = {
    "bool": (_BOOL, _BOOL_OPTIONS),
    "constant_score": (("filter",), frozenset({"boost", "_name"})),
    "dis_max": (("queries",), frozenset({"boost", "_name", "tie_breaker"})),
    "boosting": (("positive", "negative"), frozenset({"boost", "_name", "negative_boost"})),
}
"""Queries that hold others: the members that do, and those that do not."""
_UNDER_THE_GATEWAY: Final = "_index"
"""A field whose values are the names of indices, which the client knows by other names than the source."""


_METADATA: Final = frozenset({"_id", "_routing", "_ignored", "_version", "_seq_no", "_primary_term"})
"""Those that tell nothing of other fields; ``_field_names``, ``_source`` and scripts in the place of a field do."""


def refused(what: str) -> ElasticsearchException:
    """By its name."""
    return ElasticsearchException("illegal_argument_exception", f"{what} is not supported by the gateway's backend")


def refused_by_rules(what: str) -> ElasticsearchException:
    return refused(f"{what}, where the user's roles show some fields only,")


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be seen of an index, as far as its fields go; ``fields`` None is all of them."""

    index: Index
    fields: FieldAccess | None
    filtered: bool = False
    """Whether a role's query hides documents."""

    @property
    def everything(self) -> bool:
        return self.fields is None

    def shows(self, name: str) -> bool:
        """Whether a field may be seen; an alias is what it stands for. Where some may not, one that was not described is not there:
        by its name nobody can tell what the source makes of it."""
        if self.fields is None:
            return True
        field = self.index.field(name)
        if field is None or name.startswith("_"):
            return name in _METADATA and self.fields.allows(name)
        return self.fields.allows(field.name)


def check_field(name: str, what: str, shown: Shown) -> None:
    """Raises ElasticsearchException for a field by which nothing may be sorted, counted or grouped."""
    if name == _UNDER_THE_GATEWAY:
        raise refused(f"{what} [{name}]")
    if not shown.shows(name):
        raise refused_by_rules(f"{what} [{name}]")


def rewritten(query: Json, shown: Shown) -> Json:
    """The query as the source may be asked it for this index. Raises ElasticsearchException."""
    ((kind, body),) = query.items()
    if kind in _WHOLE:
        return query
    if kind == "ids":
        return query if shown.shows("_id") else NOTHING
    if kind == "exists":
        if not shown.everything and body["field"] in shown.index.mapping.objects:
            raise refused_by_rules(f"query [exists] on the object [{body['field']}]")
        return _of_field(query, body["field"], shown)
    if kind in _ONE_FIELD:
        if len(body) != 1:
            raise refused(f"query [{kind}] without one field")
        return _of_field(query, next(iter(body)), shown)
    if kind == "terms":
        return _terms(query, body, shown)
    if kind in _COMPOUND:
        return {kind: _compound(kind, body, lambda inner: rewritten(inner, shown))}
    if kind in _CHOOSE_FIELDS and shown.everything:
        return query
    raise (refused_by_rules if kind in _CHOOSE_FIELDS else refused)(f"query [{kind}]")


NOTHING: Final[Json] = {"match_none": {}}


def _of_field(query: Json, field: str, shown: Shown) -> Json:
    if field == _UNDER_THE_GATEWAY:
        raise refused(f"a query on [{field}]")
    if "*" in field and not shown.everything:
        raise refused_by_rules(f"a query on [{field}]")
    return query if shown.shows(field) else NOTHING


def _terms(query: Json, body: Json, shown: Shown) -> Json:
    fields = [name for name in body if name not in ("boost", "_name")]
    if len(fields) != 1:
        raise refused("query [terms] without one field")
    if not isinstance(body[fields[0]], list):
        raise refused("a lookup in query [terms]")
    return _of_field(query, fields[0], shown)


def _compound(kind: str, body: Json, inner: Callable[[Json], Json]) -> Json:
    holders, options = _COMPOUND[kind]
    made: Json = {}
    for name, value in body.items():
        if name in holders:
            made[name] = [inner(each) for each in value] if isinstance(value, list) else inner(value)
        elif name in options:
            made[name] = value
        else:
            raise refused(f"[{name}] of query [{kind}]")
    return made
