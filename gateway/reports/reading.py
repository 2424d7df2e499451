"""Audit events out of files as the gateway writes them, or the lines of its log: one JSON object a line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.audit.events import DATASET

Event = Mapping[str, Any]

MAX_DEPTH = 8


def lines_of(path: Path) -> Iterator[str]:
    """Raises OSError. A file whose name ends in .gz is decompressed."""
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
        for line in file:
            yield line.decode("utf-8", "replace")


def events_of(lines: Iterable[str]) -> Iterator[Event]:
    """The audit events among some lines, by dotted names, as they are or nested as another program may have made them."""
    for line in lines:
        if not line.lstrip().startswith("{"):
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        event = dict(_flat(value, "", 0))
        if event.get("event.dataset") == DATASET:
            yield event


def _flat(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict) and depth < MAX_DEPTH:
            yield from _flat(item, f"{prefix}{name}.", depth + 1)
        else:
            yield prefix + name, item


def texts(event: Event, name: str) -> list[str]:
    """A field that holds names."""
    value = event.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text(event: Event, name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None
