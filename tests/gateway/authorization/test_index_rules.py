"""Document and field rules: which of a role's queries and field lists hold for which concrete index."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.authorization import DescriptorSet, Role, authorize_indices
from gateway.authorization.index_access import EVERYTHING, IndexAccess
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import CLUSTER, descriptors, entry, role

SEARCH = "indices:data/read/search"
A, B = {"term": {"team": "a"}}, {"term": {"team": "b"}}


def access(who: Role, *names: str, action: str = SEARCH) -> dict[str, IndexAccess]:
    return dict(authorize_indices(who, action, names, IndicesOptions(allow_selectors=True), CLUSTER).access)


def one_set(*entries: dict[str, Any]) -> DescriptorSet:
    return descriptors(*entries)


def queries(found: IndexAccess) -> tuple[tuple[Any, ...], ...]:
    return found.queries


def shows(found: IndexAccess, *names: str) -> list[str]:
    return [name for name in names if found.fields is None or found.fields.allows(name)]


def test_a_query_holds_for_the_indices_that_its_entry_covers() -> None:
    who = role(one_set(entry("logs-a*", query=A), entry("metrics")))
    found = access(who, "logs-a*", "metrics")
    assert {index: queries(one) for index, one in found.items()} == {"logs-a1": ((A,),), "logs-a2": ((A,),)}
    grant = authorize_indices(who, SEARCH, ["metrics"], IndicesOptions(), CLUSTER)
    assert grant.access_to("metrics") is EVERYTHING


def test_queries_of_one_set_are_joined_and_of_several_sets_required() -> None:
    both = one_set(entry("logs-*", query=A), entry("logs-a1", query=B))
    assert queries(access(role(both), "logs-a1")["logs-a1"]) == ((A, B),)
    found = access(role(both, one_set(entry("*", query=B))), "logs-a1")["logs-a1"]
    assert queries(found) == ((A, B), (B,))
    assert found.filters() == ({"bool": {"should": [A, B], "minimum_should_match": 1}}, B)


def test_an_entry_without_a_query_lifts_those_of_its_set_only() -> None:
    free = one_set(entry("logs-*", query=A), entry("logs-a1"))
    assert access(role(free), "logs-a1") == {}
    assert queries(access(role(free), "logs-a2")["logs-a2"]) == ((A,),)
    assert queries(access(role(free, one_set(entry("*", query=B))), "logs-a1")["logs-a1"]) == ((B,),)


def test_an_entry_for_another_action_lifts_nothing_unless_its_names_are_the_same() -> None:
    other = one_set(entry("logs-a*", query=A), entry("logs-*", privileges=["monitor"]))
    assert queries(access(role(other), "logs-a1")["logs-a1"]) == ((A,),)
    same = one_set(entry("logs-a*", "x", query=A), entry("x", "logs-a*", privileges=["monitor"]))
    assert access(role(same), "logs-a1") == {}
    restricted = one_set(entry("logs-a*", query=A), entry("logs-a*", privileges=["monitor"], allow_restricted_indices=True))
    assert queries(access(role(restricted), "logs-a1")["logs-a1"]) == ((A,),)


def test_an_alias_counts_by_its_own_name() -> None:
    """Its rules hold for the indices behind it, and are joined with those of an index that is asked for as well."""
    who = role(one_set(entry("logs-alias", query=A), entry("logs-a1", query=B)))
    assert {index: queries(one) for index, one in access(who, "logs-alias").items()} == {"logs-a1": ((A,),), "metrics": ((A,),)}
    assert queries(access(who, "logs-a1")["logs-a1"]) == ((B,),)
    assert queries(access(who, "logs-alias", "logs-a1")["logs-a1"]) == ((A, B),)
    lifted = role(one_set(entry("logs-alias", query=A), entry("logs-a1")))
    assert set(access(lifted, "logs-alias", "logs-a1")) == {"metrics"}


def test_a_data_stream_counts_by_its_name_and_that_of_its_index() -> None:
    who = role(one_set(entry("events", query=A), entry(".ds-events-1", query=B)))
    assert {index: queries(one) for index, one in access(who, "events").items()} == {
        ".ds-events-1": ((A,),),
        ".ds-events-2": ((A,),),
    }
    assert queries(access(who, ".ds-events-1")[".ds-events-1"]) == ((A, B),)


def test_the_failure_store_has_the_rules_of_those_who_may_read_it() -> None:
    who = role(one_set(entry("events", query=A), entry("event*", privileges=["read_failure_store"], query=B)))
    found = access(who, "events", "events::failures")
    assert {index: queries(one) for index, one in found.items()} == {
        ".ds-events-1": ((A,),),
        ".ds-events-2": ((A,),),
        ".fs-events-1": ((B,),),
    }


def test_fields_of_one_set_are_joined_and_of_several_sets_required() -> None:
    some = one_set(entry("logs-*", field_security={"grant": ["a*"]}), entry("logs-a1", field_security={"grant": ["b"]}))
    assert shows(access(role(some), "logs-a1")["logs-a1"], "a1", "b", "c", "_id") == ["a1", "b", "_id"]
    assert shows(access(role(some), "logs-a2")["logs-a2"], "a1", "b", "c", "_id") == ["a1", "_id"]
    less = one_set(entry("*", field_security={"grant": ["*"], "except": ["a2", "_id"]}))
    assert shows(access(role(some, less), "logs-a1")["logs-a1"], "a1", "a2", "b", "c", "_id") == ["a1", "b"]


def test_an_entry_with_all_fields_lifts_the_field_rules_of_its_set() -> None:
    free = one_set(entry("logs-*", field_security={"grant": ["a"]}), entry("logs-a1", query=A))
    found = access(role(free), "logs-a1")
    # One shows all fields of some documents, the other some fields of all documents: together they show everything.
    assert found == {}
    assert shows(access(role(free), "logs-a2")["logs-a2"], "a", "b") == ["a"]


@pytest.mark.parametrize("rule", [{"query": ""}, {"query": None}, {"field_security": {"grant": ["x", "*"], "except": []}}])
def test_rules_that_take_nothing_away(rule: dict[str, Any]) -> None:
    who = role(one_set(entry("logs*", **rule)))
    assert access(who, "logs-a1") == {}
    assert not who.sets[0].restricts


def test_a_template_is_refused_where_it_would_restrict() -> None:
    template = {"template": {"source": {"term": {"team": "{{_user.username}}"}}}}
    who = role(one_set(entry("logs-*", query=template), entry("logs-a1")))
    with pytest.raises(ElasticsearchException) as caught:
        access(who, "logs-a2")
    assert (caught.value.type, caught.value.status) == ("security_exception", 403)
    assert "role descriptor [d] has for indices [logs-*] is a template" in str(caught.value)
    assert access(who, "logs-a1") == {}


@pytest.mark.parametrize(
    ("query", "kind", "reason"),
    [
        ("[]", "x_content_parse_exception", "Failed to derive xcontent"),
        (" ", "x_content_parse_exception", "Failed to derive xcontent"),
        (" " * 20 + "{}", "x_content_parse_exception", "Failed to derive xcontent"),
        ('{"template": "x"}', "parse_exception", "Unexpected token [VALUE_STRING]"),
        ("{}", "parse_exception", "Unexpected token [END_OBJECT]"),
        (
            '{"bool": {"filter": [{"has_child": {}}]}}',
            "illegal_argument_exception",
            "has_child query isn't supported as part of a role query",
        ),
        (
            '{"terms": {"f": {"index": "i", "id": "1", "path": "p"}}}',
            "illegal_argument_exception",
            "terms query with terms lookup isn't supported as part of a role query",
        ),
    ],
)
def test_a_query_that_cannot_be_run_fails_where_it_would_restrict(query: str, kind: str, reason: str) -> None:
    found = access(role(one_set(entry("logs-*", query=query))), "logs-a1")["logs-a1"]
    assert found.queries == (({"match_none": {}},),)
    with pytest.raises(ElasticsearchException) as caught:
        found.filters()
    assert (caught.value.type, caught.value.reason, caught.value.status) == (kind, reason, 400)


def test_anything_may_follow_a_query() -> None:
    found = access(role(one_set(entry("logs-*", query=' {"match_all": {}} x'))), "logs-a1")["logs-a1"]
    assert found.filters() == ({"match_all": {}},)


def test_a_field_of_that_name_is_no_query() -> None:
    found = access(role(one_set(entry("logs-*", query={"term": {"has_child": "x"}}))), "logs-a1")["logs-a1"]
    assert found.filters() == ({"term": {"has_child": "x"}},)


def test_what_may_be_seen_is_remembered_with_the_decision() -> None:
    who = role(one_set(entry("logs-*", query=A)))
    first = authorize_indices(who, SEARCH, ["logs-*"], IndicesOptions(), CLUSTER)
    assert authorize_indices(who, SEARCH, ["logs-*"], IndicesOptions(), CLUSTER) is first
    assert len({id(one) for one in first.access.values()}) == 1
