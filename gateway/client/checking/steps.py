"""What a step of a check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """``text`` is a sentence or two for a person. ``fault`` names what is wrong for a program, and ``mend`` says what to do about it."""

    name: str
    status: Status
    text: str
    fault: str | None = None
    mend: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts in JSON, by name."""

    def to_json(self) -> dict[str, Any]:
        wrong = {} if self.fault is None else {"fault": self.fault, "mend": self.mend}
        return {"step": self.name, "status": self.status.value, "text": self.text, **wrong, **self.details}


@dataclass(eq=False)
class FaultError(Exception):
    """A step cannot be taken."""

    fault: str
    text: str
    mend: str
    details: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, status: Status = Status.FAULT) -> Step:
        return Step(name, status, self.text, self.fault, self.mend, self.details)


@dataclass(frozen=True, slots=True)
class Found:
    """What a step that holds tells; ``warnings``: what is odd about it, with the mend of each."""

    text: str
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[FaultError, ...] = ()
