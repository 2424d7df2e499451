"""One remote cluster, as a local cluster's requests see it: by its alias, over its pool of connections, for a user of this side."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import trio

from gateway.client.authorization import LocalSecurity, sent_action
from gateway.client.pool import Door, Pool, Proxy, Sniff, Strategy, parse_addresses
from gateway.client.settings import SNIFF, ConnectionTransport, LocalSettings, RemoteClusterSettings
from gateway.links.asking import Answered, receive, send
from gateway.links.link import Address, Link, Pending
from protocol.compression import Compression
from protocol.errors import ElasticsearchException, WireError
from protocol.messages.common import Request, TaskId
from protocol.messages.tasks import CANCEL_CHILD_INTERNAL, CancelChildRequest
from protocol.schema import Message
from protocol.versions import TransportVersion

M = TypeVar("M", bound=Message)

CANCEL_SECONDS = 10.0
"""How long the word that nobody waits for an answer any more may take to go out."""

_SCHEMES = {"lz4": Compression.LZ4, "deflate": Compression.DEFLATE}
_NANOS = 1e9


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a request is made: a user of this side, the task here that it is part of, and how long it may take, in seconds."""

    user: str
    task: TaskId
    timeout: float


class RemoteCluster:
    """``run`` keeps it connected; ``ask`` makes requests of it. ``context`` is for its connections; None: they are plain."""

    def __init__(
        self,
        alias: str,
        settings: RemoteClusterSettings,
        local: LocalSettings,
        security: LocalSecurity,
        context: ssl.SSLContext | None,
    ) -> None:
        self.alias = alias
        self.settings = settings
        self.skip_unavailable = settings.skip_unavailable
        self.credentials = None if settings.credentials is None else settings.credentials.get_secret_value()
        """The encoded key; None in the certificate model."""
        self._local = local
        self._security = security
        self._compression = _compression(settings.transport, local)
        self.pool = Pool(alias, self._strategy(), self._door(context))
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Keeps connections open until cancelled."""
        async with trio.open_nursery() as self._nursery:
            try:
                await self.pool.run()
            finally:
                self._nursery = None

    async def connected(self, seconds: float) -> None:
        """Waits so long for a connection. Raises the ElasticsearchException that says why there is none."""
        await self.pool.take(seconds)

    async def ask(self, caller: Caller, action: str, request: Request, response: type[M]) -> M:
        """The answer to a request, sent as ``caller``'s.

        Raises the error that is the answer as it came (``unwrap`` shows what is below ``remote_transport_exception``), the refusal of the
        caller by this side, connect_transport_exception and others where there is no connection, and
        receive_timeout_transport_exception. Who is cancelled, or out of time, has the remote cluster told to stop.
        """
        link = await self._link()
        headers = self._security.headers(caller.user, self, action, link.version)
        request.parent_task = caller.task
        answered = await self._exchange(link, caller, action, request.encode(link.version), headers)
        try:
            return response.decode(answered.payload, answered.version)
        except WireError as error:
            raise ElasticsearchException(
                "transport_serialization_exception",
                f"Failed to deserialize response from handler [{link.address}][{action}]: {error}",
            ) from None

    def info(self) -> dict[str, Any]:
        """Its entry of ``_remote/info``."""
        settings = self.settings
        if settings.mode == SNIFF:
            how = {
                "seeds": list(settings.seeds),
                "num_nodes_connected": len(self.pool.nodes()),
                "max_connections_per_cluster": self._node_connections,
            }
        else:
            how = {
                "proxy_address": settings.proxy_address,
                "server_name": settings.server_name or "",
                "num_proxy_sockets_connected": sum(not link.closed for link in self.pool.links),
                "max_proxy_socket_connections": settings.proxy_socket_connections,
            }
        return {
            "connected": self.pool.connected,
            "mode": settings.mode,
            **how,
            "initial_connect_timeout": _duration(self._local.cluster.remote.initial_connect_timeout),
            "skip_unavailable": self.skip_unavailable,
            **({} if self.credentials is None else {"cluster_credentials": "::es_redacted::"}),
        }

    async def _link(self) -> Link:
        link = self.pool.idle()
        if link is not None:
            return link
        if self.skip_unavailable:
            # As Elasticsearch has it: a cluster that may be skipped is not waited for.
            raise ElasticsearchException("connect_transport_exception", f"Unable to connect to [{self.alias}]")
        return await self.pool.take(self._local.cluster.remote.initial_connect_timeout / _NANOS)

    async def _exchange(self, link: Link, caller: Caller, action: str, payload: bytes, headers: dict[str, str]) -> Answered:
        pending = await send(link, sent_action(self, action), payload, headers, self._compression)
        try:
            with trio.fail_after(caller.timeout):
                return await receive(link, pending)
        except trio.TooSlowError:
            self._cancel(link, caller.task, pending, "the request timed out")
            raise ElasticsearchException(
                "receive_timeout_transport_exception",
                f"[{link.address}][{action}] request_id [{pending.request_id}] timed out after [{caller.timeout * 1000:.0f}ms]",
            ) from None
        except trio.Cancelled:
            self._cancel(link, caller.task, pending, "by user request")
            raise

    def _cancel(self, link: Link, task: TaskId, pending: Pending, reason: str) -> None:
        """Nobody waits for an answer any more; a connection that ends says so itself."""
        if self._nursery is not None and not link.closed:
            self._nursery.start_soon(self._say_cancelled, link, task, pending, reason)

    async def _say_cancelled(self, link: Link, task: TaskId, pending: Pending, reason: str) -> None:
        message = CancelChildRequest(task=task, child_request_id=pending.request_id, reason=reason)
        headers = self._security.system_headers(self, link.version)
        with trio.move_on_after(CANCEL_SECONDS):
            try:
                said = await send(link, sent_action(self, CANCEL_CHILD_INTERNAL), message.encode(link.version), headers, None)
                await receive(link, said)
            except (ElasticsearchException, WireError):
                return  # it is too late, or the cluster does not allow it: then the request ends by itself

    @property
    def _node_connections(self) -> int:
        return self.settings.node_connections or self._local.cluster.remote.connections_per_cluster

    def _strategy(self) -> Strategy:
        settings = self.settings
        if settings.proxy_address is not None:
            return Proxy(Address.parse(settings.proxy_address), settings.proxy_socket_connections)
        return Sniff(parse_addresses(settings.seeds), self._node_connections, self._local.cluster.remote.node.attr)

    def _door(self, context: ssl.SSLContext | None) -> Door:
        transport, defaults = self.settings.transport, self._local.transport
        schedule = transport.ping_schedule if "ping_schedule" in transport.model_fields_set else defaults.ping_schedule
        return Door(
            api_key=self.credentials is not None,
            context=context,
            server_name=self.settings.server_name,
            headers=self._system_headers,
            connect_seconds=defaults.connect_timeout / _NANOS,
            ping_seconds=None if schedule is None else schedule / _NANOS,
        )

    def _system_headers(self, version: TransportVersion) -> dict[str, str]:
        return self._security.system_headers(self, version)


Remotes = Mapping[str, RemoteCluster]
"""By alias."""


def _compression(transport: ConnectionTransport, local: LocalSettings) -> Compression | None:
    """How requests are compressed. ``indexing_data`` compresses documents on their way into an index, and a client sends none."""
    if (transport.compress or local.transport.compress) != "true":
        return None
    return _SCHEMES[transport.compression_scheme or local.transport.compression_scheme]


def _duration(nanoseconds: int) -> str:
    for unit, size in (
        ("d", 86400 * 10**9),
        ("h", 3600 * 10**9),
        ("m", 60 * 10**9),
        ("s", 10**9),
        ("ms", 10**6),
        ("micros", 10**3),
    ):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return f"{nanoseconds}nanos"
