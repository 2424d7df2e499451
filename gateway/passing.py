"""Requests that are passed on and that no task waits for: what is to be done when the answer comes is done by who brings it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from gateway.audit import Progress
from gateway.backends import Forwarded, SentOn
from gateway.outlet import flush
from gateway.peer import Peer
from gateway.tasks import ParentTask, cancelled
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived

log = structlog.get_logger("gateway.passing")

Answer = bytes | Forwarded | ElasticsearchException
"""A payload, or what another cluster answered, or the error that is the answer."""


class Caller(Protocol):
    """Who brought a request, and takes its answer to the client."""

    def answered(self, request: RequestReceived, answer: Answer | None) -> None:
        """``None``: there is nobody any more who could be answered."""

    def start_soon(self, work: Callable[[], Awaitable[None]], /) -> None:
        """Do something that waits; it ends with the client's connection."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request, from its coming to the beginning of its answer. ``close`` is called once, with the answer; ``deadline`` is by trio's
    clock."""

    request: RequestReceived
    peer: Peer
    caller: Caller
    close: Callable[[Exchange, Answer | None], None]
    deadline: float
    progress: Progress = field(default_factory=Progress)
    began: int = field(default_factory=time.perf_counter_ns)
    parent: ParentTask = ("", 0)
    held: int = 0
    """Bytes that count as in flight."""
    sent: SentOn | None = None
    over: bool = False

    @property
    def request_id(self) -> int:
        return self.request.header.request_id

    def answered(self, answer: Answer | None) -> None:
        if not self.over:
            self.over = True
            self.close(self, answer)

    def cancel(self, reason: str) -> None:
        """By the client. See TaskRegistry."""
        self.give_up(cancelled(reason))
        flush()

    def give_up(self, answer: ElasticsearchException | None, *, tell: bool = True) -> None:
        """Answer, and throw away what still comes from upstream; ``tell`` it so."""
        if self.over:
            return
        if self.sent is not None:
            self.sent.give_up(tell=tell)
        self.answered(answer)
