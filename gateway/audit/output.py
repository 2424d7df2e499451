"""Where events go: among the lines of the log, or a file of their own with one JSON object a line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from gateway import logs
from gateway.config import ConfigError
from gateway.configuration.model import AuditSettings

log = structlog.get_logger("gateway.audit")

Event = dict[str, Any]

REOPEN_SECONDS = 1.0
"""How soon a file that was moved away (by logrotate, say) is noticed, and made anew."""


class FileOutput:
    """Appends events to a file, each by one call, so that several processes may share it. Raises OSError when it cannot be opened; later
    trouble is logged, once, and tried again with each event."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lost = 0
        self._torn = False
        self._file = -1
        self._open()

    def __call__(self, event: Event) -> None:
        line = logs.render(event) + b"\n"
        try:
            self._follow()
            # After half a line (the disk was full) the next one begins on its own.
            data = b"\n" + line if self._torn else line
            if os.write(self._file, data) < len(data):
                self._torn = True
                raise OSError("the line was not written whole")
        except OSError as error:
            self._lost += 1
            if self._lost == 1:
                log.error("audit events are lost", file=str(self._path), reason=str(error))
            return
        self._torn = False
        if self._lost:
            log.warning("audit events are written again", file=str(self._path), lost=self._lost)
            self._lost = 0

    def close(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self.close()
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


def open_output(settings: AuditSettings) -> tuple[Callable[[Event], None], Callable[[], None]]:
    """What writes an event, and what closes that. Raises ConfigError."""
    if settings.output == "log":
        return logs.write_event, lambda: None
    try:
        output = FileOutput(settings.path)
    except OSError as error:
        raise ConfigError([f"setting [audit.path]: cannot write [{settings.path}]: {error.strerror}"]) from error
    return output, output.close
