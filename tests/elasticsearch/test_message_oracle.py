"""What this project writes is read by Elasticsearch's own classes: exceptions, security headers, messages that are not search."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions import java_class, read_exception, status_of, write_exception
from protocol.exceptions.kinds import KINDS
from protocol.exceptions.rest import rest_error
from protocol.messages import cluster_state, contexts, field_caps, get, handshake, info, nodes, resolve, stats, tasks, terms_enum
from protocol.messages.common import NODE_ROLES, DiscoveryNode, TaskId, TimeUnit, TimeValue, TransportAddress
from protocol.messages.hits import DocumentField
from protocol.messages.options import IndicesOptions
from protocol.schema import Message
from protocol.security import Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer
from tests.elasticsearch.oracle import Oracle
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.vectors import read_lines

NODE = DiscoveryNode(
    name="gateway",
    id="LzIyR1mQQ0uKOgCXr9Wo3w",
    ephemeral_id="pbcmFnBZQPWJ2l0FYcIUVg",
    host_name="localhost",
    host_address="127.0.0.1",
    address=TransportAddress(address=bytes(15) + b"\x01", host="localhost", port=9443),
    attributes={"zone": "a"},
    roles=[NODE_ROLES["data"], NODE_ROLES["ingest"], NODE_ROLES["remote_cluster_client"]],
    version=8192199,
    min_index_version=7000099,
    min_read_only_index_version=7000099,
    max_index_version=8537000,
    external_id="gateway",
)

BUILD = "4fe44c255c3d0da06779b921e132cdc555ed9aff"
"""Of 8.19.21: a node refuses another build of its own release."""

STATE = cluster_state.ClusterState(
    cluster_name="c",
    version=3,
    state_uuid="u",
    nodes=cluster_state.DiscoveryNodes(master_node_id=NODE.id, nodes=[NODE]),
    compatibility_versions={NODE.id: cluster_state.CompatibilityVersions(transport_version=V_8_19.id)},
    features=cluster_state.ClusterFeatures(sets=[[]], nodes={NODE.id: 0}),
)

CAPS = field_caps.IndexFieldCaps(name="f", type="long", searchable=True, aggregatable=False, meta={"unit": "ms"})

MESSAGES: dict[str, list[Message]] = {
    "transport.TransportService$HandshakeResponse": [
        handshake.HandshakeResponse(version=8192199, build_hash=BUILD, node=NODE, cluster_name="c"),
    ],
    "action.admin.cluster.remote.RemoteClusterNodesAction$Request": [
        nodes.RemoteClusterNodesRequest(parent_task=TaskId("n", 1), remote_cluster_server=True),
    ],
    "action.admin.cluster.remote.RemoteClusterNodesAction$Response": [nodes.RemoteClusterNodesResponse(nodes=[NODE, NODE])],
    "action.admin.cluster.state.ClusterStateRequest": [
        cluster_state.ClusterStateRequest(
            options=IndicesOptions.STRICT_EXPAND_OPEN, routing_table=False, metadata=False, blocks=False, customs=False, indices=["a"]
        ),
    ],
    "action.admin.cluster.state.ClusterStateResponse": [
        cluster_state.ClusterStateResponse(cluster_name="c", state=STATE),
        cluster_state.ClusterStateResponse(cluster_name="c", wait_for_timed_out=True),
    ],
    "action.admin.indices.resolve.ResolveIndexAction$Request": [
        resolve.ResolveIndexRequest(names=["logs-*", "-logs-x"], options=IndicesOptions(expand_hidden=True)),
    ],
    "action.admin.indices.resolve.ResolveIndexAction$Response": [
        resolve.ResolveIndexResponse(
            indices=[resolve.ResolvedIndex(name="i", aliases=["a", "b"], attributes=["hidden", "open"], data_stream="d")],
            aliases=[resolve.ResolvedAlias(name="a", indices=["i"])],
            data_streams=[resolve.ResolvedDataStream(name="d", backing_indices=["i"])],
        ),
    ],
    "action.admin.indices.resolve.ResolveClusterActionRequest": [
        resolve.ResolveClusterRequest(names=["x"], options=IndicesOptions(), timeout=cluster_state.THIRTY_SECONDS),
    ],
    "action.admin.indices.resolve.ResolveClusterActionResponse": [
        resolve.ResolveClusterResponse(clusters={"": resolve.ResolveClusterInfo(connected=True, error="why")}),
    ],
    "action.admin.cluster.stats.RemoteClusterStatsResponse": [
        stats.RemoteClusterStatsResponse(
            cluster_uuid="u", status=stats.ClusterHealthStatus.RED, versions=["8.19.21"], nodes=1, shards=2, indices=3, indices_size=4,
            max_heap=5, memory=6,
        ),
    ],
    "protocol.xpack.XPackInfoResponse": [
        info.XPackInfoResponse(
            build=info.BuildInfo(hash="h", timestamp="t"),
            license=info.LicenseInfo(uid="u", type="basic", mode="basic", status="active", expiry=info.NEVER_EXPIRES),
            features=[info.FeatureSet(name="ccr", available=True, enabled=True)],
        ),
    ],
    "protocol.xpack.XPackInfoRequest": [info.XPackInfoRequest(verbose=True, categories=["LICENSE"])],
    "action.fieldcaps.FieldCapabilitiesRequest": [
        field_caps.FieldCapsRequest(
            fields=["*"], indices=["i"], options=IndicesOptions(), now=5, filters=["-metadata"], types=["long"], cluster_alias="rem"
        ),
    ],
    "action.fieldcaps.FieldCapabilitiesResponse": [
        field_caps.FieldCapsResponse(
            index_responses=[
                field_caps.IndexResponse(index="i", fields={"f": CAPS}, mapping_hash="h"),
                field_caps.IndexResponse(index="j", fields={"f": CAPS}, mapping_hash="h"),
                field_caps.IndexResponse(index="k", fields={"f": CAPS}, can_match=False),
            ],
            failures=[field_caps.FieldCapsFailure(indices=["x"], exception=ElasticsearchException("index_closed_exception", "closed"))],
        ),
        field_caps.FieldCapsResponse(
            indices=["i"], fields={"f": {"long": field_caps.FieldCaps(name="f", type="long", searchable=True, aggregatable=True)}}
        ),
    ],
    "xpack.core.termsenum.action.TermsEnumRequest": [
        terms_enum.TermsEnumRequest(
            indices=["a-*"], field="f", string="ki", search_after="kil", case_insensitive=True, index_filter={"match_all": {}}
        ),
    ],
    "xpack.core.termsenum.action.TermsEnumResponse": [
        terms_enum.TermsEnumResponse(total_shards=1, successful_shards=1, terms=["a", "b"]),
        terms_enum.TermsEnumResponse(
            total_shards=1,
            failed_shards=1,
            failures=[
                terms_enum.ShardOperationFailure(
                    index="i", shard=0, cause=ElasticsearchException("illegal_argument_exception", "why"), status=400
                )
            ],
            complete=False,
        ),
    ],
    "action.get.GetRequest": [get.GetRequest(index="i", id="1", stored_fields=["_source"], source={"includes": ["a"]}, version=1)],
    "action.get.GetResponse": [
        get.GetResponse(index="i", id="1"),
        get.GetResponse(
            index="i", id="1", seq_no=0, primary_term=1, version=1, exists=True, source=b'{"a":1}',
            meta_fields={"_ignored": DocumentField(name="_ignored", values=["a"])},
        ),
    ],
    "action.search.OpenPointInTimeRequest": [
        contexts.OpenPointInTimeRequest(indices=["a-*"], keep_alive=TimeValue(1, TimeUnit.MINUTES)),
        contexts.OpenPointInTimeRequest(
            indices=["a"], options=IndicesOptions(ignore_unavailable=True), keep_alive=TimeValue(90, TimeUnit.SECONDS), routing="r",
            preference="_local", max_concurrent_shard_requests=2, allow_partial_search_results=True,
        ),
    ],
    "action.search.ClosePointInTimeRequest": [contexts.ClosePointInTimeRequest(id=b"id")],
    "action.search.SearchScrollRequest": [
        contexts.ScrollRequest(scroll_id="id"),
        contexts.ScrollRequest(parent_task=TaskId("n", 1), scroll_id="id", scroll=TimeValue(1, TimeUnit.MINUTES)),
    ],
    "action.search.ClearScrollRequest": [contexts.ClearScrollRequest(scroll_ids=["a", "b"])],
    "tasks.TaskCancellationService$CancelChildRequest": [
        tasks.CancelChildRequest(task=TaskId("n", 1), child_request_id=5, reason="r"),
    ],
    "tasks.TaskCancellationService$BanParentTaskRequest": [
        tasks.BanRequest(task=TaskId("n", 1), ban=True, reason="r", wait_for_completion=False),
        tasks.BanRequest(task=TaskId("n", 1), ban=False, wait_for_completion=True),
    ],
}  # fmt: skip


STATUS_IN_9 = {
    "general_script_exception": 400,
    "process_cluster_event_timeout_exception": 429,
    "receive_timeout_transport_exception": 429,
    "search_timeout_exception": 429,
    "timeout_exception": 429,
}
"""Where a 9.5.3 node answers with another status than an 8.19.21 node, whoever sent the exception."""

UNREADABLE_IN_9 = {
    "version_mismatch_exception",  # gone
    "search_context_missing_nodes_exception",  # the id that 8.19 backported it with is another exception's in 9.x
    "index_format_too_old_exception",  # its message says which Lucene reads it
}


@pytest.fixture(scope="module", params=[NEWEST_8, NEWEST_9])
def release(peers: None, request: pytest.FixtureRequest) -> str:
    """The release that is to read what is written here."""
    return str(request.param)


@pytest.fixture(scope="module")
def oracle(release: str) -> Iterator[Oracle]:
    with Oracle("MessageOracle", release) as started:
        yield started


def ask_exception(oracle: Oracle, exception: ElasticsearchException) -> dict[str, Any]:
    writer = Writer(V_8_19)
    write_exception(writer, exception)
    answer = oracle.ask(op="read_exception", bytes=base64.b64encode(writer.getvalue()).decode())
    assert answer.get("rest") == 0, answer
    return answer


def test_every_type_of_exception(oracle: Oracle, release: str) -> None:
    for name, kind in KINDS.items():
        if release == NEWEST_9 and name in UNREADABLE_IN_9:
            continue
        if name in ("illegal_shard_routing_state_exception", "exception_with_failure_store_status"):
            continue  # the first is not written; REST shows only what the second wraps
        ours = ElasticsearchException(
            name, "why", status=409, metadata={"es.index": ["i"], "es.index_uuid": ["u"]}, headers={"h": ["a", "b"]}
        )
        if name == "not_serializable_exception_wrapper":
            ours.type, ours.details["wrapped"] = "a_type", True
        answer = ask_exception(oracle, ours)
        assert answer["class"] == f"org.elasticsearch.{kind.java_class}"
        if name == "cluster_block_exception":
            continue  # without blocks it has no status there
        assert answer["status"] == (STATUS_IN_9.get(name) if release == NEWEST_9 and name in STATUS_IN_9 else status_of(ours)), (
            name
        )
        if release == NEWEST_9 and name in STATUS_IN_9:
            continue  # 9.x adds what it thinks of timeouts
        assert answer["body"]["error"] == rest_error(ours)["error"], name


def test_exceptions_that_were_read(oracle: Oracle, release: str) -> None:
    for vector in read_lines("exceptions.jsonl.gz"):
        if release == NEWEST_9 and vector["body"]["error"]["type"] in UNREADABLE_IN_9:
            continue
        ours = read_exception(Reader(base64.b64decode(vector["bytes"]), V_8_19))
        answer = ask_exception(oracle, ours)
        assert (answer["body"], answer["status"], answer["class"]) == (vector["body"], vector["status"], vector["class"]), vector[
            "name"
        ]


def test_types_that_are_sent_as_others(oracle: Oracle) -> None:
    wrapped = ask_exception(
        oracle, ElasticsearchException("too_many_nested_clauses", "Query contains too many nested clauses", status=500)
    )
    assert (wrapped["status"], wrapped["body"]["error"]["type"]) == (500, "too_many_nested_clauses")
    assert wrapped["body"]["error"]["reason"] == "too_many_nested_clauses: Query contains too many nested clauses"
    above = ask_exception(oracle, ElasticsearchException("named_object_not_found_exception", "[1:2] unknown field [x]"))
    assert (above["status"], above["body"]["error"]["type"]) == (400, "illegal_argument_exception")
    assert above["class"] == java_class(ElasticsearchException("illegal_argument_exception", ""))


def test_headers(oracle: Oracle) -> None:
    realm = RealmRef(node_name="n", name="file1", type="file")
    alice = Authentication(User("alice", ["r"], {"k": [1, "x"]}, "Alice", None), realm, version=V_8_19)
    run_as = Authentication(User("bob"), realm, authenticating_user=alice.user, looked_up_by=realm, version=V_8_19)
    system = Authentication(
        User("_system", internal=True),
        RealmRef(node_name="n", name="__attach", type="__attach"),
        AuthenticationType.INTERNAL,
        version=V_8_19,
    )
    for who in (alice, run_as, system):
        answer = oracle.ask(op="read_header", kind="authentication", header=who.encode())
        assert answer.get("header") == who.encode(), answer
    subject_info = SubjectInfo(alice, [b'{"a":{"cluster":["all"]}}', b"{}"]).encode()
    assert oracle.ask(op="read_header", kind="subject_info", header=subject_info).get("header") == subject_info


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(oracle: Oracle, release: str, name: str) -> None:
    if release == NEWEST_9 and name == "action.admin.cluster.state.ClusterStateRequest":
        pytest.skip("9.x sends this request to other clusters and has no class that reads it")
    for message in MESSAGES[name]:
        data = message.encode(V_8_19)
        answer = oracle.ask(op="read_message", **{"class": f"org.elasticsearch.{name}"}, bytes=base64.b64encode(data).decode())
        assert answer.get("rest") == 0, answer
        assert base64.b64decode(answer["bytes"]) == data
