"""Index requests: which names they come to, and what is refused in which words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.authorization import ClusterMetadata, Grant, IndexAbstraction, Role, authorize, authorize_indices
from gateway.authorization.memory import Memory, Store
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import CLUSTER, descriptors, entry, key_subject, reader, role

SEARCH = "indices:data/read/search"
QUERY = "indices:data/read/search[phase/query]"
GRANTED = "this action is granted by the index privileges [read,all]"
WHO = "user [alice] with assigned roles [r1] authenticated by API key id [ID] of user [creator]"


def clock() -> datetime:
    return datetime(2024, 3, 9, 22, 30, tzinfo=UTC)


def names(who: Role, *expressions: str, action: str = SEARCH, **options: Any) -> list[str]:
    grant = authorize_indices(who, action, expressions, IndicesOptions(**options), CLUSTER, clock=clock)
    assert grant.names is not None
    return list(grant.names)


def refusal(who: Role, *expressions: str, action: str = SEARCH, **options: Any) -> ElasticsearchException:
    with pytest.raises(ElasticsearchException) as caught:
        authorize_indices(who, action, expressions, IndicesOptions(**options), CLUSTER, clock=clock)
    return caught.value


LOGS = reader("logs*")
ALL = reader("*")


@pytest.mark.parametrize(
    ("expressions", "options", "expected"),
    [
        (["logs-a1"], {}, "logs-a1"),
        (["logs-a*"], {}, "logs-a1 logs-a2 logs-alias"),
        (["logs-a*"], {"ignore_aliases": True}, "logs-a1 logs-a2"),
        (["*"], {}, "logs-a1 logs-a2 logs-alias logs-b1"),
        (["_all"], {}, "logs-a1 logs-a2 logs-alias logs-b1"),
        ([], {}, "logs-a1 logs-a2 logs-alias logs-b1"),
        (["*"], {"expand_hidden": True}, "logs-a1 logs-a2 logs-alias logs-b1 logs-hidden"),
        (["*"], {"expand_closed": True}, "logs-a1 logs-a2 logs-alias logs-b1 logs-closed"),
        (["*"], {"expand_open": False, "expand_closed": True}, "logs-alias logs-closed"),
        (["logs-*", "-logs-a*"], {}, "logs-b1"),
        (["logs-*", "-logs-a1"], {}, "logs-a2 logs-alias logs-b1"),
        (["logs-*", "-*"], {}, ""),
        (["logs-a1", "metr*"], {}, "logs-a1"),
        (["logs-b1", "logs-*"], {}, "logs-b1 logs-a1 logs-a2 logs-alias"),
        (["nothing-*"], {}, ""),
        (["logs-hidden"], {}, "logs-hidden"),
        (["logs-missing"], {}, "logs-missing"),
        (["metrics", "logs-a1"], {"ignore_unavailable": True}, "logs-a1"),
        (["metrics"], {"ignore_unavailable": True}, ""),
        (["<logs-{now/d}>"], {}, "logs-2024.03.09"),
        (["<logs-{now/M{uuuu.MM|+02:00}}*>"], {"ignore_unavailable": True}, ""),
    ],
)
def test_names_under_a_role_for_logs(expressions: list[str], options: dict[str, Any], expected: str) -> None:
    assert sorted(names(LOGS, *expressions, **options)) == sorted(expected.split())


def test_what_a_role_for_everything_sees() -> None:
    visible = "events events-alias logs-a1 logs-a2 logs-alias logs-b1 metrics"
    assert sorted(names(ALL, "*")) == visible.split()
    assert sorted(names(ALL, ".ds-*")) == [".ds-events-1", ".ds-events-2"]
    hidden = names(ALL, "*", expand_hidden=True)
    assert ".ds-events-1" in hidden
    assert ".fs-events-1" in hidden
    assert not {".security", ".security-7", "odd-system"} & set(hidden)


def test_restricted_indices_need_the_flag() -> None:
    assert f"{WHO} on restricted indices [.security], {GRANTED}" in str(refusal(ALL, ".security"))
    assert "on indices [metrics] and restricted indices [.security]" in str(refusal(LOGS, "metrics", ".security"))
    insider = reader("*", allow_restricted_indices=True)
    assert names(insider, ".security", "odd-system") == [".security", "odd-system"]
    assert ".security-7" in names(insider, ".sec*")


def test_the_words_of_a_real_remote() -> None:
    """The text is that of an 8.19.21 remote, as a local 9.5.3 node received it."""
    error = refusal(LOGS, "foo")
    assert error.type == "security_exception"
    assert error.status == 403
    assert error.reason == f"action [{SEARCH}] towards remote cluster is unauthorized for {WHO} on indices [foo], {GRANTED}"


def test_a_name_outside_is_refused_whether_it_exists_or_not() -> None:
    assert str(refusal(LOGS, "metrics")).replace("metrics", "x") == str(refusal(LOGS, "missing")).replace("missing", "x")


def test_only_the_refused_names_are_listed_in_javas_order() -> None:
    assert "on indices [b,metrics]," in str(refusal(LOGS, "metrics", "logs-a1", "b"))
    assert "on indices [bar,foo,baz]," in str(refusal(LOGS, "foo", "bar", "baz"))


def test_without_any_privilege_for_the_action() -> None:
    nobody = role(descriptors(entry("*", privileges=["monitor"])))
    assert refusal(nobody, "logs-*").reason == f"action [{SEARCH}] towards remote cluster is unauthorized for {WHO}, {GRANTED}"
    assert "on indices [logs-a1]" in str(refusal(nobody, "logs-a1"))
    shards = "indices:admin/shards/search_shards"
    assert "on indices [logs-*], this action is granted by the index privileges [view_index_metadata," in str(
        refusal(nobody, "logs-*", action=shards)
    )
    assert " on indices" not in str(refusal(nobody, "*", "-*", action=shards))


def test_all_given_twice_is_every_index_for_who_may_name_it() -> None:
    assert names(ALL, "_all", "_all") == names(ALL, "_all")
    assert "on indices [_all]" in str(refusal(LOGS, "_all", "_all").reason)


@pytest.mark.parametrize(
    ("expressions", "name"), [(["nothing*"], "nothing*"), (["logs-*", "x*"], "x*"), (["_all"], "[_all]"), ([], "[]")]
)
def test_nothing_to_find_when_that_is_not_allowed(expressions: list[str], name: str) -> None:
    error = refusal(reader("none-such"), *expressions, allow_no_indices=False)
    expected = "logs-*" if len(expressions) == 2 else name
    assert error.type == "index_not_found_exception"
    assert error.reason == f"no such index [{expected}]"
    assert error.metadata == {"es.index_uuid": ["_na_"], "es.index": [expected]}


def test_selectors() -> None:
    both = role(descriptors(entry("events", privileges=["read", "read_failure_store"])))
    assert names(both, "events::failures", "events::data") == ["events::failures", "events"]
    assert names(both, "*::failures") == ["events::failures"]
    grant = authorize_indices(both, SEARCH, ["events::failures"], IndicesOptions(), CLUSTER)
    assert grant.indices == frozenset({".fs-events-1"})
    data = reader("events")
    assert (
        "on indices [events::failures], this action is granted by the index privileges [read,all] for data access, "
        "or by [read_failure_store] for access with the [::failures] selector" in str(refusal(data, "events::failures"))
    )
    assert names(data, "*::failures") == []
    assert names(data, ".fs-events-1", ignore_unavailable=True) == []
    assert names(role(descriptors(entry("events", privileges=["read_failure_store"]))), ".fs-events-1") == [".fs-events-1"]


@pytest.mark.parametrize(
    ("expression", "options", "kind", "reason"),
    [
        (
            "a::b",
            {},
            "invalid_index_name_exception",
            "Invalid index name [a::b], invalid usage of :: separator, [b] is not a recognized selector",
        ),
        (
            "a::data::data",
            {},
            "invalid_index_name_exception",
            "Invalid index name [a::data::data], Invalid usage of :: separator, only one :: separator is allowed per expression",
        ),
        (
            "a:b::data",
            {},
            "invalid_index_name_exception",
            "Invalid index name [a:b::data], Selectors are not yet supported on remote cluster patterns",
        ),
        (
            "a::data",
            {"allow_selectors": False},
            "unsupported_selector_exception",
            "Index component selectors are not supported in this context but found selector in expression [a::data]",
        ),
        (
            "_all::data",
            {"allow_selectors": False},
            "unsupported_selector_exception",
            "Index component selectors are not supported in this context but found selector in expression [_all::data]",
        ),
    ],
)
def test_bad_selectors(expression: str, options: dict[str, Any], kind: str, reason: str) -> None:
    error = refusal(ALL, expression, **options)
    assert (error.type, error.reason) == (kind, reason)


@pytest.mark.parametrize(
    "expression", ["<logs-{now/d>", "<a}>", "<{now+}>", "<{now{ii}}>", "<{now{}}>", "<{now/d{yyyy|No/Where}}>", "<>", ""]
)
def test_bad_names_are_refused_with_their_cause(expression: str) -> None:
    error = refusal(ALL, expression)
    assert error.status == 403
    assert error.reason == f"action [{SEARCH}] towards remote cluster is unauthorized for {WHO}, {GRANTED}"
    assert error.cause is not None
    assert error.cause.type in ("parse_exception", "illegal_argument_exception", "zone_rules_exception")


def test_a_minus_before_any_wildcard_is_part_of_the_name() -> None:
    assert names(ALL, "-logs-a1") == ["-logs-a1"]
    assert "on indices [-metrics]" in str(refusal(LOGS, "-metrics"))


def test_data_streams_cover_their_indices() -> None:
    events = reader("events")
    assert names(events, ".ds-events-1") == [".ds-events-1"]
    assert names(events, "*") == ["events"]
    assert sorted(names(events, "*", expand_hidden=True)) == [".ds-events-1", ".ds-events-2", "events"]
    grant = authorize_indices(events, SEARCH, ["events"], IndicesOptions(), CLUSTER)
    assert grant.indices == frozenset({".ds-events-1", ".ds-events-2"})
    assert grant.covers(".ds-events-1")
    assert not grant.covers(".fs-events-1")


def test_an_alias_counts_by_its_name() -> None:
    alias = reader("logs-alias")
    grant = authorize_indices(alias, SEARCH, ["logs-al*"], IndicesOptions(), CLUSTER)
    assert grant.names == ("logs-alias",)
    assert grant.indices == frozenset({"logs-a1", "metrics"})
    assert "on indices [metrics]" in str(refusal(alias, "metrics"))


def test_no_match_is_a_grant_of_nothing() -> None:
    grant = authorize_indices(LOGS, SEARCH, ["x*"], IndicesOptions(), CLUSTER)
    assert grant.matches_nothing
    assert grant.indices == frozenset()
    assert not grant.covers("logs-a1")


def test_wildcards_stay_when_they_are_not_expanded() -> None:
    assert names(ALL, "logs-*", expand_open=False) == ["logs-*"]
    assert names(ALL, "_all", expand_open=False) == []


def test_shard_requests_name_their_indices() -> None:
    options = IndicesOptions()
    grant = authorize_indices(LOGS, QUERY, ["logs-alias"], options, CLUSTER, shard_indices=["metrics"])
    assert grant.names == ("logs-alias",)
    with pytest.raises(ElasticsearchException, match=r"on indices \[logs-a1\]"):
        authorize_indices(LOGS, QUERY, ["logs-a1"], options, CLUSTER, shard_indices=["metrics"])
    for expressions, problem in (
        ([], "requires explicit index names, but none were provided"),
        (["_all"], "does not support accessing all indices; the provided index expression [_all] is not allowed"),
        (["logs-*"], "does not support wildcards; the provided index expression(s) [logs-*] are not allowed"),
    ):
        error = refusal(LOGS, *expressions, action=QUERY)
        assert (error.type, error.reason) == ("illegal_argument_exception", f"the action {QUERY} {problem}")


def test_names_of_a_point_in_time_are_taken_as_they_are() -> None:
    options = IndicesOptions()
    grant = authorize_indices(LOGS, SEARCH, ["logs-a1"], options, CLUSTER, point_in_time=True)
    assert grant.names == ("logs-a1",)
    assert authorize_indices(LOGS, SEARCH, [], options, CLUSTER, point_in_time=True).matches_nothing
    with pytest.raises(ElasticsearchException, match="metrics"):
        authorize_indices(LOGS, SEARCH, ["metrics"], options, CLUSTER, point_in_time=True)
    with pytest.raises(ElasticsearchException, match="unauthorized"):
        authorize_indices(LOGS, SEARCH, ["logs-*", "x*"], options, CLUSTER, point_in_time=True)


@pytest.mark.parametrize(
    ("action", "privileges", "allowed"),
    [
        ("internal:transport/proxy/indices:data/read/search[phase/query]", ["read_cross_cluster"], True),
        ("internal:transport/proxy/indices:data/read/search[phase/query]", ["read"], False),
        ("indices:data/read/msearch", ["read"], True),
        ("indices:data/read/msearch", ["monitor"], False),
        ("indices:data/read/esql", ["read_cross_cluster"], True),
        ("indices:data/read/scroll", ["read"], True),
        ("indices:data/read/scroll", ["monitor"], False),
        ("indices:data/read/search[free_context/scroll]", ["monitor"], True),
        ("indices:data/read/search[clear_scroll_contexts]", ["monitor"], True),
        ("indices:data/read/get", ["read"], False),
    ],
)
def test_requests_without_names(action: str, privileges: list[str], allowed: bool) -> None:
    who = role(descriptors(entry("logs*", privileges=privileges)))
    if allowed:
        grant = authorize_indices(who, action, None, IndicesOptions(), CLUSTER)
        assert grant.names is None
        assert not grant.covers("logs-a1")
    else:
        with pytest.raises(ElasticsearchException, match="is unauthorized for"):
            authorize_indices(who, action, None, IndicesOptions(), CLUSTER)


def test_neither_index_nor_cluster_action() -> None:
    everything = role(descriptors(entry("*", privileges=["all"]), cluster=["all"]))
    with pytest.raises(ElasticsearchException) as caught:
        authorize(everything, "internal:cluster/coordination/join")
    assert caught.value.reason == f"action [internal:cluster/coordination/join] towards remote cluster is unauthorized for {WHO}"
    with pytest.raises(ElasticsearchException, match="unauthorized"):
        authorize_indices(everything, "cluster:monitor/state", ["logs-a1"], IndicesOptions(), CLUSTER)


def test_the_answer_to_why() -> None:
    who = role(descriptors(entry("logs*", "x"), name="one"), descriptors(entry("/logs-a./", privileges=["all"]), name="two"))
    grant = authorize_indices(who, SEARCH, ["logs-a1"], IndicesOptions(), CLUSTER)
    assert grant.explain() == [
        f"allowed: {SEARCH}",
        "  [logs-a1] test: [one] grants [read] on [logs*]",
        "  [logs-a1] test: [two] grants [all] on [/logs-a./]",
    ]
    error = refusal(who, "logs-b1")
    assert error.explain()[1:] == [  # type: ignore[attr-defined]
        "  [logs-b1] test: [one] grants [read] on [logs*]",
        "  [logs-b1] test: nothing grants it",
    ]


def test_a_role_without_sets_allows_nothing() -> None:
    nothing = Role(key_subject(), ())
    assert "on indices [logs-a1]" in str(refusal(nothing, "logs-a1"))
    assert " on indices" not in str(refusal(nothing, "*"))


def test_the_listing_follows_the_metadata() -> None:
    who = reader("logs*")
    before, after = ClusterMetadata([IndexAbstraction("logs-1")]), ClusterMetadata([IndexAbstraction("logs-2")])
    options = IndicesOptions()
    grants: list[Grant] = [authorize_indices(who, SEARCH, ["*"], options, metadata) for metadata in (before, after, before)]
    assert [grant.names for grant in grants] == [("logs-1",), ("logs-2",), ("logs-1",)]


def test_a_single_entry_of_none_gives_nothing() -> None:
    assert "unauthorized" in str(refusal(role(descriptors(entry("*", privileges=["none", "read"]))), "logs-a1"))
    assert names(role(descriptors(entry("*", privileges=["read", "none"]))), "logs-a1") == ["logs-a1"]
    assert names(role(descriptors(entry("x"), entry("*", privileges=["none", "read"]))), "logs-a1") == ["logs-a1"]


def test_a_wildcard_needs_every_set_to_cover_the_same_name() -> None:
    """Named explicitly, one set may cover a backing index and the other its data stream."""
    who = role(descriptors(entry(".ds-*")), descriptors(entry("events")))
    assert names(who, ".ds-events-1") == [".ds-events-1"]
    assert names(who, ".ds-*") == []
    assert names(who, ".ds-events-1", ignore_unavailable=True) == []


def test_decisions_are_remembered_for_all_that_they_depend_on() -> None:
    who = reader("logs*")
    options = IndicesOptions()
    first = authorize_indices(who, SEARCH, ["logs-*"], options, CLUSTER)
    assert authorize_indices(who, SEARCH, ["logs-*"], IndicesOptions(), CLUSTER) is first
    hidden = authorize_indices(who, SEARCH, ["logs-*"], IndicesOptions(expand_hidden=True), CLUSTER)
    assert hidden.names != first.names
    with pytest.raises(ElasticsearchException):
        authorize_indices(who, SEARCH, ["logs-*"], options, CLUSTER, shard_indices=["other"])
    with pytest.raises(ElasticsearchException):
        authorize_indices(who, "indices:monitor/stats", ["logs-*"], options, CLUSTER)
    days = iter((datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)))
    dated = [authorize_indices(who, SEARCH, ["<logs-{now}>"], options, CLUSTER, clock=lambda: next(days)).names for _ in range(2)]
    assert dated == [("logs-2024.01.01",), ("logs-2024.01.02",)]


def test_what_is_remembered_is_bounded_for_all_roles_together() -> None:
    options = IndicesOptions()
    large = ClusterMetadata([IndexAbstraction(f"i{number}") for number in range(1000)])
    store = Store(limit=2_000_000)
    roles = [Role(key_subject(), (descriptors(entry("*")),), memory=Memory(store)) for _ in range(5)]
    for number in range(10):
        for who in roles:
            assert len(authorize_indices(who, SEARCH, ["*", f"-x{number}*"], options, large).names or ()) == 1000
    assert 5 < len(store) < 15
    assert sum(len(who.memory.answers) for who in roles) == len(store)
    first = authorize_indices(roles[0], SEARCH, ["*"], options, large)
    assert authorize_indices(roles[0], SEARCH, ["*"], options, large) is first
    authorize_indices(roles[1], SEARCH, ["i1"], options, CLUSTER)
    assert not roles[0].memory.answers
    assert len(store) == 1
    huge = ClusterMetadata([IndexAbstraction(f"i{number}") for number in range(20_000)])
    first = authorize_indices(roles[0], SEARCH, ["*"], options, huge)
    assert authorize_indices(roles[0], SEARCH, ["*"], options, huge) is not first


def test_an_answer_that_is_asked_for_is_kept() -> None:
    store = Store(limit=100_000)
    who = Role(key_subject(), (descriptors(entry("*")),), memory=Memory(store))
    first = authorize_indices(who, SEARCH, ["logs-a1"], IndicesOptions(), CLUSTER)
    for number in range(1000):
        authorize_indices(who, SEARCH, [f"i{number}", "i*"], IndicesOptions(ignore_unavailable=True), CLUSTER)
        assert authorize_indices(who, SEARCH, ["logs-a1"], IndicesOptions(), CLUSTER) is first
    assert len(store) < 1000
