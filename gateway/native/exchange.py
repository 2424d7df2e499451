"""The way of one native request: its messages go the way that all requests go, and what comes back is decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, Protocol

import trio

from gateway.backends import Forwarded
from gateway.limits import InFlightBytes
from gateway.native.methods import Answer, Step
from gateway.peer import Peer
from gateway.tasks import TaskRegistry
from protocol.compression import decompress_untrusted
from protocol.errors import ElasticsearchException, UnsupportedError, WireError
from protocol.events import RequestReceived
from protocol.exceptions import read_exception
from protocol.frames import Header, Status
from protocol.messages.common import TaskId
from protocol.versions import V_8_19
from protocol.wire import Reader

MAX_CONCURRENT_STEPS: Final = 8
"""Of one request, as many are under way at a time."""


class Handler(Protocol):
    """What native connections need of ``gateway.connection.RequestHandler``."""

    def check_header(self, header: Header, peer: Peer) -> None: ...

    async def handle(self, request: RequestReceived, peer: Peer) -> bytes | Forwarded: ...


@dataclass(slots=True)
class Rooms:
    """What exchanges need of the gateway behind one connection. ``node`` is what parent tasks are told to run on: nobody else may guess
    it, so that nobody else can cancel them. ``wire_ids`` numbers the transport requests."""

    handler: Handler
    peer: Peer
    tasks: TaskRegistry
    in_flight: InFlightBytes
    max_answer: int
    node: str
    wire_ids: Iterator[int]


@dataclass(slots=True)
class Exchange:
    """One native request under way. ``id`` is the client's."""

    rooms: Rooms
    id: int
    headers: dict[str, str]
    deadline_ms: int | None = None
    answer_headers: dict[str, list[str]] = field(default_factory=dict)
    """Of the answers so far."""
    answer_bytes: int = 0
    cancelled: str | None = None
    """Why, where it was."""
    _under_way: set[int] = field(default_factory=set)
    _scope: trio.CancelScope | None = None

    def cancel(self, reason: str) -> None:
        """Ends ``run`` with a task_cancelled_exception, unless it is over."""
        if self.cancelled is not None:
            return
        self.cancelled = reason
        cancelled = [self.rooms.tasks.cancel_child(self._parent, wire_id, reason) for wire_id in self._under_way]
        if not any(cancelled) and self._scope is not None:
            self._scope.cancel()

    async def run(self, steps: Sequence[Step]) -> list[Answer]:
        """The answer to each step; of one that stands alone its error is raised."""
        deadline = inf if self.deadline_ms is None else trio.current_time() + self.deadline_ms / 1000
        with trio.CancelScope(deadline=deadline) as self._scope:
            self._check_wanted()
            return [await self._step(steps[0])] if len(steps) == 1 else await self._many(steps)
        self._check_wanted()
        raise ElasticsearchException("timeout_exception", f"not answered within the [{self.deadline_ms}ms] of [deadline_ms]")

    @property
    def _parent(self) -> tuple[str, int]:
        return self.rooms.node, self.id

    def _check_wanted(self) -> None:
        if self.cancelled is not None:
            raise ElasticsearchException("task_cancelled_exception", f"task cancelled [{self.cancelled}]")

    async def _many(self, steps: Sequence[Step]) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(steps)
        waiting = iter(range(len(steps)))

        async def work() -> None:
            for place in waiting:
                try:
                    self._check_wanted()
                    answers[place] = await self._step(steps[place])
                except ElasticsearchException as error:
                    answers[place] = error

        async with trio.open_nursery() as nursery:
            for _ in range(min(MAX_CONCURRENT_STEPS, len(steps))):
                nursery.start_soon(work)
        self._check_wanted()
        return [answer for answer in answers if answer is not None]

    async def _step(self, step: Step) -> Answer:
        if isinstance(step, ElasticsearchException):
            raise step
        step.message.parent_task = TaskId(*self._parent)
        wire_id = next(self.rooms.wire_ids)
        request = transport_request(wire_id, step.action, self.headers, step.message.encode(V_8_19))
        self._under_way.add(wire_id)
        try:
            payload = await self.rooms.handler.handle(request, self.rooms.peer)
            if isinstance(payload, Forwarded):
                payload = await self._collected(payload)
        finally:
            self._under_way.discard(wire_id)
        self.answer_bytes += len(payload)
        try:
            return step.answer.decode(payload, V_8_19)
        except UnsupportedError as error:
            raise ElasticsearchException("illegal_argument_exception", str(error)) from None
        except WireError as error:
            raise ElasticsearchException(
                "transport_serialization_exception", f"Failed to deserialize response [{step.action}]: {error}"
            ) from None

    async def _collected(self, answer: Forwarded) -> bytes:
        """The plain payload of an answer that comes from elsewhere. Raises the error that it is."""
        try:
            if answer.size > self.rooms.max_answer:
                raise ElasticsearchException(
                    "illegal_argument_exception", f"an answer of [{answer.size}b] exceeds the limit of [{self.rooms.max_answer}b]"
                )
            with self.rooms.in_flight.hold(answer.size, "an answer to decode"):
                payload = b"".join([part async for part in answer.parts])
                if answer.status & Status.COMPRESSED:
                    _, payload = decompress_untrusted(payload, self.rooms.max_answer)
        except WireError as error:
            raise ElasticsearchException("transport_serialization_exception", str(error)) from None
        finally:
            answer.discard()
        for name, values in answer.headers.items():
            self.answer_headers.setdefault(name, []).extend(values)
        if answer.status & Status.ERROR:
            raise _failure(payload)
        return payload


def transport_request(wire_id: int, action: str, headers: dict[str, str], payload: bytes) -> RequestReceived:
    """As it would have come from a local cluster's node that speaks the gateway's own transport version."""
    header = Header(wire_id, Status(0), V_8_19, len(payload), action, headers, payload_size=len(payload))
    return RequestReceived(header, payload, None, payload)


def _failure(payload: bytes) -> ElasticsearchException:
    try:
        return read_exception(Reader(payload, V_8_19))
    except WireError as error:
        return ElasticsearchException("transport_serialization_exception", f"Failed to deserialize an error: {error}")
