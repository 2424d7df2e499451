"""The connections to one remote cluster: as many as the settings say are kept open, for all requests of this process.

In proxy mode all go to one address, and are spread over what its name resolves to. In sniff mode a first one goes to a seed, which names
the nodes of the cluster; some of those are chosen, and each gets CHANNELS_PER_NODE. What ends is opened again, with pauses where that
fails, which a request that waits cuts short.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from gateway.links.asking import expect_cluster, shake_hands
from gateway.links.link import Address, Link
from gateway.links.sniffing import address_of, discovery_nodes, serves
from gateway.links.targets import Target, Targets
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Limits
from protocol.messages.common import DiscoveryNode
from protocol.messages.handshake import HandshakeResponse
from protocol.versions import TransportVersion

log = structlog.get_logger("gateway.client")

CHANNELS_PER_NODE = 6
"""Connections to each node in sniff mode (``SniffConnectionStrategy.CHANNELS_PER_CONNECTION``)."""
AT_ONCE = 6
"""Attempts at one address at the same time."""
LOOK_AGAIN_SECONDS = 1.0
"""The least between two looks at the nodes."""
PINGS_MISSED = 3
"""Pings without any sign of life after which a connection is given up."""
UNCONNECTED = frozenset(
    {"connect_transport_exception", "illegal_state_exception", "node_disconnected_exception", "node_not_connected_exception"}
)
"""Errors for which another address is tried (``RemoteConnectionStrategy.isRetryableException``)."""
LIMITS = Limits(header=64 << 20, frame=512 << 20, payload=512 << 20)
"""Of one answer. Elasticsearch takes up to 90% of the heap; this process has to hold it as well."""


@dataclass(frozen=True, slots=True)
class Door:
    """How each connection is opened. ``headers``: those of the local cluster's own requests, for a transport version. Times are seconds."""

    api_key: bool
    context: ssl.SSLContext | None
    server_name: str | None
    headers: Callable[[TransportVersion], dict[str, str]] = field(repr=False)
    connect_seconds: float = 30.0
    ping_seconds: float | None = None


class Strategy(Protocol):
    """Where connections go."""

    @property
    def seeds(self) -> Sequence[Address]: ...

    wanted: int
    """Connections that there should be."""
    most: int
    """Of these, to one address."""

    async def look(self, link: Link, met: HandshakeResponse, door: Door, failing: Set[Address]) -> Sequence[Address]:
        """The addresses to connect to, as an open connection tells; rather not those that are ``failing``.

        Raises OSError, ElasticsearchException and WireError.
        """

    def unreachable(self, alias: str) -> ElasticsearchException:
        """The error where no address can be connected to."""


class Proxy:
    """``sockets`` connections to one address."""

    def __init__(self, address: Address, sockets: int) -> None:
        self.seeds = (address,)
        self.wanted = 1  # until it is known what the name resolves to
        self.most = self._sockets = sockets

    async def look(self, link: Link, met: HandshakeResponse, door: Door, failing: Set[Address]) -> Sequence[Address]:  # noqa: ARG002
        address = self.seeds[0]
        found = await trio.socket.getaddrinfo(address.host, address.port, type=trio.socket.SOCK_STREAM)
        numbers = dict.fromkeys(str(place[0]) for *_, place in found)
        self.wanted = self._sockets
        return [Address(number, address.port, address.host) for number in numbers] if len(numbers) > 1 else [address]

    def unreachable(self, alias: str) -> ElasticsearchException:
        return ElasticsearchException(
            "no_seed_node_left_exception",
            f"Unable to open any proxy connections to cluster [{alias}] at address [{self.seeds[0]}]",
        )


