"""Links to the upstream cluster: some are kept open for clients to come, all are asked for signs of life, and its nodes are looked up."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from gateway.backends.relay.headers import UpstreamHeaders
from gateway.groups import first
from gateway.links.asking import expect_cluster, shake_hands
from gateway.links.link import Address, Link
from gateway.links.sniffing import nodes_of
from gateway.links.targets import Target, Targets
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Limits

log = structlog.get_logger("gateway.backends.relay")

CONNECT_SECONDS = 30.0
"""From the first packet to the answer of the last handshake; Elasticsearch's transport.connect_timeout."""
TAKE_SECONDS = 10.0
"""How long a client's request waits for a connection to an upstream that refuses them."""
PATIENCE_SECONDS = 60.0
"""How long it waits where an upstream says neither yes nor no: a node that is frozen for half a minute (a long garbage collection, a
virtual machine that is moved) has then come back, and its clients see a slow answer and no error."""
SWEEP_SECONDS = 5.0
PING_SECONDS = 15.0
"""Silence after which a node is asked for a sign of life; Elasticsearch answers a ping with a ping."""
FRESH_SECONDS = PING_SECONDS + 3 * SWEEP_SECONDS
"""A link that was heard within this is given to a client. Of an idle one that a firewall has forgotten nothing is heard."""
DEAD_SECONDS = 60.0
"""Silence, pings notwithstanding, after which a link is given up: see PATIENCE_SECONDS."""
SNIFF_SECONDS = 60.0
"""Between two looks at the nodes, when no link fails."""
SNIFF_PAUSE_SECONDS = 1.0
"""The least between two looks."""
AT_ONCE = 16
"""Attempts at one address at the same time, when many clients come at once."""


