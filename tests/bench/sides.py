"""The two remote clusters that are measured: loading them, and reading what the gateway itself says about its time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.documents import DemoIndex, bulk, write
from protocol.messages.search_request import SEARCH
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.gateway import Gateway
from tests.elasticsearch.rig.node import Node

BULK_DOCUMENTS = 5000
RECONNECT_SECONDS, POLL_SECONDS = 60.0, 0.2
ALIASES = {"gateway": "gw_key_proxy", "real": "real_key_proxy"}


@dataclass(frozen=True, slots=True)
class Loading:
    """Seconds until searches can be answered, and the resident memory of the process then, in MB."""

    seconds: float
    memory: float


def load_gateway(clusters: Clusters, index: DemoIndex) -> Loading:
    """Restart the gateway over that index alone: from the start of the process until it is ready."""
    gateway = clusters.gateway
    gateway.stop()
    shutil.rmtree(gateway.folder / "documents")
    write(gateway.folder / "documents", [index])
    began = time.perf_counter()
    gateway.start()
    seconds = time.perf_counter() - began
    assert gateway.process is not None
    return Loading(seconds, _resident(gateway.process.pid))


def load_real(clusters: Clusters, index: DemoIndex) -> Loading:
    """Bulk calls, a forced merge to one segment and a refresh, on a node that has been up and has indexed before."""
    node = clusters.remote
    node.rest("DELETE", f"/{index.name}")
    seconds = put(node, index)
    assert node.process is not None
    return Loading(seconds, _resident(node.process.pid))


def put(node: Node, index: DemoIndex) -> float:
    """The same without asking for memory; seconds."""
    bodies = [bulk(part).encode() for part in _parts(index)]
    began = time.perf_counter()
    node.rest("PUT", f"/{index.name}", index.body)
    with node.client() as client:
        for body in bodies:
            answer = client.post("/_bulk", content=body, headers={"Content-Type": "application/x-ndjson"})
            if not answer.is_success or answer.json()["errors"]:
                raise RuntimeError(f"bulk failed: {answer.text[:2000]}")
    node.rest("POST", f"/{index.name}/_forcemerge?max_num_segments=1")
    node.rest("POST", f"/{index.name}/_refresh")
    return time.perf_counter() - began


def wait_reconnected(local: Node, alias: str) -> None:
    """Until a search comes through. A local node tries by itself once; after that it connects when it is asked for something."""
    deadline = time.monotonic() + RECONNECT_SECONDS
    with local.client() as client:
        while not (answer := client.get(f"/{alias}:*/_search", params={"size": 0})).is_success:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{local.name} does not reach {alias}: {answer.text[:2000]}")
            time.sleep(POLL_SECONDS)


class AuditLog:
    """What a gateway logs of its searches from now on."""

    def __init__(self, gateway: Gateway) -> None:
        self._path: Path = gateway.log
        self._position = self._path.stat().st_size

    def durations(self) -> list[float]:
        """Seconds within the gateway of each search that was logged since the last call: from the whole request to the whole answer."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        events = (json.loads(line) for line in whole.splitlines() if line.startswith(b"{"))
        return [
            event["event.duration"] / 1e9
            for event in events
            if event.get("rcgateway.action") == SEARCH and event.get("event.outcome") == "success"
        ]


def _parts(index: DemoIndex) -> Iterator[DemoIndex]:
    for start in range(0, len(index.documents), BULK_DOCUMENTS):
        yield DemoIndex(index.name, index.body, index.documents[start : start + BULK_DOCUMENTS])


def cpu_seconds(process: subprocess.Popen[bytes] | None) -> float:
    """What a process has used of all cores, by Linux's count."""
    assert process is not None
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """MB, from Linux's /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
