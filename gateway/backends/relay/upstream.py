"""Links to the upstream cluster, kept open: opened again with growing pauses when they break, replaced when they are old."""

from __future__ import annotations

import random
import ssl
from dataclasses import dataclass, field

import structlog
import trio

from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.link import Address, Link
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Limits, Status
from protocol.messages.common import Request
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.wire import Reader

log = structlog.get_logger("gateway.backends.relay")

CONNECT_SECONDS = 30.0
"""From the first packet to the answer of the last handshake; Elasticsearch's transport.connect_timeout."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_SECONDS = 10.0
"""A link that has lived for so long was a good one: the next pause is a short one again."""


@dataclass(slots=True)
class Upstream:
    """``links`` connections to each address. ``cluster_name`` is that of the cluster that was met first; another one is refused, since
    one client's requests must not go to two clusters."""

    addresses: tuple[Address, ...]
    headers: UpstreamHeaders
    context: ssl.SSLContext | None
    limits: Limits
    links: int
    api_key: bool
    max_age: float
    """Seconds after which a link takes no further clients and ends when it has none."""
    server_name: str | None = None
    cluster_name: str | None = None
    _open: list[Link] = field(default_factory=list)
    _changed: trio.Event = field(default_factory=trio.Event)
    _problem: str = "no connection has been made yet"

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with trio.open_nursery() as nursery:
            for address in self.addresses:
                for _ in range(self.links):
                    nursery.start_soon(self._keep, address)

    def choose(self) -> Link:
        """The link with the fewest clients. Raises node_not_connected_exception where none is open."""
        if not self._open:
            listed = ", ".join(map(str, self.addresses))
            raise ElasticsearchException(
                "node_not_connected_exception", f"no connection to the upstream cluster at [{listed}]: {self._problem}"
            )
        return min(self._open, key=lambda link: (link.clients, link.busy))

    async def _keep(self, address: Address) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = trio.current_time()
            try:
                with trio.fail_after(CONNECT_SECONDS):
                    link = await Link.open(address, self.context, self.server_name, self.limits)
            except* (OSError, ssl.SSLError, trio.BrokenResourceError, WireError, trio.TooSlowError) as group:
                self._failed(address, group)
            else:
                await self._use(link)
            if trio.current_time() - began >= HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            # Random, so that many gateways do not come back to a node that restarts all at the same moment.
            await trio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _use(self, link: Link) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, link, nursery.cancel_scope)
            try:
                with trio.fail_after(CONNECT_SECONDS):
                    await self._shake_hands(link)
            except (ElasticsearchException, WireError, trio.TooSlowError) as error:
                self._failed(link.address, error)
                nursery.cancel_scope.cancel()
                return
            self._open.append(link)
            log.info("upstream link open", address=str(link.address), version=str(link.version), cluster=self.cluster_name)
            try:
                await trio.sleep(self.max_age * random.uniform(0.9, 1.1))  # noqa: S311
            finally:
                self._open.remove(link)
            await link.unused()
            nursery.cancel_scope.cancel()

    async def _read(self, link: Link, scope: trio.CancelScope) -> None:
        await link.run()
        scope.cancel()

    async def _shake_hands(self, link: Link) -> None:
        action = REMOTE_CLUSTER_HANDSHAKE if self.api_key else TRANSPORT_HANDSHAKE
        request_id = await link.send(action, Request().encode(link.version), self.headers.system(), link.version)
        answer = await link.answer(request_id)
        if answer.header.status & Status.ERROR:
            raise unwrap(read_exception(Reader(answer.payload, answer.header.version)))
        met = HandshakeResponse.decode(answer.payload, link.version).cluster_name
        if self.cluster_name is None:
            self.cluster_name = met
        elif met != self.cluster_name:
            raise ElasticsearchException(
                "illegal_state_exception",
                f"handshake with [{link.address}] failed: remote cluster name [{self.cluster_name}] was expected, but was [{met}]",
            )

    def _failed(self, address: Address, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        reason = "it took too long" if isinstance(error, trio.TooSlowError) else str(error) or type(error).__name__
        self._problem = f"[{address}] {reason}"
        log.warning("upstream link failed", address=str(address), reason=reason)
