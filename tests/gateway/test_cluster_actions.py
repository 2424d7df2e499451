"""What the gateway answers itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT, ClusterActions
from gateway.limits import InFlightBytes
from gateway.node import BUILD_HASH, VERSION_ID, NodeIdentity
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.errors import ElasticsearchException
from protocol.messages.cluster_state import CLUSTER_STATE, ClusterStateRequest, ClusterStateResponse
from protocol.messages.common import Request, TaskId
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.messages.info import XPACK_INFO, XPackInfoRequest, XPackInfoResponse
from protocol.messages.nodes import REMOTE_CLUSTER_NODES, RemoteClusterNodesRequest, RemoteClusterNodesResponse
from protocol.messages.options import IndicesOptions
from protocol.messages.tasks import BAN, CANCEL_CHILD, BanRequest, CancelChildRequest
from protocol.versions import V_8_19

BY_KEY, BY_CERTIFICATE = Peer(REMOTE_CLUSTER, "10.0.0.1", 1), Peer(TRANSPORT, "10.0.0.1", 2)


@pytest.fixture
def actions(tmp_path: Path) -> ClusterActions:
    identity = NodeIdentity.load(tmp_path, "exported", "gateway-1")
    nodes = {REMOTE_CLUSTER: identity.discovery_node("127.0.0.1", 9443), TRANSPORT: identity.discovery_node("::1", 9300)}
    return ClusterActions(identity, TaskRegistry(), nodes)


@pytest.mark.parametrize(
    ("action", "peer", "port"),
    [(REMOTE_CLUSTER_HANDSHAKE, BY_KEY, 9443), (TRANSPORT_HANDSHAKE, BY_CERTIFICATE, 9300), (TRANSPORT_HANDSHAKE, BY_KEY, 9443)],
)
def test_a_handshake_tells_the_node_of_its_interface(actions: ClusterActions, action: str, peer: Peer, port: int) -> None:
    response = actions.answer(action, Request(), peer)
    assert isinstance(response, HandshakeResponse)
    assert (response.cluster_name, response.version, response.build_hash) == ("exported", VERSION_ID, BUILD_HASH)
    assert (response.node.name, response.node.address.port) == ("gateway-1", port)
    assert HandshakeResponse.decode(response.encode(V_8_19), V_8_19) == response


def test_the_remote_cluster_handshake_has_a_port_of_its_own(actions: ClusterActions) -> None:
    with pytest.raises(ElasticsearchException) as raised:
        actions.answer(REMOTE_CLUSTER_HANDSHAKE, Request(), BY_CERTIFICATE)
    assert (
        raised.value.reason
        == "remote cluster handshake action requires channel profile to be [_remote_cluster], but got [default]"
    )


@pytest.mark.parametrize(("remote", "port"), [(True, 9443), (False, 9300)])
def test_sniffing_by_key_is_told_the_port_that_it_asks_for(actions: ClusterActions, remote: bool, port: int) -> None:
    response = actions.answer(REMOTE_CLUSTER_NODES, RemoteClusterNodesRequest(remote_cluster_server=remote), BY_KEY)
    assert isinstance(response, RemoteClusterNodesResponse)
    assert [node.address.port for node in response.nodes] == [port]
    assert any(role.can_contain_data for role in response.nodes[0].roles)


def test_sniffing_by_certificate_is_told_the_nodes_and_nothing_else(actions: ClusterActions) -> None:
    options = IndicesOptions()
    wanted = ClusterStateRequest(routing_table=False, metadata=False, blocks=False, customs=False, options=options)
    response = actions.answer(CLUSTER_STATE, wanted, BY_CERTIFICATE)
    assert isinstance(response, ClusterStateResponse)
    assert response.state is not None
    assert [node.address.port for node in response.state.nodes.nodes] == [9300]
    with pytest.raises(ElasticsearchException, match="of the cluster state only the nodes can be asked for"):
        actions.answer(CLUSTER_STATE, ClusterStateRequest(options=options), BY_CERTIFICATE)


def test_info_has_what_was_asked_for(actions: ClusterActions) -> None:
    response = actions.answer(XPACK_INFO, XPackInfoRequest(verbose=False, categories=["LICENSE"]), BY_KEY)
    assert isinstance(response, XPackInfoResponse)
    assert response.license is not None
    assert (response.license.mode, response.build, response.features) == ("basic", None, None)


async def test_a_client_cancels_what_it_asked_for(actions: ClusterActions) -> None:
    task = TaskId("local-node", 4)
    with pytest.raises(ElasticsearchException, match=r"task cancelled \[gone\]"), actions.tasks.track(("local-node", 4), 9):
        actions.answer(CANCEL_CHILD, CancelChildRequest(task=task, child_request_id=9, reason="gone"), BY_KEY)
    actions.answer(BAN, BanRequest(task=task, ban=True, reason="banned", wait_for_completion=False), BY_KEY)
    with pytest.raises(ElasticsearchException, match="banned"), actions.tasks.track(("local-node", 4), 10):
        pytest.fail("a banned task's request ran")
    actions.answer(BAN, BanRequest(task=task, ban=False, wait_for_completion=False), BY_KEY)
    with actions.tasks.track(("local-node", 4), 11):
        pass


def test_other_actions_are_the_backends(actions: ClusterActions) -> None:
    assert actions.answer("indices:data/read/search", Request(), BY_KEY) is None


def test_a_node_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first, second = (NodeIdentity.load(tmp_path, "c", "n") for _ in range(2))
    assert (first.node_id, first.cluster_uuid) == (second.node_id, second.cluster_uuid)
    assert first.ephemeral_id != second.ephemeral_id


def test_requests_in_flight_are_bounded_as_by_a_circuit_breaker() -> None:
    in_flight = InFlightBytes(limit=3 << 20)
    with in_flight.hold(2 << 20, "a"):
        with pytest.raises(ElasticsearchException) as raised, in_flight.hold((1 << 20) + 600_000, "some:action"):
            pytest.fail("more than the limit was held")
        assert raised.value.type == "circuit_breaking_exception"
        assert raised.value.reason == (
            "[in_flight_requests] Data too large, data for [some:action] would be [3745728/3.5mb],"
            " which is larger than the limit of [3145728/3mb]"
        )
        with in_flight.hold(1 << 20, "b"):
            assert in_flight.used == 3 << 20
    assert in_flight.used == 0
