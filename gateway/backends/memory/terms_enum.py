"""The terms of a field that begin with a string (``_terms_enum``), as ``TransportTermsEnumAction`` finds them on one node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Any, Final

from gateway.authorization.index_access import IndexAccess
from gateway.backends.memory.address_prefixes import address_prefix
from gateway.backends.memory.columns import Column
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries import execute
from gateway.backends.memory.restricted import restricted
from gateway.backends.memory.search_match import can_match
from gateway.backends.memory.values import MalformedValueError, parse_address
from protocol.errors import ElasticsearchException
from protocol.messages.terms_enum import ShardOperationFailure, TermsEnumRequest, TermsEnumResponse

MAX_TERM_LENGTH: Final = 32766
"""Bytes of the longest term that Lucene indexes."""
MAX_TIMEOUT_SECONDS: Final = 60
_TERMS_BETWEEN_LOOKS: Final = 100
"""So many terms are gathered between two looks at the clock."""

_Term = tuple[bytes, str]
"""What a term is sorted by, and what is shown of it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    string: str
    search_after: str | None
    case_insensitive: bool


def check_terms_enum(request: TermsEnumRequest) -> None:
    """Refuses what Elasticsearch does before it looks for indices. Raises ElasticsearchException."""
    problems: list[str] = []
    if request.string is not None and len(request.string.encode("utf-8", "surrogatepass")) > MAX_TERM_LENGTH:
        problems.append(
            f"prefix string larger than {MAX_TERM_LENGTH} characters, which is the maximum allowed term length for keyword fields."
        )
    if request.timeout is None:
        problems.append("Timeout cannot be null")
    elif int(request.timeout.seconds) > MAX_TIMEOUT_SECONDS:
        problems.append("Timeout cannot be > 1 minute")
    if problems:
        listed = "".join(f"{number}: {problem};" for number, problem in enumerate(problems, 1))
        raise ElasticsearchException("action_request_validation_exception", f"Validation Failed: {listed}")


def terms_enum(
    indices: Sequence[tuple[Index, IndexAccess]],
    request: TermsEnumRequest,
    *,
    now_millis: int,
    clock: Callable[[], float] = time.monotonic,
) -> TermsEnumResponse:
    """The answer over indices, each seen as its access allows.

    A dictionary of terms knows nothing of documents. So an index whose documents are restricted takes part only where each of its
    restrictions surely shows every document, and a field that may not be seen has no terms. Filters of aliases play no part.
    """
    if any(access.problem is not None for _, access in indices):
        # A role's query that cannot be run fails the node, and a node that fails is passed over.
        return TermsEnumResponse()
    limit = clock() + (request.timeout.seconds if request.timeout is not None else 0)
    asked = _Asked(request.string or "", request.search_after, request.case_insensitive)
    seen = [
        restricted(index, IndexAccess(fields=access.fields))
        for index, access in indices
        if _shows_all_documents(index, access, now_millis)
    ]
    chosen = [index for index in seen if can_match(index, request.index_filter, now_millis)]
    terms: list[str] = []
    try:
        sources = [_terms(index, request.field, asked) for index in chosen]
        complete = _gather(merge(*sources), request.size, terms, lambda: clock() > limit)
    except _UnknownHostError as error:
        # On one node, one error fails all its shards; the terms that were found before are shown.
        failures = [_failure(index, f"java.net.UnknownHostException: {error}\n") for index in chosen]
        return TermsEnumResponse(
            total_shards=len(chosen), failed_shards=len(chosen), failures=failures, terms=terms, complete=False
        )
    return TermsEnumResponse(total_shards=len(chosen), successful_shards=len(chosen), terms=terms, complete=complete)


def _gather(found: Iterable[_Term], size: int, terms: list[str], late: Callable[[], bool]) -> bool:
    """Puts the first terms into ``terms``; false where time ran out before. Elasticsearch looks at the size after it has taken one."""
    if late():
        return False
    for number, (_, same) in enumerate(groupby(found, key=lambda term: term[0]), 1):
        if number % (_TERMS_BETWEEN_LOOKS + 1) == 0 and late():
            return False
        terms.append(next(same)[1])
        if len(terms) >= size:
            break
    return True


