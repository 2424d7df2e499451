"""A gateway that tells what it has in memory: ``python -m tests.bench.soak.watched FILE serve …``.

On SIGUSR1 it writes to FILE, as JSON, how many tasks there are, and how many of the objects that stand for something that must end.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import trio

from gateway.cli import main
from gateway.connection import Pump
from gateway.links.link import Link
from gateway.peer import Peer
from gateway.tasks import Running
from gateway.tls_stream import TlsStream
from protocol.client import ClientConnection
from protocol.connection import ServerConnection
from protocol.frames import Header

KINDS: dict[type[Any], str] = {
    Pump: "clients",
    Peer: "peers",
    Link: "links",
    TlsStream: "streams",
    Running: "running",
    ClientConnection: "machines",
    ServerConnection: "machines",
    Header: "headers",
}


def _count() -> dict[str, int]:
    counts = Counter(dict.fromkeys(("tasks", "pending", "ids", *KINDS.values()), 0))
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        counts["tasks"] += 1
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    gc.collect()
    objects = gc.get_objects()
    counts["objects"] = len(objects)
    for each in objects:
        if (name := KINDS.get(type(each))) is not None:
            counts[name] += 1
        if isinstance(each, Link):
            counts["pending"] += len(each._waiting)
        elif isinstance(each, ClientConnection):
            counts["ids"] += len(each._open)
    return dict(counts)


def _tell(path: Path, _number: int, _frame: FrameType | None) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(_count()))
    fresh.replace(path)


if __name__ == "__main__":
    place = Path(sys.argv.pop(1))
    signal.signal(signal.SIGUSR1, lambda number, frame: _tell(place, number, frame))
    main()