@dataclass(slots=True)
class Upstream:
    """``ready`` links are kept open for clients to come. ``cluster_name`` is that of the cluster that was met first; another one is
    refused, since one client's requests must not go to two clusters."""

    seeds: tuple[Address, ...]
    headers: UpstreamHeaders
    context: ssl.SSLContext | None
    limits: Limits
    ready: int
    api_key: bool
    server_name: str | None = None
    sniff: bool = False
    max_age: float = inf
    """Seconds after which a link is replaced, as soon as nobody needs it: so load spreads over nodes that have come since."""
    cluster_name: str | None = None
    generation: int = 0
    _targets: Targets = field(init=False)
    _links: set[Link] = field(default_factory=set)
    _ready: deque[Link] = field(default_factory=deque)
    _news: trio.Event = field(default_factory=trio.Event)
    _wanted: trio.Event = field(default_factory=trio.Event)
    _failures: trio.Event = field(default_factory=trio.Event)
    _last_opened: float = -inf
    _waiting: int = 0

    def __post_init__(self) -> None:
        self._targets = Targets(self.seeds)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of the nodes, as far as they are known."""
        return tuple(target.address for target in self._targets.active)

    async def run(self) -> None:
        """Keep links ready until cancelled; then all links end."""
        # Each of the workers that have been forked since begins with another address.
        self._targets = Targets(self.seeds)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sweep, nursery)
            if self.sniff:
                nursery.start_soon(self._look_up_nodes)
            await self._keep_ready(nursery)

    def renew(self, context: ssl.SSLContext | None) -> None:
        """Open links anew with another context: those that are ready at once, those of clients when they are quiet."""
        self.context = context
        self.generation += 1
        self.try_again()

    def try_again(self) -> None:
        """What kept links from being opened has changed, so that nobody has to wait for the end of a pause."""
        self._targets.hurry()
        self._wanted.set()

    def is_outdated(self, link: Link) -> bool:
        """Whether another one should take its place, when nobody needs it."""
        return link.generation != self.generation or trio.current_time() - link.opened > self.max_age

    async def take(self) -> Link:
        """A link for one client, for as long as it wants it. Raises node_not_connected_exception where none can be had in time."""
        self._waiting += 1
        try:
            return await self._take()
        finally:
            self._waiting -= 1

    async def _take(self) -> Link:
        began = hope = trio.current_time()
        while True:
            link = next(self._usable(), None)
            self._wanted.set()
            if link is not None:
                self._ready.remove(link)
                link.used = trio.current_time()
                return link
            now = trio.current_time()
            if self._targets.silent(now) or any(not each.closed for each in self._ready):
                hope = now
            left = min(began + PATIENCE_SECONDS, max(hope, self._last_opened) + TAKE_SECONDS) - now
            if left <= 0:
                raise ElasticsearchException(
                    "node_not_connected_exception", f"no connection to the upstream cluster: {self._targets.problems()}"
                )
            self._news = news = trio.Event() if self._news.is_set() else self._news
            with trio.move_on_after(min(left, 1.0)):  # a ready link that was silent may be heard again, which is no news
                await news.wait()

    def _usable(self) -> Iterator[Link]:
        """Ready links that work, as far as one can tell."""
        now = trio.current_time()
        return (
            each for each in self._ready if not each.closed and not self.is_outdated(each) and now - each.heard <= FRESH_SECONDS
        )

    async def _keep_ready(self, nursery: trio.Nursery) -> None:
        while True:
            for link in [each for each in self._ready if each.closed or self.is_outdated(each)]:
                self._ready.remove(link)
                await link.close("it is old, or settings have changed")
            now = trio.current_time()
            missing = self.ready + self._waiting - sum(1 for _ in self._usable()) - self._targets.promising(now)
            target = self._targets.next(now, max(self.ready, AT_ONCE)) if missing > 0 else None
            if target is not None:
                nursery.start_soon(self._try, nursery, target, target.begin(now))
                continue
            self._wanted = trio.Event()
            with trio.move_on_after(self._targets.pause(now)):
                await self._wanted.wait()

    async def _try(self, nursery: trio.Nursery, target: Target, began: float) -> None:
        """One more link to that address."""
        generation = self.generation
        link: Link | None = None
        try:
            with trio.fail_after(CONNECT_SECONDS):
                link = await Link.open(target.address, self.context, self.server_name, self.limits)
                link.generation = generation
                nursery.start_soon(self._read, link)
                await self._shake_hands(link)
        except (OSError, ssl.SSLError, trio.BrokenResourceError, WireError, trio.TooSlowError, ElasticsearchException) as error:
            if link is not None:
                await link.close()
            target.failed(began, trio.current_time(), _reason(error))
            log.warning("upstream link failed", address=str(target.address), reason=target.problem)
        else:
            target.succeeded(began)
            nursery.start_soon(self._count_until_end, link, target)
            self._ready.append(link)
            self._last_opened = trio.current_time()
            log.info("upstream link open", address=str(target.address), version=str(link.version), cluster=self.cluster_name)
        self._news.set()
        self._wanted.set()

    async def _read(self, link: Link) -> None:
        self._links.add(link)
        try:
            await link.run()
        except Exception:
            # A bug that one link meets ends that one.
            log.exception("upstream link failed", address=str(link.address))
        finally:
            self._links.discard(link)

    async def _count_until_end(self, link: Link, target: Target) -> None:
        await link.ended.wait()
        target.links -= 1
        self._wanted.set()
        self._failures.set()

    async def _sweep(self, nursery: trio.Nursery) -> None:
        """Ask links for signs of life that were silent, and end those that do not give any."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            for link in list(self._links):
                if link.silence >= DEAD_SECONDS:
                    nursery.start_soon(link.close, f"nothing was heard for [{link.silence:.0f}s]")
                elif link.silence >= PING_SECONDS:
                    nursery.start_soon(link.ping)
            self._wanted.set()

    async def _look_up_nodes(self) -> None:
        while True:
            link = next(self._usable(), None)
            if link is not None:
                await self._look_up_nodes_over(link)
                self._failures = trio.Event()
                with trio.move_on_after(SNIFF_SECONDS):
                    await self._failures.wait()
            await trio.sleep(SNIFF_PAUSE_SECONDS)

    async def _look_up_nodes_over(self, link: Link) -> None:
        about = {"address": str(link.address)}
        try:
            with trio.fail_after(CONNECT_SECONDS):
                found = await nodes_of(link, self.headers.system(), api_key=self.api_key)
        except (WireError, ElasticsearchException, trio.TooSlowError) as error:
            log.warning("upstream nodes not looked up", reason=_reason(error), **about)
            return
        if not found:
            log.warning("upstream nodes not looked up", reason="none of them takes requests", **about)
        elif self._targets.found(found):
            log.info("upstream nodes", nodes=[str(each) for each in found], **about)
            self._wanted.set()

    async def _shake_hands(self, link: Link) -> None:
        met = await shake_hands(link, self.headers.system(), api_key=self.api_key)
        self.cluster_name = expect_cluster(link, met.cluster_name, self.cluster_name)


def _reason(error: Exception) -> str:
    if isinstance(error, trio.TooSlowError):
        return "it took too long"
    if isinstance(error, ElasticsearchException) and error.status == 401:
        return f"the upstream refuses the gateway's own credentials: {error}"
    # What is wrong with a certificate, or why nobody listens, is in the cause.
    cause = error.__cause__
    causes = [error, first(cause) if isinstance(cause, BaseExceptionGroup) else cause]
    return ": ".join(text for each in causes if (text := str(each or ""))) or type(error).__name__