class Sniff:
    """CHANNELS_PER_NODE connections to each of up to ``nodes`` nodes, of those with the attribute ``attr`` where one is given."""

    most = CHANNELS_PER_NODE

    def __init__(self, seeds: Sequence[Address], nodes: int, attr: str | None) -> None:
        self.seeds = tuple(seeds)
        self.wanted = 1  # until the nodes are known
        self._nodes, self._attr = nodes, attr
        self._chosen: dict[str, Address] = {}
        """Where each node is connected to, by its id."""

    async def look(self, link: Link, met: HandshakeResponse, door: Door, failing: Set[Address]) -> Sequence[Address]:
        nodes = await discovery_nodes(link, door.headers(link.version), api_key=door.api_key, remote_cluster_server=True)
        # Where a node was reached it can be reached again; its published address may not be known here.
        reached = {**self._chosen, met.node.id: link.address}
        fitting = {node.id: reached.get(node.id) or address_of(node) for node in nodes if self.fits(node)}
        # Nodes that are connected to come first: nothing is moved without need.
        order = sorted(fitting, key=lambda node: (node != met.node.id, fitting[node] in failing, node not in self._chosen))
        if not order:
            raise ElasticsearchException("illegal_state_exception", "none of its nodes may be connected to")
        self._chosen = {node: fitting[node] for node in order[: self._nodes]}
        self.wanted = CHANNELS_PER_NODE * len(self._chosen)
        return list(self._chosen.values())

    def fits(self, node: DiscoveryNode) -> bool:
        return serves(node) and (self._attr is None or node.attributes.get(self._attr) == "true")

    def unreachable(self, alias: str) -> ElasticsearchException:
        return ElasticsearchException("no_seed_node_left_exception", f"no seed node left for cluster: [{alias}]")


