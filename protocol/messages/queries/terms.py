"""The queries that compare terms, and those that match without any."""

from __future__ import annotations

from typing import Annotated, Any, Self

from protocol.errors import UnsupportedError, WireError
from protocol.messages.queries.parts import MAX_DETERMINIZED_STATES, Fuzziness, Term, from_term, to_term
from protocol.messages.rest import HIDDEN, SHOWN, Query
from protocol.schema import Boolean, Codec, String, VInt, wire
from protocol.values import read_generic, write_generic
from protocol.versions import WILDCARD_FORCES_STRINGS
from protocol.wire import Reader, Writer


class MatchAllQuery(Query, name="match_all", shows_boost=True):
    pass


class MatchNoneQuery(Query, name="match_none", shows_boost=True):
    reason: Annotated[String | None, HIDDEN] = None
    """Which query was rewritten to this one, for a profile's text."""


class TermQuery(Query, name="term", keyed=True, primary="value"):
    field: String
    value: Term
    case_insensitive: Boolean = False


_LIST = 7


def _read_terms(reader: Reader) -> list[Any]:
    """Bytes that hold one generic list."""
    size = reader.size()
    end = reader.position + size
    if reader.byte() != _LIST:
        raise WireError("the terms of a terms query are not a list")
    terms = [to_term(read_generic(reader)) for _ in range(reader.size())]
    if reader.position != end:
        raise WireError("the terms of a terms query have another length than is said")
    return terms


def _write_terms(writer: Writer, terms: list[Any]) -> None:
    inner = Writer(writer.version)
    inner.byte(_LIST)
    inner.list(lambda term: write_generic(inner, from_term(term)), terms)
    writer.bytes_reference(inner.getvalue())


def _read_no_lookup(reader: Reader) -> None:
    if reader.boolean():
        raise UnsupportedError("query [terms] with a lookup")


class TermsQuery(Query, name="terms", shows_boost=True):
    """``{"terms": {"user": ["a", "b"], "boost": 1.0}}``: the field is a member beside the common ones."""

    field: Annotated[String, HIDDEN]
    lookup: Annotated[None, HIDDEN, Codec(_read_no_lookup, lambda writer, _: writer.boolean(False))] = None
    terms: Annotated[list[Any] | None, HIDDEN] = wire(
        codec=Codec(
            lambda reader: reader.optional(lambda: _read_terms(reader)),
            lambda writer, terms: writer.optional(lambda some: _write_terms(writer, some), terms),
        ),
        default=None,
    )

    def to_rest(self) -> dict[str, Any]:
        return {self.field: self.terms or [], **super().to_rest()}

    @classmethod
    def from_rest(cls, body: Any) -> Self:
        fields = [name for name in body if name not in ("boost", "_name")]
        if len(fields) != 1 or not isinstance(body[fields[0]], list):
            raise ValueError("[terms] query wants one field and its list of terms")
        common = cls.arguments({name: value for name, value in body.items() if name != fields[0]})
        return cls(field=fields[0], terms=body[fields[0]], **common)


_RELATIONS = ("intersects", "within", "contains")


def _read_relation(reader: Reader) -> str:
    relation = reader.string()
    if relation not in _RELATIONS:
        raise WireError(f"[range] query does not support relation [{relation}]")
    return relation


def _write_relation(writer: Writer, relation: str) -> None:
    if relation.lower() not in _RELATIONS:
        raise ValueError(f"[range] query does not support relation [{relation}]")
    writer.string(relation.lower())


Relation = Annotated[str, Codec(_read_relation, _write_relation)]
"""How a range is to lie to the ranges of a range field."""


class RangeQuery(Query, name="range", keyed=True, shows_boost=True):
    """On the wire two bounds and whether they are included; in REST ``gt``, ``gte``, ``lt``, ``lte``."""

    field: String
    lower: Annotated[Term, HIDDEN] = None
    upper: Annotated[Term, HIDDEN] = None
    include_lower: Annotated[Boolean, HIDDEN] = True
    include_upper: Annotated[Boolean, HIDDEN] = True
    time_zone: String | None = None
    format: String | None = None
    relation: Relation | None = None

    def to_rest(self) -> dict[str, Any]:
        ((field, body),) = super().to_rest().items()
        if self.lower is not None:
            body["gte" if self.include_lower else "gt"] = self.lower
        if self.upper is not None:
            body["lte" if self.include_upper else "lt"] = self.upper
        return {field: body}

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or len(body) != 1 or not all(isinstance(entry, dict) for entry in body.values()):
            raise ValueError("[range] query wants one field")
        ((field, given),) = body.items()
        bounds = {name: given[name] for name in ("gt", "gte", "lt", "lte") if name in given}
        found = super().arguments({field: {name: value for name, value in given.items() if name not in bounds}})
        for name, value in bounds.items():
            side = "lower" if name.startswith("g") else "upper"
            found |= {side: value, f"include_{side}": name.endswith("e")}
        return found


class ExistsQuery(Query, name="exists", shows_boost=True):
    field: String


class PrefixQuery(Query, name="prefix", keyed=True, shows_boost=True, primary="value"):
    field: String
    value: String
    rewrite: String | None = None
    case_insensitive: Boolean = False


class WildcardQuery(Query, name="wildcard", keyed=True, shows_boost=True, primary="wildcard"):
    field: String
    wildcard: String
    rewrite: String | None = None
    case_insensitive: Boolean = False
    force_string_match: Annotated[Boolean, HIDDEN] = wire(since=WILDCARD_FORCES_STRINGS, default=False)
    """Set by ES|QL only."""


class RegexpQuery(Query, name="regexp", keyed=True, shows_boost=True, primary="value"):
    field: String
    value: String
    flags_value: Annotated[VInt, SHOWN] = 255
    """Bits of Lucene's optional operators; 255 is ``ALL`` without complement."""
    max_determinized_states: Annotated[VInt, SHOWN] = MAX_DETERMINIZED_STATES
    rewrite: String | None = None
    case_insensitive: Boolean = False


class FuzzyQuery(Query, name="fuzzy", keyed=True, shows_boost=True, primary="value"):
    field: String
    value: Term
    fuzziness: Annotated[Fuzziness, SHOWN] = "AUTO"
    prefix_length: Annotated[VInt, SHOWN] = 0
    max_expansions: Annotated[VInt, SHOWN] = 50
    transpositions: Annotated[Boolean, SHOWN] = True
    rewrite: String | None = None


class IdsQuery(Query, name="ids", shows_boost=True):
    values: Annotated[list[String], SHOWN] = wire(default_factory=list)
