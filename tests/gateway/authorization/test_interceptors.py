"""What is refused where document rules hold."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.authorization import authorize_indices
from gateway.authorization.interceptors import check_rules
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SEARCH, SearchRequest
from tests.gateway.authorization.support import CLUSTER, descriptors, entry, role

DOCUMENTS = role(descriptors(entry("logs-a1", query={"match_all": {}}), entry("metrics", field_security={"grant": ["a"]})))


def check(source: dict[str, Any] | None, *names: str) -> None:
    grant = authorize_indices(DOCUMENTS, SEARCH, names, IndicesOptions(), CLUSTER)
    check_rules(SEARCH, SearchRequest(indices=list(names), source=source), grant)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"suggest": {}}, "Suggest isn't supported if document level security is enabled"),
        ({"suggest": {"a": {}}, "profile": True}, "Suggest isn't supported if document level security is enabled"),
        ({"profile": True}, "A search request cannot be profiled if document level security is enabled"),
    ],
)
def test_suggesters_and_profiles_where_documents_are_hidden(source: dict[str, Any], reason: str) -> None:
    for names in (("logs-a1",), ("metrics", "logs-a1"), ("logs-*",)):
        with pytest.raises(ElasticsearchException) as caught:
            check(source, *names)
        assert (caught.value.type, caught.value.reason, caught.value.status) == ("security_exception", reason, 400)
    check(source, "metrics")


def test_other_searches_are_let_through() -> None:
    check(None, "logs-a1")
    check({"query": {"match_all": {}}, "profile": False}, "logs-a1")
