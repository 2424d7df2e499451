"""The thread of the in-memory cluster: order, errors, cancellation."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing
import trio.to_thread

from gateway.backends.memory.worker import Worker


async def test_work_is_done_in_order_in_one_thread_beside_the_loop() -> None:
    worker, begun = Worker(), list[int]()
    gate = threading.Event()

    async def ask(number: int) -> None:
        def work() -> tuple[int, int]:
            gate.wait(10)
            begun.append(number)
            return number, threading.get_ident()

        answers.append(await worker.run(work))

    answers: list[tuple[int, int]] = []
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert begun == list(range(20))
    assert sorted(number for number, _ in answers) == list(range(20))
    assert {thread for _, thread in answers}.isdisjoint({threading.get_ident()})
    assert len({thread for _, thread in answers}) == 1


async def test_an_error_goes_to_the_one_who_asked_and_the_next_is_served() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 7) == 7


async def test_what_is_cancelled_before_it_begins_is_never_done() -> None:
    worker, begun, gate, done = Worker(), threading.Event(), threading.Event(), list[str]()

    async def ask(name: str, scope: trio.CancelScope) -> None:
        def work() -> None:
            begun.set()
            gate.wait(10)
            done.append(name)

        with scope:
            await worker.run(work)

    running, waiting, last = trio.CancelScope(), trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        for name, scope in (("running", running), ("waiting", waiting), ("last", last)):
            nursery.start_soon(ask, name, scope)
            await trio.testing.wait_all_tasks_blocked()
        await trio.to_thread.run_sync(begun.wait, 10)
        running.cancel()
        waiting.cancel()
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert running.cancelled_caught
    assert waiting.cancelled_caught
    assert done == ["running", "last"]


def test_a_worker_outlives_the_loop_that_used_it() -> None:
    worker = Worker()
    for number in range(3):
        assert trio.run(worker.run, lambda number=number: number) == number
