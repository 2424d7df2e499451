from __future__ import annotations

import pytest
import trio
import trio.testing

from gateway import tasks
from gateway.tasks import TaskRegistry
from protocol.errors import ElasticsearchException

PARENT = ("node", 7)


async def run(registry: TaskRegistry, parent: tuple[str, int], request_id: int, outcome: list[str]) -> None:
    with pytest.raises(ElasticsearchException, match="task_cancelled_exception") as raised, registry.track(parent, request_id):
        await trio.sleep_forever()
    outcome.append(f"{request_id}: {raised.value.reason}")


async def test_a_child_is_cancelled_by_its_request_id() -> None:
    registry, outcome = TaskRegistry(), list[str]()
    async with trio.open_nursery() as nursery:
        for request_id in (1, 2):
            nursery.start_soon(run, registry, PARENT, request_id, outcome)
        await trio.testing.wait_all_tasks_blocked()
        assert not registry.cancel_child(("other", 7), 1, "by user")
        assert registry.cancel_child(PARENT, 1, "by user")
        await trio.testing.wait_all_tasks_blocked()
        assert outcome == ["1: task cancelled [by user]"]
        nursery.cancel_scope.cancel()


async def test_a_ban_ends_all_children_and_keeps_others_away() -> None:
    registry, outcome = TaskRegistry(), list[str]()
    async with trio.open_nursery() as nursery:
        for parent, request_id in ((PARENT, 1), (PARENT, 2), (("node", 8), 3)):
            nursery.start_soon(run, registry, parent, request_id, outcome)
        await trio.testing.wait_all_tasks_blocked()
        assert registry.ban(PARENT, "gone", connection=5) == 2
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(outcome) == ["1: task cancelled [gone]", "2: task cancelled [gone]"]
        with pytest.raises(ElasticsearchException, match="gone"), registry.track(PARENT, 4):
            pytest.fail("a banned task's request ran")
        registry.unban(PARENT)
        with registry.track(PARENT, 4):
            pass
        nursery.cancel_scope.cancel()


async def test_a_closed_connection_takes_its_bans_along() -> None:
    registry = TaskRegistry()
    registry.ban(PARENT, "x", connection=1)
    registry.ban(("node", 8), "y", connection=2)
    registry.forget_connection(1)
    with registry.track(PARENT, 1):
        pass
    with pytest.raises(ElasticsearchException), registry.track(("node", 8), 1):
        pytest.fail("a banned task's request ran")


def test_bans_of_a_connection_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_BANS_PER_CONNECTION", 2)
    registry = TaskRegistry()
    registry.ban(("n", 1), "", connection=1)
    registry.ban(("n", 2), "", connection=1)
    with pytest.raises(ElasticsearchException, match="bans on one connection"):
        registry.ban(("n", 3), "", connection=1)
    registry.ban(("n", 3), "", connection=2)


async def test_work_that_finished_as_it_was_cancelled_is_not_answered() -> None:
    registry = TaskRegistry()
    with pytest.raises(ElasticsearchException, match="late"), registry.track(PARENT, 1):
        registry.cancel_child(PARENT, 1, "late")
