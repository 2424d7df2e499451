"""Who is at the other end of a connection."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

_numbers = itertools.count(1)


def number_connections(first: int, step: int) -> None:
    """Number this process's connections so that no other worker has the same numbers."""
    global _numbers
    _numbers = itertools.count(first, step)


@dataclass(slots=True)
class Peer:
    """What the log lines of a connection say. Connections are numbered in the order in which they were accepted."""

    interface: str
    address: str
    port: int
    certificate_subject: str | None = None
    version: str | None = None
    release: str | None = None
    connection: int = field(default_factory=lambda: next(_numbers))
