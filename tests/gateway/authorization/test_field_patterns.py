"""Field lists of roles: what they show, what is refused, and that bad ones cost little."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gateway.authorization import ClusterMetadata, IndexAbstraction, authorize_indices, parse_descriptor_set
from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.field_patterns import FieldMatcher
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import reader

FAILED = "failed to parse indices privileges for role [d]"


def parse(*rules: dict[str, Any]) -> Any:
    entries = [{"names": ["a"], "privileges": ["read"], "field_security": rule} for rule in rules]
    return parse_descriptor_set(json.dumps({"d": {"indices": entries}}))


def refusal(*rules: dict[str, Any]) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as caught:
        parse(*rules)
    return caught.value


@pytest.mark.parametrize(
    ("grant", "exclude", "shown", "hidden"),
    [
        (None, [], "a _id", ""),
        (["*"], ["a*"], "b _id", "a ab"),
        (["a*"], ["ab"], "a abc _id _anything", "ab b"),
        (["a"], ["_id"], "a _source", "_id b"),
        (["user.*"], ["user.*.raw"], "user.name user.name.keyword", "user user.name.raw"),
        (["/a|b.+/"], [], "a bc", "b ab"),
        (["a\\*"], [], "a*", "a\\* ab"),
        ([], [], "_id", "a"),
        ([""], [], "_id", "a"),
    ],
)
def test_what_a_rule_shows(grant: list[str] | None, exclude: list[str], shown: str, hidden: str) -> None:
    matcher = FieldMatcher([FieldSecurity(None if grant is None else tuple(grant), tuple(exclude))])
    assert [name for name in shown.split() if not matcher.allows(name)] == []
    assert [name for name in hidden.split() if matcher.allows(name)] == []


@pytest.mark.parametrize(
    ("grant", "exclude"),
    [
        (["a*"], ["ab", "a*b*"]),
        (["a"], ["_id", "_*"]),
        (["*"], ["/x.*/"]),
        (["a", "b"], ["/[ab]/"]),
        (["/a.*/"], ["/a.*b/", "_x"]),
    ],
)
def test_exceptions_within_what_is_granted(grant: list[str], exclude: list[str]) -> None:
    assert parse({"grant": grant, "except": exclude})


@pytest.mark.parametrize(
    ("grant", "exclude"), [(["a"], ["b"]), (["a*"], ["*"]), (["_x", "a"], ["a", "ab", "b"]), ([], ["a"]), (["/a.+/"], ["a*"])]
)
def test_exceptions_beyond_what_is_granted(grant: list[str], exclude: list[str]) -> None:
    problem = (
        f"Exceptions for field permissions must be a subset of the granted fields but {','.join(exclude)} is not a subset of "
    )
    error = refusal({"grant": grant, "except": exclude})
    assert (error.type, error.status) == ("parse_exception", 400)
    assert error.reason == f"{FAILED} - {problem}{','.join(grant)}"
    assert error.cause is not None
    assert error.cause.type == "security_exception"


@pytest.mark.parametrize("rule", [{"grant": ["/a"]}, {"grant": ["/a(/"]}, {"grant": ["*"], "except": ["/"]}])
def test_patterns_that_are_none(rule: dict[str, Any]) -> None:
    error = refusal(rule)
    assert (error.type, error.reason, error.status) == ("parse_exception", f"{FAILED} - unable to compute field permissions", 400)
    assert error.cause is not None
    assert error.cause.cause is not None
    assert (error.cause.cause.type, (error.cause.cause.reason or "")[:35]) == (
        "execution_exception",
        "java.lang.IllegalArgumentException:",
    )


def test_all_bombs_of_a_descriptor_set_share_one_limit() -> None:
    bombs = [{"grant": [f"/(.*[a{n}]){{9}}.{{30}}/"], "except": [f"/(.*[a{n}]){{10}}.{{30}}/"]} for n in range(200)]
    start = time.process_time()
    error = refusal(*bombs)
    assert time.process_time() - start < 15
    assert error.reason == f"{FAILED} - unable to compute field permissions"


def test_all_bombs_in_the_names_of_a_set_share_one_limit() -> None:
    cluster = ClusterMetadata(
        [IndexAbstraction("".join("ab"[number >> bit & 1] for bit in range(10)) * 10) for number in range(100)]
    )
    for expression in ("(.*[ab{n}]){{30}}.{{40}}x", "a{{1000}}" * 15 + "{n}", "((.*[ab{n}].{{12}})&(.*a.{{11}}b?)){{3}}"):
        names = ["/" + expression.format(n=number) + "/" for number in range(300)]
        start = time.process_time()
        with pytest.raises(ElasticsearchException) as caught:
            authorize_indices(reader(*names), "indices:data/read/search", ["*"], IndicesOptions(allow_no_indices=False), cluster)
        assert time.process_time() - start < 10
        assert caught.value.status in (403, 404, 500)


def test_all_bombs_of_a_matcher_share_one_limit() -> None:
    matcher = FieldMatcher([FieldSecurity(tuple(f"/(.*[ab{n}]){{30}}.{{40}}x/" for n in range(20)))])
    start = time.process_time()
    words = ["".join("ab"[number >> bit & 1] for bit in range(11)) * 30 for number in range(2_000)]
    with pytest.raises(ElasticsearchException) as caught:
        [matcher.allows(word) for word in words]
    assert time.process_time() - start < 15
    assert (caught.value.type, caught.value.reason) == ("security_exception", "unable to compute field permissions")
    assert not FieldMatcher([FieldSecurity(("a*" * 60 + "b",))]).allows("a" * 5_000)
