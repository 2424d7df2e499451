"""Remote clusters that a test plays, and a local cluster that is connected to them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.client import LocalCluster, open_local_cluster, settings_of
from gateway.links import link as link_module
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.messages.common import DiscoveryNode
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.messages.hits import SearchHit, SearchHits, TotalHits
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.messages.tasks import CANCEL_CHILD, CancelChildRequest
from protocol.schema import Message
from protocol.versions import V_8_19
from tests.gateway.backends.relay.played import Handler, Played, PlayedConnection, node

KEY = base64.b64encode(b"id:" + b"s" * 22).decode()
"""An encoded key of the right form."""
DEADLINE = 600
"""Seconds of a clock that jumps."""
PLAIN = {"xpack.security.remote_cluster_client.ssl.enabled": "false", "xpack.security.transport.ssl.enabled": "false"}


@dataclass
class Remote(Played):
    """A node of a remote cluster. ``host`` is its address, and its id."""

    host: str = "10.0.0.1"

    def _own_answer(self, action: str) -> Message | None:
        if action in (REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE):
            return HandshakeResponse(version=8192199, build_hash="h", node=node(self.host), cluster_name=self.cluster_name)
        return super()._own_answer(action)

    @property
    def searches(self) -> list[SearchRequest]:
        return [
            SearchRequest.decode(one.payload, one.header.version)
            for each in self.connections
            for one in each.requests
            if one.header.action == SEARCH
        ]

    @property
    def cancelled(self) -> list[CancelChildRequest]:
        return [
            CancelChildRequest.decode(one.payload, one.header.version)
            for each in self.connections
            for one in each.requests
            if one.header.action == CANCEL_CHILD
        ]


def site(*hosts: str, **rest: Any) -> dict[str, Remote]:
    """A cluster of nodes, all of which name each other."""
    nodes = [node(host) for host in hosts]
    return {host: Remote(host=host, nodes=nodes, **rest) for host in hosts}


def attributed(made: DiscoveryNode, **attributes: str) -> DiscoveryNode:
    made.attributes = {**made.attributes, **attributes}
    return made


def answering(*ids: str, **rest: Any) -> Handler:
    """Finds these documents."""

    async def handler(connection: PlayedConnection, request: RequestReceived) -> None:
        hits = [SearchHit(id=each, score=1.0) for each in ids]
        found = SearchResponse(
            hits=SearchHits(total=TotalHits(value=len(hits)), max_score=1.0, hits=hits),
            total_shards=1,
            successful_shards=1,
            **rest,
        )
        await connection.answer(request, found.encode(V_8_19))

    return handler


def refusing(error: ElasticsearchException) -> Handler:
    async def handler(connection: PlayedConnection, request: RequestReceived) -> None:
        await connection.stream.send_all(connection.machine.error_response(request.header, error))

    return handler


@asynccontextmanager
async def local_cluster(
    hosts: Mapping[str, Played],
    monkeypatch: pytest.MonkeyPatch,
    flat: Mapping[str, str | list[str]],
    *,
    folder: Path = Path("/nowhere"),
    request_timeout: float = 30,
) -> AsyncIterator[LocalCluster]:
    """``flat``: settings below ``cluster.remote``; all aliases have a key, and the user ``root`` may do everything."""
    settings: dict[str, str | list[str]] = {
        **PLAIN,
        "users.root.roles": "superuser",
        "users.bob.roles": "none",
        "path.roles": "none.yml",
    }
    for alias in {name.split(".")[0] for name in flat if not name.startswith(("initial", "connections", "node."))}:
        settings[f"cluster.remote.{alias}.credentials"] = KEY
    settings |= {f"cluster.remote.{name}": value for name, value in flat.items()}
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:

            async def connect(host: str, _port: int) -> trio.abc.Stream:
                return await hosts[host].connect(nursery)

            monkeypatch.setattr(link_module, "connect", connect)
            async with open_local_cluster(settings_of(settings, folder), request_timeout=request_timeout) as local:
                yield local
            nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the clock go on until it holds."""
    while not condition():  # noqa: ASYNC110 - the code under test sets no event; the clock jumps
        await trio.sleep(0.1)
