"""Where events go: among the lines of the log, or a file of their own with one JSON object a line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import trio

from gateway import logs
from gateway.config import ConfigError
from gateway.configuration.model import AuditSettings

log = structlog.get_logger("gateway.audit")

Event = dict[str, Any]

REOPEN_SECONDS = 1.0
"""How soon a file that was moved away (by logrotate, say) is noticed, and made anew."""


GATHER_SECONDS = 0.01
GATHER_BYTES = 64 * 1024
"""So long, and so many, lines wait for others that go into the file by the same call, which takes as long as all else about an event."""


class LogOutput:
    """Events among the lines of the log."""

    def __call__(self, event: Event) -> None:
        logs.write_event(event)

    async def run(self) -> None:
        """Nothing has to go on."""

    def close(self) -> None:
        """The log is everybody's."""


class FileOutput:
    """Appends events to a file, whole lines by one call, so that several processes may share it: each at once, or while ``run`` runs those
    of a few milliseconds together. Raises OSError when it cannot be opened; later trouble is logged, once, and tried again."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lost = 0
        self._torn = False
        self._lines: list[bytes] = []
        self._bytes = 0
        self._news: trio.Event | None = None
        self._file = -1
        self._open()

    def __call__(self, event: Event) -> None:
        line = logs.render(event)
        self._lines.append(line)
        self._bytes += len(line)
        if self._news is None or self._bytes >= GATHER_BYTES:
            self._write()
        elif len(self._lines) == 1:
            self._news.set()

    async def run(self) -> None:
        """Write what gathers until cancelled; what comes after that is written at once."""
        try:
            while True:
                self._news = trio.Event()
                if not self._lines:
                    await self._news.wait()
                await trio.sleep(GATHER_SECONDS)
                self._write()
        finally:
            self._news = None
            self._write()

    def _write(self) -> None:
        lines, self._lines, self._bytes = self._lines, [], 0
        if not lines:
            return
        # After half a line (the disk was full) the next one begins on its own.
        start = b"\n" if self._torn else b""
        data = b"".join((start, b"\n".join(lines), b"\n"))
        try:
            self._follow()
            written = os.write(self._file, data)
            if written < len(data):
                self._torn = data[written - 1 : written] != b"\n"
                lines = lines[max(data.count(b"\n", 0, written) - len(start), 0) :]
                raise OSError("the lines were not written whole")
        except OSError as error:
            if not self._lost:
                log.error("audit events are lost", file=str(self._path), reason=str(error))
            self._lost += len(lines)
            return
        self._torn = False
        if self._lost:
            log.warning("audit events are written again", file=str(self._path), lost=self._lost)
            self._lost = 0

    def close(self) -> None:
        self._write()
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self._close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        status = os.fstat(self._file)
        self._identity = status.st_dev, status.st_ino
        self._checked = self._clock()

    def _follow(self) -> None:
        """Open the file anew where another one, or none, has its name."""
        if self._file >= 0 and self._clock() - self._checked < REOPEN_SECONDS:
            return
        self._checked = self._clock()
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._open()
            return
        if self._file < 0 or (status.st_dev, status.st_ino) != self._identity:
            self._open()


def open_output(settings: AuditSettings) -> LogOutput | FileOutput:
    """Raises ConfigError."""
    if settings.output == "log":
        return LogOutput()
    try:
        return FileOutput(settings.path)
    except OSError as error:
        raise ConfigError([f"setting [audit.path]: cannot write [{settings.path}]: {error.strerror}"]) from error
