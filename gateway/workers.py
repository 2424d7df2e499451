"""Several processes that serve the same sockets, since one Python process uses one core.

The parent loads, binds and forks, and does no other work: what it has loaded is shared with its children by copy-on-write. A worker
that dies is replaced. SIGTERM and SIGINT to the parent are handed to the workers; a worker whose parent is gone ends by itself. SIGHUP
to the parent is a request to read settings again, which the workers learn from memory that they share with it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger("gateway.workers")

QUICK_DEATH_SECONDS = 5.0
"""A worker that lived shorter than this is replaced only after RESTART_SECONDS, so that a fault at the start does not spin."""
RESTART_SECONDS = 1.0

Work = Callable[[int, int], None]
"""What a worker does, given its number from 0 on and a file descriptor that becomes readable when the parent is gone."""


def supervise(count: int, work: Work, ready: Callable[[], None], hang_up: Callable[[], None]) -> None:
    """Run ``count`` workers until a signal has ended them all. ``ready`` is called once, when all have been started; ``hang_up`` in this
    process for each SIGHUP."""
    alive_read, alive_write = os.pipe()
    children: dict[int, tuple[int, float]] = {}
    stopping = False

    def stop(number: int, _: Any) -> None:
        nonlocal stopping
        if not stopping:
            log.info("stopping", signal=signal.Signals(number).name, workers=len(children))
        stopping = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    def start(number: int) -> None:
        # A signal between fork and the note of the child's id would not reach it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
        child = os.fork()
        if child == 0:
            os.close(alive_write)
            _work_and_exit(work, number, alive_read, blocked)
        children[child] = (number, time.monotonic())
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _number, _frame: hang_up())
    try:
        for number in range(count):
            if not stopping:
                start(number)
        ready()
        while children:
            child, status = os.wait()
            number, began = children.pop(child)
            if stopping:
                continue
            log.error("worker died", worker=number, pid=child, exit_code=os.waitstatus_to_exitcode(status))
            if time.monotonic() - began < QUICK_DEATH_SECONDS:
                time.sleep(RESTART_SECONDS)
            if not stopping:
                start(number)
    finally:
        os.close(alive_read)
        os.close(alive_write)
        for known, handler in before.items():
            signal.signal(known, handler)


def _work_and_exit(work: Work, number: int, alive: int, mask: set[signal.Signals | int]) -> None:
    """In the child: never returns into what the parent was doing."""
    code = 1
    try:
        # A terminal sends Ctrl-C to all processes at once; the parent passes it on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        work(number, alive)
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
