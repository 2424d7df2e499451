"""Links to the upstream cluster: some are kept open for clients to come, to all addresses in turn, with growing pauses after failures."""

from __future__ import annotations

import random
import ssl
from collections import deque
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
TAKE_SECONDS = 10.0
"""How long a client's request waits for a connection to the upstream."""


@dataclass(slots=True)
class Upstream:
    """``ready`` links are kept open for clients to come. ``cluster_name`` is that of the cluster that was met first; another one is
    refused, since one client's requests must not go to two clusters."""

    addresses: tuple[Address, ...]
    headers: UpstreamHeaders
    context: ssl.SSLContext | None
    limits: Limits
    ready: int
    api_key: bool
    server_name: str | None = None
    cluster_name: str | None = None
    _ready: deque[Link] = field(default_factory=deque)
    _news: trio.Event = field(default_factory=trio.Event)
    _wanted: trio.Event = field(default_factory=trio.Event)
    _problem: str = "no connection has been made yet"
    _next: int = 0

    async def run(self) -> None:
        """Keep links ready until cancelled; then all links end."""
        async with trio.open_nursery() as nursery:
            pause = FIRST_PAUSE_SECONDS
            while True:
                self._drop_closed()
                if len(self._ready) >= self.ready:
                    self._wanted = trio.Event()
                    await self._wanted.wait()
                    continue
                if await self._connect(nursery):
                    pause = FIRST_PAUSE_SECONDS
                    continue
                # Random, so that many gateways do not come back to a node that restarts all at the same moment.
                await trio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def take(self) -> Link:
        """A link for one client, for as long as it wants it. Raises node_not_connected_exception where none can be had in time."""
        with trio.move_on_after(TAKE_SECONDS):
            while True:
                self._drop_closed()
                if self._ready:
                    link = self._ready.popleft()
                    self._wanted.set()
                    return link
                self._wanted.set()
                self._news = news = trio.Event() if self._news.is_set() else self._news
                await news.wait()
        listed = ", ".join(map(str, self.addresses))
        raise ElasticsearchException(
            "node_not_connected_exception", f"no connection to the upstream cluster at [{listed}]: {self._problem}"
        )

    def _drop_closed(self) -> None:
        while self._ready and self._ready[0].closed:
            self._ready.popleft()

    async def _connect(self, nursery: trio.Nursery) -> bool:
        """One more link, to the address whose turn it is; whether there is one."""
        address = self.addresses[self._next % len(self.addresses)]
        self._next += 1
        try:
            with trio.fail_after(CONNECT_SECONDS):
                link = await Link.open(address, self.context, self.server_name, self.limits)
                nursery.start_soon(self._read, link)
                await self._shake_hands(link)
        except (OSError, ssl.SSLError, trio.BrokenResourceError, WireError, trio.TooSlowError, ElasticsearchException) as error:
            self._failed(address, error)
            return False
        self._ready.append(link)
        self._news.set()
        log.info("upstream link open", address=str(address), version=str(link.version), cluster=self.cluster_name)
        return True

    async def _read(self, link: Link) -> None:
        await link.run()
        self._wanted.set()

    async def _shake_hands(self, link: Link) -> None:
        action = REMOTE_CLUSTER_HANDSHAKE if self.api_key else TRANSPORT_HANDSHAKE
        pending = await link.send(action, Request().encode(link.version), self.headers.system(), link.version)
        answer = await link.answer(pending)
        payload = await answer.whole()
        if answer.header.status & Status.ERROR:
            raise unwrap(read_exception(Reader(payload, answer.header.version)))
        met = HandshakeResponse.decode(payload, link.version).cluster_name
        if self.cluster_name is None:
            self.cluster_name = met
        elif met != self.cluster_name:
            raise ElasticsearchException(
                "illegal_state_exception",
                f"handshake with [{link.address}] failed: remote cluster name [{self.cluster_name}] was expected, but was [{met}]",
            )

    def _failed(self, address: Address, error: Exception) -> None:
        reason = "it took too long" if isinstance(error, trio.TooSlowError) else str(error) or type(error).__name__
        self._problem = f"[{address}] {reason}"
        log.warning("upstream link failed", address=str(address), reason=reason)