class Pool:
    """``run`` keeps the connections open; ``take`` gives one that other requests use as well."""

    def __init__(self, alias: str, strategy: Strategy, door: Door) -> None:
        self.alias = alias
        self.cluster_name: str | None = None
        """Of the cluster that was met first; another one is refused."""
        self.links: dict[Link, HandshakeResponse] = {}
        """The open connections, and which node each goes to."""
        self.strategy, self._door = strategy, door
        self._targets = Targets(strategy.seeds)
        self._errors: dict[Target, tuple[int, Exception]] = {}
        """Which failure the last one at each address was, and why."""
        self._failures = 0
        self._news = trio.Event()
        self._wanted = trio.Event()
        self._known = False
        """Whether the addresses to connect to have been looked up."""
        self._doubts = trio.Event()

    @property
    def connected(self) -> bool:
        return any(not link.closed for link in self.links)

    def nodes(self) -> set[Address]:
        """The addresses to which there are connections."""
        return {link.address for link in self.links if not link.closed}

    async def run(self) -> None:
        """Until cancelled; then all connections end."""
        async with trio.open_nursery() as nursery:
            if self._door.ping_seconds is not None:
                nursery.start_soon(self._keep_alive, self._door.ping_seconds, nursery)
            nursery.start_soon(self._look_again)
            await self._keep_open(nursery)

    def idle(self) -> Link | None:
        """The open connection that was not used for longest, so that all take their turns."""
        return min((link for link in self.links if not link.closed), key=lambda link: link.used, default=None)

    async def take(self, seconds: float) -> Link:
        """Waits so long for one where none is open, but not longer than until each address has failed once more.

        Raises no_seed_node_left_exception, or the error of the remote cluster that refuses, or what else it was.
        """
        before = self._failures
        if not self.connected:
            self._targets.hurry()
        with trio.move_on_after(seconds):
            while (link := self.idle()) is None:
                if self._failed_since(before):
                    break
                self._wanted.set()
                await self._news.wait()
            if link is not None:
                return link
        raise self.failure()

    def failure(self) -> ElasticsearchException:
        """Why there is no connection."""
        errors = [self._errors[target][1] for target in self._targets.active if target in self._errors]
        # A cluster that refuses says more than an address that cannot be connected to.
        for error in errors:
            if isinstance(error, ElasticsearchException) and error.type not in UNCONNECTED:
                return error
        unreachable = self.strategy.unreachable(self.alias)
        tried = [target for target in self._targets.active if target in self._errors]
        unreachable.suppressed = [_told(target.address, self._errors[target][1]) for target in tried]
        return unreachable

    def _failed_since(self, before: int) -> bool:
        return all(self._errors.get(target, (0,))[0] > before and not target.attempts for target in self._targets.active)

    async def _keep_open(self, nursery: trio.Nursery) -> None:
        while True:
            now = trio.current_time()
            missing = self.strategy.wanted - len(self.links) - self._targets.promising(now)
            target = self._targets.next(now, AT_ONCE, self.strategy.most) if missing > 0 else None
            if target is not None:
                nursery.start_soon(self._try, nursery, target, target.begin(now))
                continue
            self._wanted = trio.Event()
            with trio.move_on_after(self._targets.pause(now)):
                await self._wanted.wait()

    async def _try(self, nursery: trio.Nursery, target: Target, began: float) -> None:
        """One more connection to that address."""
        link: Link | None = None
        try:
            with trio.fail_after(self._door.connect_seconds):
                link = await Link.open(target.address, self._door.context, self._door.server_name, LIMITS)
                nursery.start_soon(self._read, link)
                met = await shake_hands(link, self._door.headers(link.version), api_key=self._door.api_key)
                self.cluster_name = expect_cluster(link, met.cluster_name, self.cluster_name)
                if not self._known:
                    self._targets.found(await self.strategy.look(link, met, self._door, frozenset()))
                    self._known = True
        except (OSError, ssl.SSLError, trio.BrokenResourceError, WireError, trio.TooSlowError, ElasticsearchException) as error:
            if link is not None:
                await link.close(str(error))
            reason, known = _reason(error), target.problem
            target.failed(began, trio.current_time(), reason)
            self._failures += 1
            self._errors[target] = self._failures, error
            self._doubts.set()
            # Said once for all attempts that fail alike.
            tell = log.debug if reason == known else log.warning
            tell("remote connection failed", cluster=self.alias, address=str(target.address), reason=reason)
        else:
            target.succeeded(began)
            self._errors.pop(target, None)
            nursery.start_soon(self._count_until_end, link, target)
            if target in self._targets.active:
                self.links[link] = met
                log.debug("remote connection open", cluster=self.alias, address=str(target.address), version=str(link.version))
            else:
                await link.close("its node is not among those that were chosen")
        self._tell()

    async def _look_again(self) -> None:
        """After a failure, over a connection that works: there may be other nodes by now."""
        while True:
            await self._doubts.wait()
            self._doubts = trio.Event()
            await trio.sleep(LOOK_AGAIN_SECONDS)
            link = self.idle()
            if link is None:
                self._known = False  # the next connection looks
                continue
            failing = {target.address for target in self._targets.active if target.problem is not None}
            try:
                with trio.fail_after(self._door.connect_seconds):
                    found = await self.strategy.look(link, self.links[link], self._door, failing)
            except (OSError, WireError, ElasticsearchException, trio.TooSlowError) as error:
                log.warning("remote nodes not looked up", cluster=self.alias, address=str(link.address), reason=str(error))
                continue
            if self._targets.found(found):
                self._wanted.set()

    async def _read(self, link: Link) -> None:
        try:
            await link.run()
        except Exception:
            # A bug that one connection meets ends that one.
            log.exception("remote connection failed", cluster=self.alias, address=str(link.address))
            await link.close()

    async def _count_until_end(self, link: Link, target: Target) -> None:
        await link.ended.wait()
        target.links -= 1
        if self.links.pop(link, None) is not None:
            self._doubts.set()
        self._tell()

    async def _keep_alive(self, every: float, nursery: trio.Nursery) -> None:
        while True:
            await trio.sleep(every)
            for link in list(self.links):
                if link.silence >= PINGS_MISSED * every:
                    nursery.start_soon(link.close, f"nothing was heard for [{link.silence:.0f}s]")
                else:
                    nursery.start_soon(link.ping)

    def _tell(self) -> None:
        self._wanted.set()
        self._news.set()
        self._news = trio.Event()


def parse_addresses(texts: Iterable[str]) -> list[Address]:
    """Of texts that the settings have checked."""
    return [Address.parse(text) for text in texts]


def _told(address: Address, error: Exception) -> ElasticsearchException:
    if isinstance(error, ElasticsearchException):
        return error
    return ElasticsearchException("connect_transport_exception", f"[{address}] {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, trio.TooSlowError):
        return "it took too long"
    reason = str(error) or type(error).__name__
    cause = "" if isinstance(error, ElasticsearchException) or error.__cause__ is None else str(error.__cause__)
    return f"{reason}: {cause}" if cause else reason
