"""Messages that are not search: payloads of real nodes and of Elasticsearch's own classes, both ways."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.messages import cluster_state, field_caps, get, handshake, info, nodes, proxy, resolve, stats, tasks, terms_enum
from protocol.messages.common import Empty, NodeRole, TaskId, TimeUnit, TimeValue, TransportAddress
from protocol.schema import Message
from protocol.versions import HANDSHAKE_7, HANDSHAKE_8, V_8_19, TransportVersion
from tests.vectors import read_lines

VECTORS = read_lines("messages.jsonl.gz")
CLASSES: dict[str, type[Message]] = {
    "tcp_handshake_request": handshake.TcpHandshakeRequest,
    "tcp_handshake_response": handshake.TcpHandshakeResponse,
    "handshake_request": handshake.HandshakeRequest,
    "handshake_response": handshake.HandshakeResponse,
    "nodes_request": nodes.RemoteClusterNodesRequest,
    "nodes_response": nodes.RemoteClusterNodesResponse,
    "cancel_child_request": tasks.CancelChildRequest,
    "cancel_child_response": Empty,
    "ban_request": tasks.BanRequest,
    "stats_request": stats.RemoteClusterStatsRequest,
    "stats_response": stats.RemoteClusterStatsResponse,
    "info_request": info.XPackInfoRequest,
    "info_response": info.XPackInfoResponse,
    "cluster_state_request": cluster_state.ClusterStateRequest,
    "cluster_state_response": cluster_state.ClusterStateResponse,
    "resolve_index_request": resolve.ResolveIndexRequest,
    "resolve_index_response": resolve.ResolveIndexResponse,
    "resolve_cluster_request": resolve.ResolveClusterRequest,
    "resolve_cluster_response": resolve.ResolveClusterResponse,
    "field_caps_request": field_caps.FieldCapsRequest,
    "field_caps_response": field_caps.FieldCapsResponse,
    "proxy_request": proxy.ProxyRequest,
    "terms_enum_request": terms_enum.TermsEnumRequest,
    "terms_enum_response": terms_enum.TermsEnumResponse,
    "get_request": get.GetRequest,
    "get_response": get.GetResponse,
}


def class_of(vector: dict[str, Any]) -> type[Message]:
    return CLASSES[vector["message"].partition(":")[0]]


def payload(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["bytes"])


def message(name: str) -> Any:
    """The first vector of that name, read."""
    vector = next(vector for vector in VECTORS if vector["message"] == name)
    return class_of(vector).decode(payload(vector), TransportVersion(vector["version"]))


def test_every_message_has_a_vector() -> None:
    assert {vector["message"].partition(":")[0] for vector in VECTORS} == set(CLASSES)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['message']}-{vector['version']}-{len(vector['bytes'])}")
def test_written_back_to_the_same_bytes(vector: dict[str, Any]) -> None:
    version = TransportVersion(vector["version"])
    assert class_of(vector).decode(payload(vector), version).encode(version) == payload(vector)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['message']}-{vector['version']}-{len(vector['bytes'])}")
def test_cut_short(vector: dict[str, Any]) -> None:
    data, version = payload(vector), TransportVersion(vector["version"])
    whole = class_of(vector).decode(data, version)
    end = (
        len(data) - len(whole.wrapped) if isinstance(whole, proxy.ProxyRequest) else len(data)
    )  # what is wrapped may be anything
    for size in range(min(end, 300)):
        with pytest.raises(WireError):
            class_of(vector).decode(data[:size], version)


def test_handshakes_of_both_releases() -> None:
    requests = {
        vector["version"]: class_of(vector).decode(payload(vector), TransportVersion(vector["version"]))
        for vector in VECTORS
        if vector["message"] == "tcp_handshake_request"
    }
    newer, older = requests[HANDSHAKE_8.id], requests[HANDSHAKE_7.id]
    assert isinstance(newer, handshake.TcpHandshakeRequest)
    assert isinstance(older, handshake.TcpHandshakeRequest)
    assert (newer.transport_version, newer.release) == (9458007, "9.5.3")
    assert (older.transport_version, older.release) == (8841096, "")
    assert handshake.TcpHandshakeRequest.of(9458007, "9.5.3").encode(HANDSHAKE_8) == newer.encode(HANDSHAKE_8)
    assert handshake.TcpHandshakeRequest.of(8841096).encode(HANDSHAKE_7) == older.encode(HANDSHAKE_7)


def test_a_handshake_of_the_future_may_say_more() -> None:
    data = b"\x00\x0b\xd7\xa2\xc1\x04\x059.5.3\x07"
    request = handshake.TcpHandshakeRequest.decode(data, HANDSHAKE_8)
    assert (request.transport_version, request.release) == (9458007, "9.5.3")
    assert request.encode(HANDSHAKE_8) == data


def test_who_answers() -> None:
    response = message("handshake_response")
    assert (response.version, response.cluster_name) == (8192199, "rem")
    node = response.node
    assert node.address == TransportAddress(address=b"\x7f\x00\x00\x01", host="127.0.0.1", port=9443)
    assert node.roles[0] == NodeRole(name="data", abbreviation="d", can_contain_data=True)
    assert (node.min_index_version, node.max_index_version, node.external_id) == (7000099, 8537000, "rem")


def test_cancelled_request() -> None:
    request = message("cancel_child_request")
    assert request.task == TaskId("uTX3Y4wfTniX6BpXiq-rzQ", 93)
    assert request.child_request_id == 90
    assert request.reason.startswith("org.elasticsearch.transport.RemoteTransportException: ")


def test_ban() -> None:
    placed, lifted = message("ban_request:set"), message("ban_request:lift")
    assert (placed.task, placed.ban, placed.reason, placed.wait_for_completion) == (
        TaskId("node", 12),
        True,
        "by user request",
        True,
    )
    assert (lifted.ban, lifted.reason, lifted.wait_for_completion) == (False, None, False)


def test_state_as_sniffing_asks_it() -> None:
    request, response = message("cluster_state_request"), message("cluster_state_response")
    assert request.nodes_only
    assert request.master_timeout == TimeValue(30, TimeUnit.SECONDS)
    assert request.wait_for_timeout.seconds == 60
    assert [node.name for node in response.state.nodes.nodes] == ["rem"]
    assert response.state.nodes.master_node_id == response.state.nodes.nodes[0].id
    assert response.state.blocks == cluster_state.ClusterBlocks()


def test_a_state_with_indices_is_refused() -> None:
    state = message("cluster_state_response").state
    metadata = state.metadata.encode(V_8_19)
    graveyard = metadata.index(b"\x0findex-graveyard")
    damaged = metadata[: graveyard - 3] + b"\x01" + metadata[graveyard - 2 :]
    with pytest.raises(WireError, match="a cluster state with indices"):
        cluster_state.Metadata.decode(damaged, V_8_19)


def test_field_capabilities_of_indices_that_share_fields() -> None:
    response = message("field_caps_response:per index")
    by_index = {each.index: each for each in response.index_responses}
    assert set(by_index) == {"a-1", "a-2", "b-1", "c-1", "d-1"}
    assert by_index["a-1"].fields == by_index["a-2"].fields
    assert {name: caps.type for name, caps in by_index["a-1"].fields.items()} == {"k": "keyword", "n": "long"}
    assert {name: caps.type for name, caps in by_index["b-1"].fields.items()} == {"n": "double", "k": "keyword"}
    assert by_index["a-1"].fields["n"].metric is field_caps.MetricType.COUNTER
    assert by_index["a-1"].fields["n"].meta == {"unit": "ms"}
    assert [by_index[name].mode.name for name in ("b-1", "c-1", "d-1")] == ["TIME_SERIES", "LOGSDB", "LOOKUP"]
    assert (by_index["d-1"].can_match, by_index["c-1"].mapping_hash) == (False, None)
    assert [failure.indices for failure in response.failures] == [["bad-1", "bad-2"]]
    assert (response.failures[0].exception.type, response.failures[0].exception.status) == ("status_exception", 409)


def test_field_capabilities_with_a_field_that_is_not_listed() -> None:
    data = b"\x00\x00\x00\x01\x01\x01a\x00\x01h\x01\x00\x00\x00\x05\x00\x00"
    with pytest.raises(WireError, match="not in the list of fields"):
        field_caps.FieldCapsResponse.decode(data, V_8_19)


def test_field_capabilities_request_of_a_real_node() -> None:
    request = message("field_caps_request")
    assert (request.fields, request.indices, request.merge_results) == (["*"], ["logs-*"], False)
    assert (request.include_empty_fields, request.cluster_alias) == (True, "rem")
    assert "cluster_alias" not in request.encode(TransportVersion(8841031)).decode("latin-1")
    assert len(request.encode(TransportVersion(8841031))) == len(request.encode(V_8_19)) - 5


def test_field_capabilities_request_with_a_filter() -> None:
    request = message("field_caps_request:filter")
    assert request.index_filter == {"range": {"ts": {"gte": "now-1d", "boost": 1.0}}}
    assert (request.filters, request.types, request.include_unmapped, request.include_empty_fields) == (
        ["-metadata"],
        ["keyword", "long"],
        True,
        False,
    )
    assert request.runtime_fields == {"r": {"type": "long"}}
    assert request.cluster_alias == ""


def test_merged_field_capabilities() -> None:
    caps = message("field_caps_response:merged").fields["n"]["long"]
    assert (caps.searchable, caps.aggregatable, caps.dimension, caps.metric) == (
        True,
        False,
        True,
        field_caps.MetricType.POSITION,
    )
    assert (caps.indices, caps.non_searchable_indices, caps.metric_conflicts_indices) == (["a"], ["b"], ["e"])
    assert caps.meta == {"unit": ["ms"]}


def test_resolve() -> None:
    index = message("resolve_index_response").indices[0]
    assert (index.name, index.attributes, index.data_stream) == ("logs-1", ["open"], None)
    itself = message("resolve_cluster_response").clusters[""]
    assert (itself.connected, itself.skip_unavailable, itself.matching_indices) == (True, False, True)
    assert itself.build.version == "8.19.21"


def test_info() -> None:
    assert message("info_request").categories == ["LICENSE", "FEATURES"]
    assert message("info_response:license").build is None
    everything = message("info_response:all")
    assert (everything.license.type, everything.license.status) == ("basic", "expired")
    assert everything.features == [info.FeatureSet(name="ccr", available=True, enabled=False)]


def test_proxied_request_stays_encoded() -> None:
    request = message("proxy_request")
    assert request.target.name == "rem"
    assert request.wrapped.startswith(b"\x16uTX3Y4wfTniX6BpXiq-rzQ")
    assert proxy.unwrap_action("internal:transport/proxy/indices:data/read/search") == "indices:data/read/search"
    assert proxy.unwrap_action("indices:data/read/search") is None


@given(st.sampled_from(VECTORS), st.data())
def test_mutated_bytes_raise_only_the_error_of_the_protocol(vector: dict[str, Any], data: st.DataObject) -> None:
    damaged = bytearray(payload(vector))
    for _ in range(data.draw(st.integers(1, 3)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    kind, version = class_of(vector), TransportVersion(vector["version"])
    try:
        value = kind.decode(damaged, version)
    except WireError:
        return
    again = value.encode(version)
    assert kind.decode(again, version).encode(version) == again


@given(st.sampled_from(sorted(CLASSES)), st.binary())
def test_any_bytes_raise_only_the_error_of_the_protocol(name: str, data: bytes) -> None:
    try:
        CLASSES[name].decode(data, V_8_19)
    except WireError:
        return
