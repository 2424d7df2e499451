"""Requests on names that another cluster resolves: what is refused here, and what is remembered of that."""

from __future__ import annotations

import pytest

from gateway.authorization.authorize import authorize_unresolved
from gateway.authorization.subject_roles import build_role
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SEARCH
from tests.gateway.backends.relay.test_headers import USER, Roles, keyed

ALLOWED, DENIED = ("logs-a1",), ("logs-a1", "secret")


def never() -> IndicesOptions | None:
    raise AssertionError("it was not to be asked")


def strict() -> IndicesOptions:
    return IndicesOptions()


def lenient() -> IndicesOptions:
    return IndicesOptions(ignore_unavailable=True)


def test_what_the_request_wants_otherwise_matters_only_where_a_name_is_not_allowed() -> None:
    role = build_role(keyed(USER), Roles())
    assert authorize_unresolved(role, SEARCH, ALLOWED, never).action == SEARCH
    for _ in range(2):
        assert authorize_unresolved(role, SEARCH, DENIED, lenient).action == SEARCH
        assert authorize_unresolved(role, SEARCH, DENIED, lambda: None).action == SEARCH
        with pytest.raises(ElasticsearchException, match=r"on indices \[secret\]"):
            authorize_unresolved(role, SEARCH, DENIED, strict)


@pytest.mark.parametrize(
    ("names", "options", "denied"),
    [
        (("secret", "logs-*"), IndicesOptions(), "secret"),
        (("secret", "logs-a*", "other-*"), IndicesOptions(expand_open=False), "secret,other-*"),
        (("other", "<secret-{2026||/y{yyyy}}>"), IndicesOptions(), "other,secret-2026"),
        (("-secret", "other"), IndicesOptions(), "-secret,other"),
    ],
)
def test_what_is_certain_is_told_as_the_cluster_behind_would(
    names: tuple[str, ...], options: IndicesOptions, denied: str
) -> None:
    role = build_role(keyed(USER), Roles())
    with pytest.raises(ElasticsearchException) as raised:
        authorize_unresolved(role, SEARCH, names, lambda: options)
    told = str(raised.value.reason).partition(" on indices [")[2].partition("]")[0]
    assert set(told.split(",")) == set(denied.split(","))


@pytest.mark.parametrize(
    "names",
    [("logs-*", "<secret>"), ("other-*",), (".ds-secret-1",), ("secret::failures",), ("*", "-secret"), ("-secret", "logs-a1")],
)
def test_what_depends_on_the_names_there_is_left_to_the_cluster_behind(names: tuple[str, ...]) -> None:
    role = build_role(keyed(USER), Roles())
    assert authorize_unresolved(role, SEARCH, names, strict).action == SEARCH


def test_a_wildcard_that_must_match_is_told_of_before_a_name_that_is_denied() -> None:
    role = build_role(keyed(USER), Roles())
    must = IndicesOptions(allow_no_indices=False)
    assert authorize_unresolved(role, SEARCH, ("logs-*", "secret"), lambda: must).action == SEARCH
    other = build_role(keyed({"u": {"indices": []}}), Roles())
    with pytest.raises(ElasticsearchException, match=r"no such index \[logs-\*\]"):
        authorize_unresolved(other, SEARCH, ("logs-*", "secret"), lambda: must)


def test_a_decision_is_remembered_for_its_role_action_and_names() -> None:
    role, other = build_role(keyed(USER), Roles()), build_role(keyed({"u": {"indices": []}}), Roles())
    grant = authorize_unresolved(role, SEARCH, ALLOWED, strict)
    assert authorize_unresolved(role, SEARCH, ALLOWED, never) is grant
    for asked in ((other, SEARCH, ALLOWED), (role, "indices:data/write/bulk", ALLOWED), (role, SEARCH, ("logs-b1",))):
        with pytest.raises(ElasticsearchException, match="unauthorized"):
            authorize_unresolved(*asked, strict)
