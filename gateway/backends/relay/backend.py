"""The relay: requests that were allowed go to the upstream cluster as they came, with other headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from gateway.authorization.metadata import ClusterMetadata
from gateway.authorization.roles import Role
from gateway.backends import Answered, Call, ClusterDescription, Forwarded, StartSoon
from gateway.backends.relay.bans import Bans
from gateway.backends.relay.failures import MAX_ERROR, UNREAD, Held, denial, understood
from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.trust import Trust
from gateway.backends.relay.upstream import Upstream
from gateway.configuration.model import Settings
from gateway.links.answers import Answer
from gateway.links.link import Address, Link, Pending
from gateway.links.sniffing import discovery_nodes
from gateway.node import RELEASE
from gateway.tasks import ParentTask
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Status
from protocol.messages.common import DiscoveryNode, Request, TaskId
from protocol.messages.tasks import BAN, CANCEL_CHILD, BanRequest, CancelChildRequest

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
        self._bans = Bans()
        self._nursery: trio.Nursery | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of the upstream, as far as they are known."""
        return self._upstream.addresses

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
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
            self._upstream.try_again()
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

    async def ban(self, request: BanRequest, connection: int) -> None:
        """See ``gateway.backends.Backend``. The upstream is told where a request of that task is cancelled."""
        task = request.task.node, request.task.id
        if request.ban:
            self._bans.begin(task, request.reason or "", connection)
        else:
            await self._lift(task)

    async def _lift(self, task: ParentTask) -> None:
        lifted = BanRequest(task=TaskId(*task), ban=False, wait_for_completion=False)
        for link in self._bans.end(task):
            if not link.closed:
                await self._tell(link, BAN, lifted)

    async def connection_closed(self, connection: int) -> None:
        """Its link is closed: the upstream then ends what still runs for it, as it does for a client of its own."""
        bound = self._bound.pop(connection, None)
        if bound is not None and bound.link is not None:
            await bound.link.close("its client is gone")
        for task in self._bans.of_connection(connection):
            await self._lift(task)

    async def execute(self, call: Call) -> Forwarded:
        sender = call.sender
        if sender is None:
            raise ValueError("a call to pass on needs its sender")
        headers = self._headers.of(sender.role, sender.header)
        link = await self._link(sender.peer.connection)
        pending = await link.send(
            self._headers.action(call.action), _payload(call), headers, call.version, compressed=_is_compressed(call)
        )
        try:
            answer = await link.answer(pending)
        except trio.Cancelled:
            with trio.move_on_after(CANCEL_SECONDS, shield=True):
                await self._cancel(link, call.parent, pending.request_id)
            raise
        return await _received(link, pending, answer, sender.role)

    @property
    def at_once(self) -> RelayBackend:
        """See ``gateway.backends.Backend``."""
        return self

    def takes(self, connection: int, size: int) -> bool:
        """See ``gateway.backends.AtOnce``."""
        bound = self._bound.get(connection)
        return bound is not None and bound.link is not None and bound.link.takes(size) and not self._is_old(bound.link)

    def pass_on(self, call: Call, answered: Answered, start_soon: StartSoon) -> _SentOn:
        """See ``gateway.backends.AtOnce``."""
        sender = call.sender
        link = None if sender is None else self._bound[sender.peer.connection].link
        if sender is None or link is None:
            raise ValueError("a call to pass on needs its sender, and a link that takes it")
        headers = self._headers.of(sender.role, sender.header)
        sent = _SentOn(self, link, call, sender.role, answered, start_soon)
        sent.pending = link.send_now(
            self._headers.action(call.action), _payload(call), headers, call.version, sent.told, compressed=_is_compressed(call)
        )
        return sent

    def cancel(self, link: Link, parent: TaskId, request_id: int) -> None:
        """Tell the upstream that nobody wants that answer, while others go on."""
        if self._nursery is not None and parent.node:
            self._nursery.start_soon(self._cancel_in_time, link, parent, request_id)

    async def _cancel_in_time(self, link: Link, parent: TaskId, request_id: int) -> None:
        with trio.move_on_after(CANCEL_SECONDS):
            await self._cancel(link, parent, request_id)

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
        ban = self._bans.of((parent.node, parent.id))
        if ban is None:
            cancel = CancelChildRequest(task=parent, child_request_id=request_id, reason="by the client of the gateway")
            await self._tell(link, CANCEL_CHILD, cancel)
        elif link not in ban.links:
            ban.links.add(link)
            await self._tell(link, BAN, BanRequest(task=parent, ban=True, reason=ban.reason, wait_for_completion=False))

    async def _tell(self, link: Link, action: str, request: Request) -> None:
        """A request of the gateway's own whose answer is not waited for, which a frozen node does not give: whoever cancels or runs out of
        time is told at once."""
        try:
            sent = await link.send(
                self._headers.action(action), request.encode(link.version), self._headers.system(), link.version
            )
            link.forget(sent)
        except ElasticsearchException as error:
            log.info("upstream not told of a cancellation", address=str(link.address), reason=error.reason)


