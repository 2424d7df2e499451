"""One thread beside the loop that does work in the order in which it was asked for.

``trio.to_thread.run_sync`` hands each call to a thread anew. Here the thread takes the next call by itself while there is one, which
spares a busy gateway a change of threads per search; with nothing to do it goes back to trio's cache of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import trio

T = TypeVar("T")


class _Job:
    __slots__ = ("abandoned", "done", "error", "token", "value", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.token = trio.lowlevel.current_trio_token()
        self.done = trio.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        self.abandoned = False


class Worker:
    """See the module's text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._running = False

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. When cancelled, work that has begun is finished and nobody waits for it."""
        job = _Job(work)
        with self._lock:
            self._jobs.append(job)
            start, self._running = not self._running, True
        if start:
            trio.lowlevel.start_thread_soon(self._work, lambda ended: ended.unwrap(), "in-memory cluster")
        try:
            await job.done.wait()
        except trio.Cancelled:
            job.abandoned = True
            raise
        if job.error is not None:
            raise job.error
        value: T = job.value
        return value

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                job = self._jobs.popleft()
            if job.abandoned:
                continue
            try:
                job.value = job.work()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                job.error = error
            # The loop may have ended since; then nobody waits.
            with suppress(trio.RunFinishedError):
                job.token.run_sync_soon(job.done.set)
