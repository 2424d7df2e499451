"""Terms of a field, against a real 8.19.21 node, also for users who may not see all documents and fields."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.index_access import EVERYTHING, FieldAccess, IndexAccess
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.terms_enum import terms_enum
from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import REST_STATUS
from protocol.exceptions.rest import render
from protocol.messages.common import TimeUnit, TimeValue
from protocol.messages.terms_enum import DEFAULT_TIMEOUT, TERMS_ENUM, TermsEnumRequest, TermsEnumResponse
from protocol.versions import V_8_19
from tests.gateway.backends.memory.terms_cases import answer, cases, name_of, refusal, without_uuids

STATUS = {number: name for name, number in REST_STATUS.items()}


def ask(case: dict[str, Any]) -> tuple[int, Any]:
    body = dict(case["body"])
    timeout = body.pop("timeout", None)
    given = DEFAULT_TIMEOUT
    if timeout is not None:
        given = TimeValue(int(timeout[:-1]), TimeUnit.SECONDS if timeout[-1] == "s" else TimeUnit.MINUTES)
    request = TermsEnumRequest(indices=case["path"].split("/")[1].split(","), timeout=given, **body)
    try:
        found = TermsEnumResponse.decode(answer(case["user"], TERMS_ENUM, request), V_8_19)
    except ElasticsearchException as error:
        return refusal(error)
    shards: dict[str, Any] = {"total": found.total_shards, "successful": found.successful_shards, "failed": found.failed_shards}
    if found.failures:
        shards["failures"] = [
            {
                "shard": one.shard,
                "index": one.index,
                "status": STATUS[one.status],
                "reason": _first_line(without_uuids(render(one.cause))),
            }
            for one in found.failures
        ]
    return 200, {"_shards": shards, "terms": found.terms, "complete": found.complete}


def _first_line(reason: dict[str, Any]) -> dict[str, Any]:
    """Without the stack trace that follows, and what the name service said the first time."""
    return {**reason, "reason": reason["reason"].partition("\n")[0].removesuffix(": Name or service not known")}


@pytest.mark.parametrize("case", cases("terms_enum"), ids=name_of)
def test_terms(case: dict[str, Any]) -> None:
    expected = without_uuids(case["answer"])
    for failure in expected.get("_shards", {}).get("failures", ()):
        failure["reason"] = _first_line(failure["reason"])
    assert ask(case) == (case["status"], expected)


def constant(string: str = "", after: str | None = None, **more: Any) -> list[str]:
    mappings = {"properties": {"c": {"type": "constant_keyword", "value": "Constant"}}}
    index = Index("i", mapping=parse_mappings(mappings))
    access = more.pop("access", EVERYTHING)
    request = TermsEnumRequest(indices=["i"], field="c", string=string, search_after=after, **more)
    return terms_enum([(index, access)], request, now_millis=0).terms


def test_the_value_of_a_constant_keyword() -> None:
    assert constant() == constant("Con") == constant("con", case_insensitive=True) == constant("", "Con") == ["Constant"]
    assert constant("con") == constant("Constants") == constant("C", "Constant") == constant("", "D") == []


def test_a_hidden_constant_is_hidden() -> None:
    """A real node, whose rules act on the documents of an index, would tell: the value is in the mapping."""
    hidden = IndexAccess(fields=FieldAccess((frozenset({FieldSecurity(("x",), ())}),)))
    assert constant(access=hidden) == []


def test_time_runs_out() -> None:
    index = Index("i", mapping=parse_mappings({"properties": {"k": {"type": "keyword"}}}))
    for number in range(250):
        index.add(str(number), b'{"k": "%03d"}' % number)
    request = TermsEnumRequest(indices=["i"], field="k", size=1000, timeout=TimeValue(1, TimeUnit.SECONDS))
    looks = iter([0.0, 0.5, 0.9, 1.5])
    found = terms_enum([(index, EVERYTHING)], request, now_millis=0, clock=lambda: next(looks))
    assert (len(found.terms), found.complete, found.successful_shards) == (201, False, 1)


def test_a_role_query_that_cannot_run_shows_nothing() -> None:
    index = Index("i", mapping=parse_mappings({"properties": {"k": {"type": "keyword"}}}))
    index.add("1", b'{"k": "a"}')
    request = TermsEnumRequest(indices=["i"], field="k")
    broken = IndexAccess(queries=(({"match_all": {}},),), problem=ElasticsearchException("illegal_argument_exception", "no"))
    assert terms_enum([(index, broken)], request, now_millis=0) == TermsEnumResponse()
    assert terms_enum([(index, EVERYTHING), (index, broken)], request, now_millis=0) == TermsEnumResponse()
    assert terms_enum([(index, EVERYTHING)], request, now_millis=0).terms == ["a"]
