"""The queries that analyze text."""

from __future__ import annotations

from typing import Annotated

from protocol.errors import WireError
from protocol.messages.fields import OptionalBoolean
from protocol.messages.queries.parts import (
    MAX_DETERMINIZED_STATES,
    Fields,
    Fuzziness,
    MultiMatchType,
    Operator,
    ZeroTerms,
    read_field,
    write_field,
)
from protocol.messages.rest import SHOWN, Float32, Query
from protocol.schema import Boolean, Codec, Int, String, VInt, wire
from protocol.values import GenericValue
from protocol.wire import Reader, Writer


class MatchQuery(Query, name="match", keyed=True, primary="query"):
    field: String
    query: GenericValue
    operator: Operator = "or"
    prefix_length: VInt = 0
    max_expansions: VInt = 50
    fuzzy_transpositions: Boolean = True
    lenient: Boolean = False
    zero_terms_query: ZeroTerms = "none"
    analyzer: String | None = None
    minimum_should_match: String | None = None
    fuzzy_rewrite: String | None = None
    fuzziness: Fuzziness | None = None
    auto_generate_synonyms_phrase_query: Boolean = True


class MatchPhraseQuery(Query, name="match_phrase", keyed=True, primary="query"):
    field: String
    query: GenericValue
    slop: VInt = 0
    zero_terms_query: ZeroTerms = "none"
    analyzer: String | None = None


class MatchPhrasePrefixQuery(Query, name="match_phrase_prefix", keyed=True, primary="query"):
    field: String
    query: GenericValue
    slop: VInt = 0
    max_expansions: VInt = 50
    analyzer: String | None = None
    zero_terms_query: ZeroTerms = "none"


class MatchBoolPrefixQuery(Query, name="match_bool_prefix", keyed=True, primary="query"):
    field: String
    query: GenericValue
    analyzer: String | None = None
    operator: Operator = "or"
    minimum_should_match: String | None = None
    fuzziness: Fuzziness | None = None
    prefix_length: VInt = 0
    max_expansions: VInt = 50
    fuzzy_transpositions: Boolean = True
    fuzzy_rewrite: String | None = None


class MultiMatchQuery(Query, name="multi_match"):
    query: GenericValue
    fields: Annotated[Fields, SHOWN] = wire(default_factory=list)
    """Empty means the fields of ``index.query.default_field``."""
    type: MultiMatchType = "best_fields"
    operator: Operator = "or"
    analyzer: String | None = None
    slop: VInt = 0
    fuzziness: Fuzziness | None = None
    prefix_length: VInt = 0
    max_expansions: VInt = 50
    minimum_should_match: String | None = None
    fuzzy_rewrite: String | None = None
    tie_breaker: Float32 | None = None
    lenient: OptionalBoolean = None
    zero_terms_query: ZeroTerms = "none"
    auto_generate_synonyms_phrase_query: Boolean = True
    fuzzy_transpositions: Boolean = True


class QueryStringQuery(Query, name="query_string"):
    query: String
    default_field: String | None = None
    fields: Annotated[Fields, SHOWN] = wire(default_factory=list)
    default_operator: Operator = "or"
    analyzer: String | None = None
    quote_analyzer: String | None = None
    quote_field_suffix: String | None = None
    allow_leading_wildcard: OptionalBoolean = None
    analyze_wildcard: OptionalBoolean = None
    enable_position_increments: Boolean = True
    fuzziness: Annotated[Fuzziness, SHOWN] = "AUTO"
    fuzzy_prefix_length: VInt = 0
    fuzzy_max_expansions: VInt = 50
    fuzzy_rewrite: String | None = None
    phrase_slop: VInt = 0
    type: MultiMatchType = "best_fields"
    tie_breaker: Float32 | None = None
    rewrite: String | None = None
    minimum_should_match: String | None = None
    lenient: OptionalBoolean = None
    time_zone: String | None = None
    escape: Boolean = False
    max_determinized_states: VInt = MAX_DETERMINIZED_STATES
    auto_generate_synonyms_phrase_query: Boolean = True
    fuzzy_transpositions: Boolean = True


def _read_fields(reader: Reader) -> list[str]:
    size = reader.int32()
    if not 0 <= size <= reader.remaining:
        raise WireError(f"a collection of {size} entries in {reader.remaining} bytes")
    return [read_field(reader) for _ in range(size)]


def _write_fields(writer: Writer, fields: list[str]) -> None:
    writer.int32(len(fields))
    for field in fields:
        write_field(writer, field)


def _read_lenient(reader: Reader) -> bool | None:
    lenient, given = reader.boolean(), reader.boolean()
    return lenient if given else None


def _write_lenient(writer: Writer, lenient: bool | None) -> None:
    writer.boolean(bool(lenient))
    writer.boolean(lenient is not None)


class SimpleQueryStringQuery(Query, name="simple_query_string"):
    query: String
    fields: Annotated[list[str], Codec(_read_fields, _write_fields)] = wire(default_factory=list)
    flags: Int = -1
    """Bits of the operators that are understood; -1 is all."""
    analyzer: String | None = None
    default_operator: Operator = "or"
    lenient: Annotated[bool | None, Codec(_read_lenient, _write_lenient)] = None
    analyze_wildcard: Boolean = False
    minimum_should_match: String | None = None
    quote_field_suffix: String | None = None
    auto_generate_synonyms_phrase_query: Boolean = True
    fuzzy_prefix_length: VInt = 0
    fuzzy_max_expansions: VInt = 50
    fuzzy_transpositions: Boolean = True
    type: MultiMatchType = "most_fields"
