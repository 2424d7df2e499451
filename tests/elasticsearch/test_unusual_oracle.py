"""Partial results of significant_terms and rare_terms that the engine makes are reduced by Elasticsearch's own classes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.backends.memory.aggregations import aggregate, cuckoo, reduce
from gateway.backends.memory.aggregations.rare import ORDER, term_hashes
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.queries import execute
from protocol.messages.aggregations import AGGREGATION_RESULTS, AGGREGATIONS
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results.terms import (
    LongRareTerms,
    LongRareTermsBucket,
    StringRareTerms,
    StringRareTermsBucket,
)
from protocol.rest.aggregations import render
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.elasticsearch.oracle import Oracle
from tests.gateway.backends.memory.aggregations.ties import sorted_ties
from tests.gateway.backends.memory.aggregations.unusual_cases import DOCUMENTS, MAPPINGS, SEARCHES
from tests.gateway.backends.memory.recorded import NOW, same
from tests.vectors import read_lines

Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def oracle(peers: None) -> Iterator[Oracle]:
    with Oracle("AggregationOracle") as started:
        yield started


def index(documents: Documents, mappings: dict[str, Any]) -> Index:
    made = Index("part", mapping=parse_mappings(mappings))
    for number, document in enumerate(documents):
        made.add(str(number), json.dumps(document).encode())
    return made


def partial(part: Index, body: dict[str, Any]) -> list[InternalAggregation]:
    return aggregate(body["aggs"], part, execute(part, body.get("query"), now_millis=NOW), now_millis=NOW)


def encoded(results: list[InternalAggregation]) -> str:
    writer = Writer(V_8_19)
    AGGREGATION_RESULTS.write(writer, results)
    return base64.b64encode(writer.getvalue()).decode()


def reduced(oracle: Oracle, aggs: dict[str, Any], *partials: list[InternalAggregation]) -> dict[str, Any]:
    """What the asking cluster makes of partial results."""
    AGGREGATIONS.write(Writer(V_8_19), aggs)  # the request is one that can be sent
    answer = oracle.ask(op="reduce", aggs=json.dumps(aggs), partials=[encoded(results) for results in partials], final=True)
    assert "body" in answer, answer
    found: dict[str, Any] = answer["body"]
    return found


_REDUCED = [
    *(name for name in SEARCHES if name.startswith(("code_", "n_", "under_terms", "rare_", "subs", "of_", "deep_"))),
    "min_doc_count",
    "zero_chi",
]


@pytest.fixture(scope="module")
def parts() -> dict[str, list[Index]]:
    return {name: [index(DOCUMENTS[name][at::3], MAPPINGS[name]) for at in range(3)] for name in ("flat", "deep")}


def _reducible(name: str) -> bool:
    """Whether the real node answered it, about an index that is in parts here, with nothing that is not sent."""
    names, body = SEARCHES[name]
    below = body["aggs"]["a"].get("significant_terms") or body["aggs"]["a"].get("rare_terms") or {}
    return names in ("flat", "deep") and name in ANSWERED and "precision" not in below and below.get("field") != "_index"


ANSWERED = {line["name"] for line in read_lines("engine/unusual.jsonl.gz") if line["status"] == 200}


@pytest.mark.parametrize("name", [name for name in _REDUCED if _reducible(name)])
def test_three_parts_reduce_as_here(oracle: Oracle, parts: dict[str, list[Index]], name: str) -> None:
    names, body = SEARCHES[name]
    partials = [partial(part, body) for part in parts[names]]
    # Two of the parts come as one cluster's.
    sent = [reduce(partials[:2], final=False), partials[2]]
    expected = render(reduce(sent, final=True), typed_keys=True)
    assert same(sorted_ties(reduced(oracle, body["aggs"], *sent)), sorted_ties(expected)) is None


RARE = {"r": {"rare_terms": {"field": "f"}}}
FREQUENT = 12_000


def _term(kind: str, number: int) -> Any:
    return f"term{number}".encode() if kind == "keyword" else number * 7919


def _terms(kind: str, rare: range, frequent: range) -> list[InternalAggregation]:
    """A result in which some terms are rare and others are not."""
    result: Any = StringRareTerms if kind == "keyword" else LongRareTerms
    bucket: Any = StringRareTermsBucket if kind == "keyword" else LongRareTermsBucket
    hashes = term_hashes([_term(kind, number) for number in frequent])
    return [
        result(
            name="r",
            order=ORDER,
            max_doc_count=1,
            buckets=[bucket(term=_term(kind, number), doc_count=1) for number in rare],
            filter=cuckoo.filter_of(hashes, 0.001),
        )
    ]


def _found(results: list[InternalAggregation]) -> Any:
    (result,) = results
    return result


@pytest.mark.parametrize("kind", ["keyword", "long"])
@pytest.mark.parametrize("at", [0, FREQUENT // 2])
def test_terms_in_a_cuckoo_filter_are_known_to_elasticsearch(oracle: Oracle, kind: str, at: int) -> None:
    """The frequent terms of one cluster, in one filter or merged from two, are no rare terms where another has them once."""
    partials = [_terms(kind, range(0), range(at)), _terms(kind, range(0), range(at, FREQUENT))]
    ours = reduce(partials, final=False)
    assert not _found(ours).filter.is_set_mode
    other = _terms(kind, range(FREQUENT - 2_000, FREQUENT + 2_000), range(0))
    shown = reduced(oracle, RARE, ours, other)
    found = {bucket["key"] for buckets in shown.values() for bucket in buckets["buckets"]}
    terms = [_term(kind, number) for number in range(FREQUENT, FREQUENT + 2_000)]
    fresh = {term.decode() if isinstance(term, bytes) else term for term in terms}
    assert found <= fresh
    assert len(found) > 0.98 * len(fresh)
    assert shown == render(reduce([ours, other], final=True), typed_keys=True)


@pytest.mark.parametrize("kind", ["keyword", "long"])
def test_elasticsearch_makes_the_same_cuckoo_filter(oracle: Oracle, kind: str) -> None:
    partials = [_terms(kind, range(0), range(6_000)), _terms(kind, range(0), range(6_000, FREQUENT))]
    answer = oracle.ask(op="reduce", aggs=json.dumps(RARE), partials=[encoded(each) for each in partials], final=False)
    reader = Reader(base64.b64decode(answer["bytes"]), V_8_19)
    theirs = _found(AGGREGATION_RESULTS.read(reader)).filter
    ours = _found(reduce(partials, final=False)).filter
    assert replace(theirs, filters=[]) == replace(ours, filters=[])
    (their_filter,), (our_filter,) = theirs.filters, ours.filters
    # Which entry of a bucket comes first depends on the order of a hash set.
    assert replace(their_filter, blocks=[]) == replace(our_filter, blocks=[])
    held = term_hashes([_term(kind, number) for number in range(FREQUENT)])
    assert all(cuckoo.contains(theirs, held))
    assert sum(cuckoo.contains(theirs, term_hashes([_term(kind, number) for number in range(FREQUENT, 40_000)]))) < 280
