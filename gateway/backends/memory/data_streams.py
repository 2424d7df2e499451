"""Data streams of the in-memory cluster: a name for backing indices, which hold documents of one kind in the order of their time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

BACKING_PREFIX: Final = ".ds-"
FAILURE_PREFIX: Final = ".fs-"
TIMESTAMP_FIELD: Final = "@timestamp"


@dataclass(frozen=True, slots=True)
class DataStream:
    """``indices`` and ``failure_indices`` are names, oldest first; documents are written to the last. ``aliases`` maps each alias to its
    properties, of which only ``filter`` means anything here."""

    name: str
    indices: tuple[str, ...]
    failure_indices: tuple[str, ...] = ()
    aliases: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    hidden: bool = False

    @property
    def write_index(self) -> str:
        return self.indices[-1]


def backing_index(stream: str, generation: int, created: date, *, failures: bool = False) -> str:
    """``.ds-logs-2026.11.01-000001``, or ``.fs-…`` in the failure store: the name that Elasticsearch gives."""
    prefix = FAILURE_PREFIX if failures else BACKING_PREFIX
    return f"{prefix}{stream}-{created:%Y.%m.%d}-{generation:06}"
