"""Upstreams that a test plays: this project's other end of the protocol, over sockets in memory."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from gateway.authorization.grant import Grant
from gateway.authorization.subject_roles import build_role
from gateway.backends import Call, Forwarded, Sender
from gateway.backends.relay.backend import RelayBackend
from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.trust import Trust
from gateway.backends.relay.upstream import Upstream
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.links import link as link_module
from gateway.links.link import Address
from gateway.node import NodeIdentity
from gateway.peer import Peer
from protocol.connection import ServerConnection
from protocol.errors import ElasticsearchException
from protocol.events import HandshakeReceived, PingReceived, RequestReceived
from protocol.frames import Header, Limits, Status
from protocol.messages.cluster_state import CLUSTER_STATE, ClusterState, ClusterStateResponse, DiscoveryNodes
from protocol.messages.common import NODE_ROLES, DiscoveryNode, TaskId
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.messages.nodes import REMOTE_CLUSTER_NODES, RemoteClusterNodesResponse
from protocol.messages.search_request import SEARCH
from protocol.schema import Message
from protocol.versions import V_8_19
from tests.gateway.backends.relay.test_headers import USER, Roles, keyed

TRUST = Trust("OWN", ssl.create_default_context(), b"")
PARENT = TaskId("localnode", 7)
DEADLINE = 30
LONG = 100_000
"""Seconds of a clock that jumps."""
Handler = Callable[["PlayedConnection", RequestReceived], Awaitable[None]]


def node(host: str, port: int = 9443, *roles: str) -> DiscoveryNode:
    """As a sniffing client is told of it; its host is a number."""
    made = NodeIdentity("up", "u" * 22, host, host.replace(".", "_"), "e" * 22).discovery_node(host, port)
    if roles:
        made.roles = [NODE_ROLES[name] for name in roles]
    return made


@dataclass
class PlayedConnection:
    """The upstream's end of one link."""

    stream: trio.StapledStream[Any, Any]
    machine: ServerConnection
    requests: list[RequestReceived] = field(default_factory=list)

    async def answer(self, request: RequestReceived, payload: bytes) -> None:
        await self.stream.send_all(self.machine.response(request.header, payload))


async def echo(connection: PlayedConnection, request: RequestReceived) -> None:
    await connection.answer(request, b"re:" + request.payload)


async def silence(_connection: PlayedConnection, _request: RequestReceived) -> None:
    """The upstream is at work."""


@dataclass
class Played:
    """An upstream node: what it answers is the handler's to say; what the gateway asks of its own it answers itself.

    ``refuse``: nobody listens. ``unreachable``: packets get lost, of connections that are there as well. ``thawed``: while it is not set
    the node does nothing, as under SIGSTOP; its kernel takes what comes.
    """

    handler: Handler = echo
    cluster_name: str = "up"
    refuse: bool = False
    unreachable: bool = False
    refusal: ElasticsearchException | None = None
    nodes: list[DiscoveryNode] = field(default_factory=list)
    connections: list[PlayedConnection] = field(default_factory=list)
    thawed: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.thawed.set()

    async def connect(self, nursery: trio.Nursery) -> trio.abc.Stream:
        if self.refuse:
            raise OSError("refused")
        if self.unreachable:
            await trio.sleep_forever()
        here, there = trio.testing.memory_stream_pair()
        connection = PlayedConnection(there, ServerConnection(offered=V_8_19, release="8.19.21"))
        self.connections.append(connection)
        nursery.start_soon(self._serve, connection)
        return here

    def die(self) -> None:
        """The process is killed: all of its connections end at once."""
        self.refuse = True
        for each in self.connections:
            each.stream.send_stream.close()
            each.stream.receive_stream.close()

    @property
    def requests(self) -> list[bytes]:
        return [one.payload for each in self.connections for one in each.requests]

    async def _serve(self, connection: PlayedConnection) -> None:
        try:
            while data := await connection.stream.receive_some(65536):
                await self.thawed.wait()
                if self.unreachable:
                    continue
                for event in connection.machine.receive_data(data):
                    if isinstance(event, HandshakeReceived | PingReceived):
                        await connection.stream.send_all(event.reply)
                    elif isinstance(event, RequestReceived):
                        await self._on_request(connection, event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            await trio.aclose_forcefully(connection.stream)

    async def _on_request(self, connection: PlayedConnection, request: RequestReceived) -> None:
        own = self._own_answer(request.header.action)
        if own is not None and self.refusal is not None:
            await connection.stream.send_all(connection.machine.error_response(request.header, self.refusal))
        elif own is not None:
            await connection.answer(request, own.encode(V_8_19))
        else:
            connection.requests.append(request)
            await self.handler(connection, request)

    def _own_answer(self, action: str) -> Message | None:
        match action:
            case _ if action in (REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE):
                return HandshakeResponse(version=8192199, build_hash="h", node=node("127.0.0.1"), cluster_name=self.cluster_name)
            case _ if action == REMOTE_CLUSTER_NODES:
                return RemoteClusterNodesResponse(nodes=self.nodes)
            case _ if action == CLUSTER_STATE:
                nodes = DiscoveryNodes(master_node_id=None, nodes=self.nodes)
                state = ClusterState(cluster_name=self.cluster_name, version=1, state_uuid="s", nodes=nodes)
                return ClusterStateResponse(cluster_name=self.cluster_name, state=state)
        return None


@asynccontextmanager
async def relay(
    played: Played | dict[str, Played],
    monkeypatch: pytest.MonkeyPatch,
    ready: int = 1,
    max_age: float = 3600,
    *,
    credentials: str | None = "OWN",
    seeds: Sequence[str] = (),
    sniff: bool = False,
    deadline: float = DEADLINE,
) -> AsyncIterator[RelayBackend]:
    """A relay to upstreams by their hosts; the seeds are all of them, if none are given."""
    hosts = played if isinstance(played, dict) else {"up": played}
    addresses = tuple(Address(host, 9443) for host in seeds or hosts)
    headers = UpstreamHeaders(credentials)
    upstream = Upstream(addresses, headers, None, Limits(), ready, api_key=credentials is not None, max_age=max_age, sniff=sniff)
    with trio.fail_after(deadline):
        async with trio.open_nursery() as nursery:

            async def connect(host: str, _port: int) -> trio.abc.Stream:
                return await hosts[host].connect(nursery)

            monkeypatch.setattr(link_module, "connect", connect)
            backend = RelayBackend(upstream, headers, TRUST)
            nursery.start_soon(backend.run)
            yield backend
            nursery.cancel_scope.cancel()


def call(payload: bytes = b"question", connection: int = 1, action: str = SEARCH) -> Call:
    role = build_role(keyed(USER), Roles())
    peer = Peer(REMOTE_CLUSTER, "client", 1)
    peer.connection = connection
    sender = Sender(Header(99, Status(0), V_8_19, 100, action, {}), role, peer, payload)
    return Call(action, V_8_19, payload, None, Grant(action), PARENT, sender)


async def whole(answer: Forwarded) -> bytes:
    return b"".join([part async for part in answer.parts])


async def ask(backend: RelayBackend, payload: bytes = b"question", connection: int = 1) -> bytes:
    answer = await backend.execute(call(payload, connection))
    assert isinstance(answer, Forwarded)
    return await whole(answer)
