"""Requests on names that another cluster resolves: what is refused here, and what is remembered of that."""

from __future__ import annotations

import pytest

from gateway.authorization.authorize import authorize_unresolved
from gateway.authorization.subject_roles import build_role
from protocol.errors import ElasticsearchException
from protocol.messages.search_request import SEARCH
from tests.gateway.backends.relay.test_headers import USER, Roles, keyed

ALLOWED, DENIED = ("logs-a1",), ("logs-a1", "secret")


def never() -> bool:
    raise AssertionError("it was not to be asked")


def test_what_the_request_wants_otherwise_matters_only_where_a_name_is_not_allowed() -> None:
    role = build_role(keyed(USER), Roles())
    assert authorize_unresolved(role, SEARCH, ALLOWED, never).action == SEARCH
    for _ in range(2):
        assert authorize_unresolved(role, SEARCH, DENIED, lambda: True).action == SEARCH
        with pytest.raises(ElasticsearchException, match=r"on indices \[secret\]"):
            authorize_unresolved(role, SEARCH, DENIED, lambda: False)


def test_a_decision_is_remembered_for_its_role_action_and_names() -> None:
    role, other = build_role(keyed(USER), Roles()), build_role(keyed({"u": {"indices": []}}), Roles())
    grant = authorize_unresolved(role, SEARCH, ALLOWED)
    assert authorize_unresolved(role, SEARCH, ALLOWED) is grant
    for asked in ((other, SEARCH, ALLOWED), (role, "indices:data/write/bulk", ALLOWED), (role, SEARCH, ("logs-b1",))):
        with pytest.raises(ElasticsearchException, match="unauthorized"):
            authorize_unresolved(*asked)
