"""Expansion and texts are those of CrossClusterApiKeyRoleDescriptorBuilder and RoleDescriptor, 8.19.21."""

import json
from typing import Any

import pytest

from gateway.authorization.access import parse_access
from gateway.authorization.parsing import parse_descriptor_set
from protocol.errors import ElasticsearchException


def descriptor(cluster: list[str], indices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cross_cluster": {
            "cluster": cluster,
            "indices": indices,
            "applications": [],
            "run_as": [],
            "metadata": {},
            "transient_metadata": {"enabled": True},
        }
    }


SEARCH = ["read", "read_cross_cluster", "view_index_metadata"]
REPLICATION = ["cross_cluster_replication", "cross_cluster_replication_internal"]


def test_search() -> None:
    access = parse_access('{"search":[{"names":["logs*"]},{"names":"metrics","allow_restricted_indices":true}]}')
    assert access.request == {
        "search": [
            {"names": ["logs*"], "allow_restricted_indices": False},
            {"names": ["metrics"], "allow_restricted_indices": True},
        ]
    }
    assert access.role_descriptors == descriptor(
        ["cross_cluster_search", "monitor_enrich"],
        [
            {"names": ["logs*"], "privileges": SEARCH, "allow_restricted_indices": False},
            {"names": ["metrics"], "privileges": SEARCH, "allow_restricted_indices": True},
        ],
    )


def test_replication() -> None:
    access = parse_access({"replication": [{"names": ["archive"]}], "search": []})
    assert access.request == {"replication": [{"names": ["archive"], "allow_restricted_indices": False}]}
    assert access.role_descriptors == descriptor(
        ["cross_cluster_replication"], [{"names": ["archive"], "privileges": REPLICATION, "allow_restricted_indices": False}]
    )


def test_both_in_this_order_however_they_are_given() -> None:
    access = parse_access({"replication": [{"names": ["b"]}], "search": {"names": ["a"]}})
    assert access.role_descriptors == descriptor(
        ["cross_cluster_search", "monitor_enrich", "cross_cluster_replication"],
        [
            {"names": ["a"], "privileges": SEARCH, "allow_restricted_indices": False},
            {"names": ["b"], "privileges": REPLICATION, "allow_restricted_indices": False},
        ],
    )


@pytest.mark.parametrize("query", [{"term": {"a": "é"}}, '{"term":{"a":"é"}}'])
def test_documents_and_fields(query: Any) -> None:
    entry = {"names": ["a"], "query": query, "field_security": {"grant": ["m*"], "except": ["msg.secret"]}}
    expected = {
        "names": ["a"],
        "field_security": {"grant": ["m*"], "except": ["msg.secret"]},
        "query": '{"term":{"a":"é"}}',
        "allow_restricted_indices": False,
    }
    access = parse_access({"search": [entry]})
    assert access.request == {"search": [expected]}
    assert access.role_descriptors["cross_cluster"]["indices"] == [expected | {"privileges": SEARCH}]


def test_the_expansion_is_a_role_descriptor() -> None:
    access = parse_access({"search": [{"names": ["a"], "query": '{"match_all":{}}'}]})
    (parsed,) = parse_descriptor_set(json.dumps(access.role_descriptors))
    assert parsed.to_json() == access.role_descriptors["cross_cluster"]


FAILED = "failed to parse indices privileges for role [cross_cluster]"


