"""The relay: requests that were allowed go to the upstream cluster as they came, with other headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from gateway.authorization.metadata import ClusterMetadata
from gateway.backends import Call, ClusterDescription, Forwarded
from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.trust import Trust
from gateway.backends.relay.upstream import Upstream
from gateway.configuration.model import Settings
from gateway.links.link import Address, Link
from gateway.links.sniffing import discovery_nodes
from gateway.node import RELEASE
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Status
from protocol.messages.common import DiscoveryNode, TaskId
from protocol.messages.tasks import CANCEL_CHILD, CancelChildRequest

log = structlog.get_logger("gateway.backends.relay")

CANCEL_SECONDS = 5.0
QUIET_SECONDS = 60.0
PASSED_BACK = ("Warning",)
"""Response headers that reach the client; others tell of the upstream's own business."""


class RelayBackend:
    """See ``gateway.backends.Backend``."""

    passes_on = True

    def __init__(self, upstream: Upstream, headers: UpstreamHeaders, trust: Trust) -> None:
        self._upstream = upstream
        self._headers = headers
        self._trust = trust
        self._bound: dict[int, _Bound] = {}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of the upstream, as far as they are known."""
        return self._upstream.addresses

    async def run(self) -> None:
        await self._upstream.run()

    async def cluster(self) -> ClusterDescription:
        return ClusterDescription(self._upstream.cluster_name or "", "", RELEASE, nodes=len(self.addresses))

    def metadata(self) -> ClusterMetadata:
        """Nothing: the upstream resolves names itself."""
        return _NO_NAMES

    def renew(self, settings: Settings) -> None:
        """See ``gateway.backends.Backend``. Another key holds for the requests after; links of another context take the place of those
        that nobody needs."""
        trust = Trust.load(settings.backend.relay)
        if trust.credentials != self._trust.credentials:
            self._headers.renew(trust.credentials)
            log.info("upstream credentials renewed")
        if trust.tls != self._trust.tls:
            self._upstream.renew(trust.context)
            log.info("upstream certificates renewed")
        self._trust = trust

    async def nodes(self, connection: int) -> list[DiscoveryNode]:
        """See ``gateway.backends.Backend``."""
        link = await self._link(connection)
        try:
            return await discovery_nodes(link, self._headers.system(), api_key=self._upstream.api_key)
        except WireError as error:
            raise ElasticsearchException("transport_exception", f"[{link.address}] {error}") from None

    async def connection_closed(self, connection: int) -> None:
        """Its link is closed: the upstream then ends what still runs for it, as it does for a client of its own."""
        bound = self._bound.pop(connection, None)
        if bound is not None and bound.link is not None:
            await bound.link.close("its client is gone")

    async def execute(self, call: Call) -> Forwarded:
        sender = call.sender
        if sender is None:
            raise ValueError("a call to pass on needs its sender")
        headers = self._headers.of(sender.role, sender.header)
        link = await self._link(sender.peer.connection)
        compressed = bool(sender.header.status & Status.COMPRESSED)
        payload = sender.raw if compressed else call.payload
        pending = await link.send(self._headers.action(call.action), payload, headers, call.version, compressed=compressed)
        try:
            answer = await link.answer(pending)
        except trio.Cancelled:
            with trio.move_on_after(CANCEL_SECONDS, shield=True):
                await self._cancel(link, call.parent, pending.request_id)
            raise
        kept = {name: values for name, values in answer.header.response_headers.items() if name in PASSED_BACK}
        return Forwarded(answer.header.status, kept, answer.header.payload_size, answer, partial(link.forget, pending))

    async def _link(self, connection: int) -> Link:
        bound = self._bound.get(connection)
        if bound is None:
            bound = self._bound[connection] = _Bound()
        elif bound.link is not None and not bound.link.closed and not self._is_old(bound.link):
            return bound.link
        async with bound.lock:
            if bound.link is None or bound.link.closed or self._is_old(bound.link):
                if bound.link is not None:
                    await bound.link.close()
                bound.link = None
                bound.link = await self._upstream.take()
            return bound.link

    def _is_old(self, link: Link) -> bool:
        """Whether to go on over another link. Not while there is something that a later request could be about, such as the exchange of
        a query."""
        return self._upstream.is_outdated(link) and not link.busy and trio.current_time() - link.used > QUIET_SECONDS

    async def _cancel(self, link: Link, parent: TaskId, request_id: int) -> None:
        """Nobody wants the answer any more. Without a parent task there is nothing that the upstream could find the request by."""
        if not parent.node or link.closed:
            return
        action = self._headers.action(CANCEL_CHILD)
        cancel = CancelChildRequest(task=parent, child_request_id=request_id, reason="by the client of the gateway")
        try:
            # Its answer is not waited for, which a frozen node does not give: whoever cancels or runs out of time is told at once.
            link.forget(await link.send(action, cancel.encode(link.version), self._headers.system(), link.version))
        except ElasticsearchException as error:
            log.info("upstream not told of a cancellation", address=str(link.address), reason=error.reason)


@dataclass(slots=True)
class _Bound:
    link: Link | None = None
    lock: trio.Lock = field(default_factory=trio.Lock)


_NO_NAMES = ClusterMetadata()
