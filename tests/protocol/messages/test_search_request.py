"""Search requests and indices options against those that Elasticsearch wrote."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.messages.common import TaskId, TimeUnit, TimeValue
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SearchRequest, SearchType
from protocol.versions import V_8_19
from tests.protocol.messages.samples import recorded, samples

OPTIONS, REQUESTS = samples("options"), samples("request")


TRACES = recorded("request")


@pytest.mark.parametrize("name", OPTIONS)
def test_options_read_to_what_elasticsearch_shows(name: str) -> None:
    data = base64.b64decode(OPTIONS[name]["bytes"])
    options, rest = IndicesOptions.decode(data, V_8_19), OPTIONS[name]["rest"]
    assert options.ignore_unavailable == rest["ignore_unavailable"]
    assert options.allow_no_indices == rest["allow_no_indices"]
    assert options.ignore_throttled == rest["ignore_throttled"]
    states = {"open": options.expand_open, "closed": options.expand_closed, "hidden": options.expand_hidden}
    assert [state for state, expanded in states.items() if expanded] == rest["expand_wildcards"]
    assert options.encode(V_8_19) == data


def test_the_defaults_are_elasticsearchs() -> None:
    assert IndicesOptions().encode(V_8_19) == base64.b64decode(OPTIONS["search"]["bytes"])
    assert IndicesOptions.STRICT_EXPAND_OPEN.encode(V_8_19) == base64.b64decode(OPTIONS["strict expand open"]["bytes"])
    assert SearchRequest().encode(V_8_19) == base64.b64decode(REQUESTS["default"]["bytes"])


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("ignore aliases", {"ignore_aliases": True, "forbid_closed_indices": True, "expand_open": True}),
        ("single", {"forbid_aliases_to_multiple_indices": True, "allow_selectors": False, "expand_open": False}),
        ("failures", {"include_failure_indices": True, "allow_selectors": False}),
    ],
)
def test_options_that_rest_does_not_show(name: str, attributes: dict[str, bool]) -> None:
    options = IndicesOptions.decode(base64.b64decode(OPTIONS[name]["bytes"]), V_8_19)
    assert {attribute: getattr(options, attribute) for attribute in attributes} == attributes


@pytest.mark.parametrize("data", [b"\x01\x09\x00", b"\x00\x01\x03", b"\x01\xff\xff\xff\xff\x0f\x00"])
def test_unknown_options_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        IndicesOptions.decode(data, V_8_19)


EXPECTED: dict[str, dict[str, Any]] = {
    "default": {"indices": [], "source": None, "final_reduce": True, "absolute_start_millis": -1, "parent_task": TaskId()},
    "full": {
        "search_type": SearchType.DFS_QUERY_THEN_FETCH,
        "indices": ["a", "b-*", "-b-1"],
        "source": {"size": 3},
        "routing": "r1,r2",
        "preference": "_local",
        "request_cache": True,
        "allow_partial_search_results": False,
        "batched_reduce_size": 17,
        "max_concurrent_shard_requests": 4,
        "pre_filter_shard_size": 9,
        "force_synthetic_source": True,
        "wait_for_checkpoints": {"a": [1, 2], "b": []},
        "wait_for_checkpoints_timeout": TimeValue(1500, TimeUnit.MILLISECONDS),
        "scroll": TimeValue(2, TimeUnit.MINUTES),
    },
    "minimal version": {
        "parent_task": TaskId("node", 42),
        "min_compatible_shard_node": 8190099,
        "ccs_minimize_roundtrips": False,
    },
    "remote": {
        "parent_task": TaskId("n", 7),
        "indices": ["logs-*"],
        "local_cluster_alias": "rem",
        "absolute_start_millis": 1795507301415,
        "final_reduce": False,
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_requests_read_to_what_was_asked(name: str) -> None:
    data = base64.b64decode(REQUESTS[name]["bytes"])
    request = SearchRequest.decode(data, V_8_19)
    assert {attribute: getattr(request, attribute) for attribute in EXPECTED[name]} == EXPECTED[name]
    assert request.encode(V_8_19) == data


@pytest.mark.parametrize("data", TRACES, ids=range(len(TRACES)))
def test_what_real_nodes_sent_is_written_back(data: bytes) -> None:
    request = SearchRequest.decode(data, V_8_19)
    assert request.encode(V_8_19) == data
    assert request.local_cluster_alias == "rem"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TRACES), st.integers(0, 400), st.integers(0, 255))
def test_damaged_requests_raise_only_wire_errors(data: bytes, position: int, value: int) -> None:
    position %= len(data)
    with contextlib.suppress(WireError):
        SearchRequest.decode(data[:position] + bytes([value]) + data[position + 1 :], V_8_19)
