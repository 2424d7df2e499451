"""Descriptors that are made to cost, on a cluster of 10,000 names: what one request costs has a bound, and large roles that are no attack
work. Times are those of the thread, so that they do not depend on what else the machine does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.authentication.subjects import CrossClusterKey, Subject
from gateway.authorization import ClusterMetadata, Grant, IndexAbstraction, Role, authorize_indices, build_role
from gateway.authorization.role_files import RoleStore
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import authentication, entry

SERVICES = ("api", "web", "db", "auth", "cart", "mail", "jobs", "edge")
CLUSTER = ClusterMetadata(
    [
        *(IndexAbstraction(f"logs-{SERVICES[n % 8]}-{'prod' if n % 3 else 'dev'}-{n:06d}") for n in range(7_000)),
        *(IndexAbstraction("a" * (n % 200) + f"-{n}") for n in range(2_000)),
        *(IndexAbstraction(f".hidden-{n}-{chr(0x4E00 + n)}", hidden=True) for n in range(1_000)),
    ]
)
KEY = b'{"r":{"indices":[{"names":["*"],"privileges":["all"]}]}}'
MAX_HEADER = 64 << 10
BOUND_SECONDS = 5.0
"""For making the role and three requests. A few times what any of this takes, and little of what each pattern for each name takes."""


@contextmanager
def bounded(seconds: float = BOUND_SECONDS) -> Iterator[None]:
    began = time.thread_time()
    yield
    assert time.thread_time() - began < seconds


def made(*sets: Sequence[dict[str, Any]]) -> Role:
    bodies = tuple(json.dumps({"r": {"indices": entries}}, ensure_ascii=False).encode() for entries in sets)
    assert sum(map(len, bodies)) < MAX_HEADER
    return build_role(Subject(authentication(), CrossClusterKey("ID", "creator", KEY), bodies), RoleStore())


def tried(*sets: Sequence[dict[str, Any]]) -> Role | ElasticsearchException:
    try:
        return made(*sets)
    except ElasticsearchException as error:
        return error


def asked(who: Role, *names: str) -> Grant | ElasticsearchException:
    try:
        return authorize_indices(who, "indices:data/read/search", names, IndicesOptions(ignore_unavailable=True), CLUSTER)
    except ElasticsearchException as error:
        return error


def is_too_complex(error: ElasticsearchException | None) -> bool:
    while error is not None:
        if str(error.reason).startswith("The set of patterns [") and str(error.reason).endswith("] is too complex to evaluate"):
            return True
        error = error.cause
    return False


def by_places(**more: Any) -> list[dict[str, Any]]:
    """Entries of which each name has its own combination."""
    return [
        entry(*(f"*-*{digit}" + "?" * place for digit in digits), **{key: value(place) for key, value in more.items()})
        for place in range(6)
        for digits in ("0123", "13579", "456")
    ]


BOMBS: dict[str, list[dict[str, Any]]] = {
    "words": [entry(*(f"logs-api-dev-{n:06d}" for n in range(2_800)))],
    "prefixes": [entry(*(f"{n}l*" for n in range(5_000)))],
    "prefixes in each other": [entry(*("a" * n + "*" for n in range(1, 330)))],
    "suffixes": [entry(*(f"*{n}" for n in range(5_000)))],
    "texts within": [entry(*(f"*{n}*" for n in range(5_000)))],
    "gaps": [entry(*(f"l*{n % 97}?{n}*" for n in range(4_000)))],
    "many gaps": [entry(*("*" + "".join(f"{digit}*" for digit in f"{n:04d}") * 3 for n in range(1_500)))],
    "one long pattern": [entry("?*" + "a*?" * 15_000 + "b")],
    "letters of many scripts": [entry(*(f"*{chr(0x4E00 + n)}?{chr(0x4E01 + n)}*" for n in range(4_000)))],
    "short expressions": [entry(*(f"/.*{n}x/" for n in range(4_000)))],
    "expressions that say no": [entry(*(f"/~(.*{n}.*)/" for n in range(3_000)))],
    "expressions with many states": [entry(*(f"/.*[ab{n}].{{{n % 60}}}/" for n in range(2_000)))],
    "queries for each name": [entry(f"*{n}*", query={"term": {"t": n}}) for n in range(600)],
    "fields for each name": [entry(f"*{n}*", field_security={"grant": [f"f{n}*", "?*"]}) for n in range(500)],
    "queries by places": by_places(query=lambda place: {"term": {"t": place}}),
    "expressions for fields": by_places(field_security=lambda place: {"grant": [f"/(.*{place}a.*){{3}}/", "?*"]}),
    "fields that are taken away": by_places(field_security=lambda place: {"grant": ["*"], "except": [f"/{place}(.*a){{4}}/"]}),
}


@pytest.mark.parametrize("entries", BOMBS.values(), ids=list(BOMBS))
def test_patterns_and_rules_for_many_names_have_a_bound_together(entries: list[dict[str, Any]]) -> None:
    with bounded():
        who = tried(entries)
        if isinstance(who, ElasticsearchException):
            assert (who.type, who.cause and who.cause.reason) == ("parse_exception", "unable to compute field permissions")
            return
        for names in (["*"], ["logs-*", "a*"], [f"{'a' * (n % 100)}{n}" for n in range(3_000)]):
            decision = asked(who, *names)
            assert isinstance(decision, Grant) or is_too_complex(decision)


@pytest.mark.parametrize("bomb", ["short expressions", "fields for each name"])
def test_a_refusal_of_complex_patterns_is_remembered(bomb: str) -> None:
    who = made(BOMBS[bomb])
    first = asked(who, "*")
    assert isinstance(first, ElasticsearchException)
    assert is_too_complex(first)
    with bounded(0.5):
        for _ in range(20):
            again = asked(who, "*")
            assert isinstance(again, type(first))
            assert again.reason == first.reason
            assert is_too_complex(again)


def test_several_sets_cost_no_more_than_one() -> None:
    bombs = [entry(*(f"/(.*[ab{n}]){{20}}.{{30}}x/" for n in range(60)))]
    with bounded():
        who = tried(*[bombs] * 16)
        decision = asked(who, "*") if isinstance(who, Role) else who
        assert isinstance(decision, ElasticsearchException)
        assert is_too_complex(decision)


def test_a_large_role_on_a_large_cluster_works() -> None:
    prefixes = [f"logs-{SERVICES[n % 8]}-{'prod' if n % 3 else 'dev'}-{n:04d}" for n in range(1_000)]
    with bounded(2):
        who = made([entry(*(f"{prefix}*" for prefix in prefixes))])
        decision = asked(who, "*")
    assert isinstance(decision, Grant)
    assert decision.indices == frozenset(one.name for one in CLUSTER if one.name.startswith(tuple(prefixes)))
    assert asked(who, "*") is decision


def test_rules_of_many_tenants_on_a_large_cluster_work() -> None:
    tenants = [entry(f"logs-*-*{n:03d}", query={"term": {"tenant": n}}) for n in range(100)]
    with bounded(3):
        decision = asked(made([*tenants, entry("logs-api-*", field_security={"grant": ["@timestamp", "message*"]})]), "*")
    assert isinstance(decision, Grant)
    assert decision.access_to("logs-edge-prod-001007").queries == (({"term": {"tenant": 7}},),)
    assert decision.access_to("logs-api-prod-001016").unrestricted  # the documents of one entry, the fields of another: all
    assert not decision.covers("logs-edge-prod-000103")
