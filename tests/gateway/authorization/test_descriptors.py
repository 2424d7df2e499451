"""Role descriptors: what is read, what is refused and in which words, and that they come back as they went."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorization import parse_descriptor_set, parse_role_descriptor
from gateway.authorization.descriptors import descriptors_to_json
from gateway.authorization.parsing import parse_indices_entry
from protocol.errors import ElasticsearchException

FULL: dict[str, Any] = {
    "cluster": ["monitor"],
    "global": {"profile": {"write": {"applications": ["a"]}}},
    "indices": [
        {
            "names": ["logs*", "/x.*/"],
            "privileges": ["read"],
            "field_security": {"grant": ["a*"], "except": ["a1"]},
            "query": '{"term":{"a":1}}',
            "allow_restricted_indices": True,
        },
        {"names": ["m"], "privileges": ["all"], "allow_restricted_indices": False},
    ],
    "applications": [{"application": "kibana", "privileges": ["read"], "resources": ["*"]}],
    "run_as": ["bob"],
    "metadata": {"k": [1, {"x": None}]},
    "transient_metadata": {"enabled": True},
    "remote_indices": [{"names": ["r"], "privileges": ["read"], "allow_restricted_indices": False, "clusters": ["c*"]}],
    "remote_cluster": [{"privileges": ["monitor_stats"], "clusters": ["*"]}],
    "restriction": {"workflows": ["search_application_query"]},
    "description": "words",
}


def test_the_whole_form_comes_back_as_it_went() -> None:
    descriptor = parse_role_descriptor("r", FULL)
    assert descriptor.to_json() == FULL
    assert parse_descriptor_set(json.dumps(descriptors_to_json([descriptor]))) == (descriptor,)
    assert descriptor.indices[0].uses_document_or_field_security
    assert hash(descriptor) == hash(parse_role_descriptor("r", FULL))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"index": [{"names": "a", "privileges": ["read"]}]}, {"names": ("a",), "query": None}),
        (
            {"indices": [{"names": ["a"], "privileges": ["read"], "query": {"a": {"b": [1, "é"]}}}]},
            {"query": '{"a":{"b":[1,"é"]}}'},
        ),
        ({"indices": [{"names": ["a"], "privileges": ["read"], "query": ""}]}, {"query": None}),
        ({"indices": [{"names": ["a"], "privileges": ["read"], "query": None}]}, {"query": None}),
        ({"indices": [{"names": ["a"], "privileges": ["read"], "transient_metadata": {"x": 1}}]}, {"names": ("a",)}),
        ({"indices": [], "index": [{"names": ["a"], "privileges": ["read"]}]}, {"names": ("a",)}),
        ({"type": "role", "metadata_flattened": {}, "transient_metadata": {}, "run_as": None, "cluster": None}, {}),
    ],
)
def test_lenient_forms(given: dict[str, Any], expected: dict[str, Any]) -> None:
    descriptor = parse_role_descriptor("r", given)
    for name, value in expected.items():
        assert getattr(descriptor.indices[0], name) == value
    assert descriptor.cluster == ()
    assert descriptor.run_as == ()


PREFIX = "failed to parse indices privileges for role [r]."
NAMED = {"names": ["a"], "privileges": ["read"]}


def indices(**more: Any) -> dict[str, Any]:
    return {"indices": [{**NAMED, **more}]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "failed to parse role [r]. expected an object but found [START_ARRAY] instead"),
        ({"nonsense": 1}, "failed to parse role [r]. unexpected field [nonsense]"),
        ({"cluster": "all"}, "failed to parse role [r]"),
        ({"cluster": [1]}, "failed to parse role [r]"),
        ({"indices": {}}, f"{PREFIX} expected field [indices] value to be an array, but found [START_OBJECT] instead"),
        (
            {"indices": ["a"]},
            f"{PREFIX} expected field [null] value to be an array of objects, but found an array element of type [VALUE_STRING]",
        ),
        ({"indices": [{"privileges": ["read"]}]}, f"{PREFIX} missing required [names] field"),
        ({"indices": [{"names": ["a"]}]}, f"{PREFIX} missing required [privileges] field"),
        (indices(names=[]), f"{PREFIX} [names] cannot be an empty array"),
        (
            indices(names=1),
            f"{PREFIX} expected field [names] value to be a string or an array of strings, but found [VALUE_NUMBER] instead",
        ),
        (indices(privileges=[]), "indices privileges must define at least one privilege"),
        (indices(clusters=["c"]), f"{PREFIX} unexpected field [clusters]"),
        (
            indices(allow_restricted_indices="true"),
            f"{PREFIX} expected field [allow_restricted_indices] value to be a boolean, but found [VALUE_STRING] instead",
        ),
        (
            indices(query=[1]),
            f"{PREFIX} expected field [query] value to be null, a string, an array, or an object, but found [START_ARRAY] instead",
        ),
        (indices(field_security={}), f'{PREFIX} "field_security" must not be empty.'),
        (indices(field_security=[]), f'{PREFIX} expected START_OBJECT but got START_ARRAY in "field_security".'),
        (indices(field_security={"grant": None}), f"{PREFIX} grant must not be null."),
        (indices(field_security={"x": []}), f'{PREFIX} "field_security" only accepts options grant and except, but got: x'),
        (indices(field_security={"except": ["a"]}), f"{PREFIX} field_security requires grant if except is given"),
        (
            indices(field_security={"grant": ["a"], "except": ["b", "a"]}),
            "failed to parse indices privileges for role [r] - Exceptions for field permissions must be a subset of the granted fields "
            "but b,a is not a subset of a",
        ),
        (
            indices(fields=["a"]),
            '["fields": [...]] format has changed for field permissions in role [r], '
            'use ["field_security": {"grant":[...],"except":[...]}] instead',
        ),
        (
            {"remote_indices": [NAMED]},
            "failed to parse remote indices privileges for role [r]. missing required [clusters] field",
        ),
        (
            {"remote_cluster": [{"privileges": ["all"], "clusters": ["*"]}]},
            "failed to parse remote_cluster for role [r]. [monitor_enrich, monitor_stats] are the only values allowed for [privileges] "
            "within [remote_cluster]. Found [all]",
        ),
        (
            {"remote_cluster": [{"privileges": ["monitor_stats"]}]},
            "failed to parse remote_cluster for role [r]. [clusters] must be defined when [privileges] are defined ",
        ),
        ({"remote_cluster": [{"x": 1}]}, "failed to parse remote_cluster for role [r]. unexpected field [x]"),
        ({"restriction": {"workflows": []}}, "failed to parse restriction for role [r]. [workflows] cannot be an empty array"),
        ({"restriction": {"x": 1}}, "failed to parse restriction for role [r]. unexpected field [x]"),
        ({"metadata": []}, "expected field [metadata] to be of type object, but found [START_ARRAY] instead"),
        ({"transient_metadata": 1}, "failed to parse role [r]. unexpected field [transient_metadata]"),
        (
            {"applications": [{"application": "a", "privileges": ["p"]}]},
            "failed to parse application privileges for role [r]. missing required [resources] field",
        ),
        (
            {"applications": [{"application": "", "privileges": ["p"], "resources": ["r"]}]},
            "application privileges must have an application name",
        ),
    ],
)
def test_refused_descriptors(body: Any, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        parse_role_descriptor("r", body)
    assert caught.value.reason == reason
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["", " a", "a ", "é", "a\n", "x" * 1025])
def test_role_names(name: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        parse_role_descriptor(name, {})
    assert caught.value.type == "validation_exception"
    assert parse_role_descriptor("_system ok", {}).name == "_system ok"


@pytest.mark.parametrize(
    "raw", [b'{"a":{},"a":{}}', b'{"a":{"metadata":{"x":1,"x":2}}}', b'{"a":{"metadata":{"x":NaN}}}', b"[" * 10_000]
)
def test_json_that_is_read_in_more_than_one_way_is_refused(raw: bytes) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        parse_descriptor_set(raw)
    assert caught.value.type == "x_content_parse_exception"


def test_an_entry_with_privileges_from_outside() -> None:
    entry = parse_indices_entry("cross_cluster", {"names": ["a"]}, ("read",))
    assert entry.privileges == ("read",)
    with pytest.raises(ElasticsearchException, match=r"field \[privileges\] must not present"):
        parse_indices_entry("cross_cluster", NAMED, ("read",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab*", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FULL, "names", "privileges", "query", "grant", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(body: Any) -> None:
    with contextlib.suppress(ElasticsearchException):
        descriptor = parse_role_descriptor("r", body)
        assert parse_role_descriptor("r", descriptor.to_json()) == descriptor


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ElasticsearchException):
        parse_descriptor_set(raw)