class _UnknownHostError(Exception):
    """Where an address should be, there is something else, which a Java node takes for the name of a host."""


def _failure(index: Index, stack_trace: str) -> ShardOperationFailure:
    metadata = {"es.index": [index.name], "es.index_uuid": [index.uuid], "es.shard": ["0"]}
    cause = ElasticsearchException("broadcast_shard_operation_failed_exception", stack_trace, metadata=metadata)
    return ShardOperationFailure(index=index.name, shard=0, cause=cause, status=500)


def _shows_all_documents(index: Index, access: IndexAccess, now_millis: int) -> bool:
    return all(any(_is_match_all(index, query, now_millis) for query in queries) for queries in access.queries)


def _is_match_all(index: Index, query: Mapping[str, Any], now_millis: int) -> bool:
    """Whether Elasticsearch rewrites a query to match_all, so that documents need not be looked at."""
    if len(query) != 1:
        return False
    ((name, body),) = query.items()
    if not isinstance(body, Mapping):
        return False
    if name == "match_all":
        return True
    if name == "bool":
        return not any(body.get(occur) for occur in ("must", "filter", "should", "must_not"))
    if name in ("term", "terms", "prefix", "wildcard") and len(body.keys() - {"boost", "_name"}) == 1:
        (field,) = body.keys() - {"boost", "_name"}
        mapped = index.field(field)
        if field == "_index" or (mapped is not None and mapped.type == "constant_keyword"):
            found = execute(index, dict(query), now_millis=now_millis, needs_scores=False)
            return index.doc_count > 0 and len(found) == index.doc_count
    return False


def _terms(index: Index, name: str, asked: _Asked) -> Iterator[_Term]:
    """The terms of an index, in order. Raises _UnknownHostError, at once and not when the first is asked for."""
    field = index.field(name)
    if field is None or not index.shows(field.name):
        return iter(())
    if field.type == "constant_keyword":
        return iter(_constant(field, asked))
    if not (field.indexed or field.doc_values) or field.type not in ("keyword", "ip"):
        return iter(())
    if field.type == "ip" and not field.doc_values:
        return iter(())
    column = index.table(field.nested).column(field)
    return _addresses(column, asked) if field.type == "ip" else _keywords(column, asked)


def _constant(field: FieldType, asked: _Asked) -> list[_Term]:
    value = field.value
    if value is None:
        return []
    begins = value.lower().startswith(asked.string.lower()) if asked.case_insensitive else value.startswith(asked.string)
    if not begins or (asked.search_after is not None and _units(asked.search_after) >= _units(value)):
        return []
    return [(_bytes(value), value)]


def _keywords(column: Column, asked: _Asked) -> Iterator[_Term]:
    terms = column.terms
    if asked.case_insensitive:
        folded = _fold(asked.string)
        span: Iterable[int] = (number for number, term in enumerate(terms) if _fold(term[: len(folded)]) == folded)
    else:
        span = column.dictionary.prefixed(asked.string)
    after = asked.search_after
    return ((_bytes(term), term) for term in (terms[number] for number in span) if after is None or term > after)


def _addresses(column: Column, asked: _Asked) -> Iterator[_Term]:
    after: bytes | None = None
    if asked.search_after is not None:
        try:
            after = parse_address(asked.search_after)
        except MalformedValueError:
            raise _UnknownHostError(asked.search_after) from None
    matches = address_prefix(asked.string)
    pairs = zip(column.keys, column.terms, strict=True)
    return ((key, term) for key, term in pairs if (after is None or key > after) and matches(key))


def _fold(text: str) -> str:
    """Case-insensitive as Elasticsearch's prefixes are: ASCII only."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _bytes(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")


def _units(text: str) -> bytes:
    """What Java compares strings by."""
    return text.encode("utf-16-be", "surrogatepass")
