"""Index expressions by cluster, in the words of Elasticsearch (``RemoteClusterAware``)."""

from __future__ import annotations

import pytest

from gateway.client.expressions import group, one
from protocol.errors import ElasticsearchException

ALIASES = ("berlin", "paris", "prague")


@pytest.mark.parametrize(
    ("expressions", "groups"),
    [
        (["berlin:logs-*"], {"berlin": ["logs-*"]}),
        (["berlin:logs-*", "paris:a", "berlin:-logs-1"], {"berlin": ["logs-*", "-logs-1"], "paris": ["a"]}),
        (["p*:a"], {"paris": ["a"], "prague": ["a"]}),
        (["*:a", "-paris:*"], {"berlin": ["a"], "prague": ["a"]}),
        (["*:a", "-p*:*"], {"berlin": ["a"]}),
        (["berlin:<logs-{now/d}>"], {"berlin": ["<logs-{now/d}>"]}),
        (["berlin:logs::data"], {"berlin": ["logs::data"]}),
        (["x*:a", "berlin:b"], {"berlin": ["b"]}),
        ([], {}),
    ],
)
def test_expressions_are_parted_by_cluster(expressions: list[str], groups: dict[str, list[str]]) -> None:
    assert group(expressions, ALIASES) == groups


@pytest.mark.parametrize(
    ("expressions", "kind", "reason"),
    [
        (["rome:a"], "no_such_remote_cluster_exception", "no such remote cluster: [rome]"),
        (["logs"], "index_not_found_exception", "no such index [logs]"),
        (["logs::data"], "index_not_found_exception", "no such index [logs::data]"),
        (["<logs:{now/d}>"], "index_not_found_exception", "no such index [<logs:{now/d}>]"),
        ([":a"], "illegal_argument_exception", "index name [:a] is invalid because the remote part is empty"),
        (
            ["*:a", "-paris:a"],
            "illegal_argument_exception",
            "To exclude a cluster you must specify the '*' wildcard for the index expression, but found: [a]",
        ),
        (
            ["berlin:a", "-paris:*"],
            "illegal_argument_exception",
            "Attempt to exclude cluster [paris] failed as it is not included in the list of clusters to be included: [berlin]. "
            "Input: [berlin:a,-paris:*]",
        ),
        (
            ["paris:a", "-paris:*"],
            "illegal_argument_exception",
            "The '-' exclusions in the index expression list excludes all indexes. Nothing to search. Input: [paris:a,-paris:*]",
        ),
    ],
)
def test_what_cannot_be_parted_is_refused(expressions: list[str], kind: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as refused:
        group(expressions, ALIASES)
    assert (refused.value.type, refused.value.reason) == (kind, reason)


def test_one_document_is_of_one_cluster() -> None:
    assert one("berlin:logs", ALIASES) == ("berlin", "logs")
    with pytest.raises(ElasticsearchException, match="is not of one remote cluster"):
        one("p*:logs", ALIASES)
