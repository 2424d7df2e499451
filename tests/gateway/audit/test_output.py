"""The file of audit events: shared, moved away under the gateway, and full."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing

from gateway.audit.output import GATHER_BYTES, GATHER_SECONDS, FileOutput, open_output
from gateway.config import ConfigError
from gateway.configuration.model import AuditSettings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def numbers(path: Path) -> list[Any]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_one_line_for_each_event(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "audit.ndjson"
    first, second = FileOutput(path), FileOutput(path)
    for number in range(3):
        first({"n": number, "name": "ä\ud800\n"})
        second({"n": -number})
    assert numbers(path) == [0, 0, 1, -1, 2, -2]
    assert path.stat().st_mode & 0o777 == 0o640
    for output in (first, second):
        output.close()


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path, replaced: bool) -> None:
    clock, path = Clock(), tmp_path / "audit.ndjson"
    output = FileOutput(path, clock)
    output({"n": 1})
    path.rename(tmp_path / "audit.1")
    if replaced:
        path.touch()
    output({"n": 2})
    clock.now = 5
    output({"n": 3})
    output.close()
    assert (numbers(tmp_path / "audit.1"), numbers(path)) == ([1, 2], [3])


def test_trouble_is_told_once_and_then_that_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.ndjson"
    output = FileOutput(path)
    output({"n": 1})

    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with structlog.testing.capture_logs() as logs:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            for number in (2, 3):
                output({"n": number})
        output({"n": 4})
        output({"n": 5})
    assert [(entry["log_level"], entry.get("lost")) for entry in logs] == [("error", None), ("warning", 2)]
    assert numbers(path) == [1, 4, 5]
    output.close()


async def test_events_of_a_few_milliseconds_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    path, writes, write = tmp_path / "audit.ndjson", list[int](), os.write

    def counting(file: int, data: bytes) -> int:
        writes.append(data.count(b"\n"))
        return write(file, data)

    output = FileOutput(path)
    monkeypatch.setattr(os, "write", counting)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(output.run)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            output({"n": number})
        assert not writes
        await trio.sleep(2 * GATHER_SECONDS)
        assert writes == [3]
        output({"n": 3, "long": "x" * GATHER_BYTES})
        assert writes == [3, 1]
        output({"n": 4})
        nursery.cancel_scope.cancel()
    assert writes == [3, 1, 1]
    output({"n": 5})
    output.close()
    assert numbers(path) == [0, 1, 2, 3, 4, 5]


async def test_of_lines_that_were_not_written_whole_the_lost_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    path, write = tmp_path / "audit.ndjson", os.write
    output = FileOutput(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(output.run)
        await trio.testing.wait_all_tasks_blocked()
        with structlog.testing.capture_logs() as logs:
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", lambda file, data: write(file, data[:11]))
                for number in range(3):
                    output({"n": number})
                await trio.sleep(2 * GATHER_SECONDS)
            output({"n": 3})
            await trio.sleep(2 * GATHER_SECONDS)
        nursery.cancel_scope.cancel()
    output.close()
    assert path.read_text() == '{"n":0}\n{"n\n{"n":3}\n'
    assert [entry.get("lost") for entry in logs] == [None, 2]


def test_half_a_line_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.ndjson"
    output, write = FileOutput(path), os.write
    with structlog.testing.capture_logs(), monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: write(file, data[:4]))
        output({"n": 1})
    with structlog.testing.capture_logs():
        output({"n": 2})
    output.close()
    assert path.read_text() == '{"n"\n{"n":2}\n'


def test_a_folder_that_went_away_comes_back(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "logs" / "audit.ndjson"
    output = FileOutput(path, clock)
    path.unlink()
    path.parent.rmdir()
    (tmp_path / "logs").touch()
    with structlog.testing.capture_logs() as logs:
        for clock.now in (5.0, 10.0):
            output({"n": 1})
        (tmp_path / "logs").unlink()
        clock.now = 15.0
        output({"n": 2})
    assert [entry["event"] for entry in logs] == ["audit events are lost", "audit events are written again"]
    assert numbers(path) == [2]
    output.close()


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"setting \[audit.path\]: cannot write \[.*\]: Is a directory"):
        open_output(AuditSettings(output="file", path=tmp_path))