@dataclass(slots=True)
class _SentOn:
    """See ``gateway.backends.SentOn``."""

    backend: RelayBackend
    link: Link
    call: Call
    role: Role
    answered: Answered
    start_soon: StartSoon
    pending: Pending | None = None

    def told(self) -> None:
        """Something of the answer is there, or it will not come."""
        pending = self.pending
        if pending is None or pending.answer is None:
            self.answered(self.link.disconnected(self.call.action))
            return
        answer = pending.answer
        payload = answer.whole_now()
        if payload is None and _is_read(answer):
            self.start_soon(self._receive)
            return
        try:
            passed = _forwarded(self.link, pending, answer, self.role, payload)
        except ElasticsearchException as error:
            self.link.forget(pending)
            self.answered(error)
        except Exception as error:
            # The link goes on for others.
            self.link.forget(pending)
            log.exception("answer not understood", address=str(self.link.address))
            self.answered(
                ElasticsearchException("exception", f"internal error of the gateway: {type(error).__name__}", status=500)
            )
        else:
            self.answered(passed)

    def give_up(self, *, tell: bool) -> None:
        """See ``gateway.backends.SentOn``."""
        if self.pending is not None:
            self.link.forget(self.pending)
            if tell:
                self.backend.cancel(self.link, self.call.parent, self.pending.request_id)

    async def _receive(self) -> None:
        pending = self.pending
        assert pending is not None  # noqa: S101 - its answer has begun
        assert pending.answer is not None  # noqa: S101
        try:
            passed = await _received(self.link, pending, pending.answer, self.role)
        except ElasticsearchException as error:
            self.answered(error)
        else:
            self.answered(passed)


def _payload(call: Call) -> bytes:
    return call.sender.raw if call.sender is not None and _is_compressed(call) else call.payload


def _is_compressed(call: Call) -> bool:
    return call.sender is not None and bool(call.sender.header.status & Status.COMPRESSED)


def _is_read(answer: Answer) -> bool:
    """Whether the answer is not passed on before it has been understood."""
    return bool(answer.header.status & Status.ERROR) and answer.header.payload_size <= MAX_ERROR


async def _received(link: Link, pending: Pending, answer: Answer, role: Role) -> Forwarded:
    """Raises ElasticsearchException for a denial, and where the link ends before the answer does."""
    if not _is_read(answer):
        return _forwarded(link, pending, answer, role, None)
    try:
        payload = await answer.whole()
    finally:
        link.forget(pending)
    passed = _forwarded(link, pending, answer, role, payload)
    passed.parts = Held(payload)
    return passed


def _forwarded(link: Link, pending: Pending, answer: Answer, role: Role, payload: bytes | None) -> Forwarded:
    """What the client gets. ``payload``: all of it, if it is here. Raises the denial that it is."""
    header = answer.header
    sent = header.response_headers
    kept = {name: values for name, values in sent.items() if name in PASSED_BACK} if sent else {}
    error = None
    if header.status & Status.ERROR:
        error = UNREAD if payload is None else understood(payload, header.status, header.version)
        if (denied := denial(error, role)) is not None:
            raise denied
    return Forwarded(header.status, kept, header.payload_size, answer, partial(link.forget, pending), error, payload)


@dataclass(slots=True)
class _Bound:
    link: Link | None = None
    lock: trio.Lock = field(default_factory=trio.Lock)


_NO_NAMES = ClusterMetadata()
