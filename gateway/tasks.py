"""Which requests run for which task of a local cluster, so that it can cancel them.

A local cluster cancels in two ways: ``cancel_child`` names the task and the wire id of one request, and ``ban`` names the task alone:
all its requests end, and those that still come are refused until the ban is lifted or its connection is gone. Facts from
``TaskManager`` and ``TaskCancellationService`` of Elasticsearch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from math import inf
from types import TracebackType
from typing import Protocol

import trio

from protocol.errors import ElasticsearchException

MAX_BANS_PER_CONNECTION = 1000
"""A local node has at most as many bans as tasks that are being cancelled; the cap keeps a hostile one from filling the memory."""

ParentTask = tuple[str, int]
"""The node id and the number of a task; an empty node id means that there is none."""


class Running(Protocol):
    """A request that can be cancelled."""

    @property
    def parent(self) -> ParentTask: ...

    @property
    def request_id(self) -> int: ...

    def cancel(self, reason: str) -> None: ...


class _Block:
    """A block that runs as a request. No generator with contextlib: each request passes here."""

    __slots__ = ("_registry", "_scope", "parent", "reason", "request_id")

    def __init__(self, registry: TaskRegistry, parent: ParentTask, request_id: int, deadline: float) -> None:
        self.parent = parent
        self.request_id = request_id
        self.reason: str | None = None
        self._registry = registry
        self._scope = trio.CancelScope(deadline=deadline)

    def cancel(self, reason: str) -> None:
        self.reason = reason
        self._scope.cancel()

    def __enter__(self) -> None:
        self._registry.started(self)
        self._scope.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._registry.ended(self)
        ended = self._scope.__exit__(kind, error, trace)
        # The block may have finished just as it was cancelled; its answer is then no longer wanted either.
        if self.reason is not None and (ended or kind is None):
            raise cancelled(self.reason)
        return ended


class TaskRegistry:
    """The running requests and the bans of one gateway."""

    def __init__(self) -> None:
        self._running: dict[tuple[ParentTask, int], Running] = {}
        self._bans: dict[ParentTask, tuple[int, str]] = {}

    def track(self, parent: ParentTask, request_id: int, deadline: float = inf) -> AbstractContextManager[None, bool]:
        """Run the block as that request of that task, until the ``deadline``. Raises task_cancelled_exception when it is cancelled."""
        self.check(parent)
        return _Block(self, parent, request_id, deadline)

    def check(self, parent: ParentTask) -> None:
        """Whether requests of that task may begin. Raises task_cancelled_exception for one that was banned."""
        if parent in self._bans:
            raise cancelled(self._bans[parent][1])

    def started(self, running: Running) -> None:
        """Until it has ``ended`` it can be cancelled."""
        self._running[running.parent, running.request_id] = running

    def ended(self, running: Running) -> None:
        place = running.parent, running.request_id
        if self._running.get(place) is running:
            del self._running[place]

    def cancel_child(self, parent: ParentTask, request_id: int, reason: str) -> bool:
        """Whether there was such a request."""
        running = self._running.get((parent, request_id))
        if running is None:
            return False
        running.cancel(reason)
        return True

    def ban(self, parent: ParentTask, reason: str, connection: int) -> int:
        """How many running requests of the task were cancelled."""
        if sum(owner == connection for owner, _ in self._bans.values()) >= MAX_BANS_PER_CONNECTION:
            raise ElasticsearchException(
                "illegal_state_exception", f"more than [{MAX_BANS_PER_CONNECTION}] bans on one connection"
            )
        self._bans[parent] = (connection, reason)
        children = [running for running in self._running.values() if running.parent == parent]
        for running in children:
            running.cancel(reason)
        return len(children)

    def unban(self, parent: ParentTask) -> None:
        self._bans.pop(parent, None)

    def forget_connection(self, connection: int) -> None:
        """Lift the bans that came over a connection that is gone."""
        for parent in [parent for parent, (owner, _) in self._bans.items() if owner == connection]:
            del self._bans[parent]


def cancelled(reason: str) -> ElasticsearchException:
    return ElasticsearchException("task_cancelled_exception", f"task cancelled [{reason}]")