@pytest.mark.parametrize(
    ("access", "kind", "reason"),
    [
        ("{}", "illegal_argument_exception", "must specify non-empty access for either [search] or [replication]"),
        (
            '{"search":[],"replication":[]}',
            "illegal_argument_exception",
            "must specify non-empty access for either [search] or [replication]",
        ),
        (
            '{"search":[{"names":["a"],"query":{"match_all":{}}}],"replication":[{"names":["b"]}]}',
            "illegal_argument_exception",
            "search does not support document or field level security if replication is assigned",
        ),
        (
            '{"search":[{"names":["a"],"field_security":{"grant":["x"]}}],"replication":[{"names":["b"]}]}',
            "illegal_argument_exception",
            "search does not support document or field level security if replication is assigned",
        ),
        (
            '{"search":[{"names":["a"],"field_security":{"grant":["x","*"]}}],"replication":[{"names":["b"]}]}',
            "illegal_argument_exception",
            "search does not support document or field level security if replication is assigned",
        ),
        (
            '{"replication":[{"names":["b"],"query":{"match_all":{}}}]}',
            "illegal_argument_exception",
            "replication does not support document or field level security",
        ),
        (
            '{"search":[{"names":["a"],"privileges":["read"]}]}',
            "parse_exception",
            f"{FAILED}. field [privileges] must not present",
        ),
        ('{"search":[{}]}', "parse_exception", f"{FAILED}. missing required [names] field"),
        ('{"search":[{"names":[]}]}', "parse_exception", f"{FAILED}. [names] cannot be an empty array"),
        ('{"search":[{"names":["a"],"clusters":["b"]}]}', "parse_exception", f"{FAILED}. unexpected field [clusters]"),
        (
            '{"search":[{"names":3}]}',
            "parse_exception",
            f"{FAILED}. expected field [names] value to be a string or an array of strings, but found [VALUE_NUMBER] instead",
        ),
        (
            '{"search":["a"]}',
            "parse_exception",
            f"{FAILED}. expected field [null] value to be an array of objects, but found an array element of type [VALUE_STRING]",
        ),
        (
            '{"search":[{"names":["a"],"query":"no query"}]}',
            "parse_exception",
            "failed to parse field 'query' for indices [a] at index privilege [0] of role descriptor",
        ),
        *(
            (
                json.dumps({"search": [{"names": ["a"]}, {"names": ["a", "b"], "query": query}]}),
                "parse_exception",
                "failed to parse field 'query' for indices [a,b] at index privilege [1] of role descriptor",
            )
            for query in ('{"template": {"source": {"match_all": {}}}}', '{"has_child": {}}', "{}", "[]")
        ),
        (
            '{"serach":[{"names":["a"]}]}',
            "x_content_parse_exception",
            "[cross_cluster_api_key_request_access] unknown field [serach]",
        ),
        (
            '{"search":"a"}',
            "x_content_parse_exception",
            "[cross_cluster_api_key_request_access] search doesn't support values of type: VALUE_STRING",
        ),
        ("[]", "x_content_parse_exception", "[cross_cluster_api_key_request_access] Expected START_OBJECT"),
    ],
)
def test_refusals(access: str, kind: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as raised:
        parse_access(access)
    assert (raised.value.type, raised.value.reason) == (kind, reason)


@pytest.mark.parametrize(
    "access",
    [
        "",
        "no",
        '{"search":[{"names":["a"]}],"search":[{"names":["*"]}]}',
        '{"search":[{"names":["a"],"names":["*"]}]}',
        '{"search":[{"names":["a"]}]} x',
        '{"search":[{"names":[NaN]}]}',
        '{"search":[null]}',
        '{"search":[[]]}',
        '{"search":[{"names":[["a"]]}]}',
        '{"search":[{"names":["a"],"allow_restricted_indices":"true"}]}',
        '{"search":[{"names":["a"],"field_security":{}}]}',
        '{"search":[{"names":["a"],"field_security":{"except":["b"]}}]}',
        '{"search":[{"names":["a"],"field_security":{"grant":["b"],"except":["c"]}}]}',
        '{"search":[{"names":["a"],"query":["x"]}]}',
        "[" * 100_000,
        '{"search":"' + "x" * (1 << 20) + '"}',
    ],
)
def test_what_is_malformed_makes_no_key(access: str) -> None:
    with pytest.raises(ElasticsearchException) as raised:
        parse_access(access)
    assert raised.value.type in ("parse_exception", "x_content_parse_exception")
