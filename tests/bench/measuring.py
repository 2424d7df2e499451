"""Measures in blocks that alternate between the sides, so that what drifts on the machine falls on both."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import Any

from tests.bench.load import Client, request_bytes, run
from tests.bench.searches import INDEX, Search
from tests.bench.sides import ALIASES, AuditLog, cpu_seconds
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.node import PASSWORD, Node

BLOCKS = 4
"""Blocks of each side per figure, in the order A B B A A B B A."""

WARM_UP_CLIENTS = 8
MAX_BLOCK_SECONDS = 30.0


@dataclass(slots=True)
class Side:
    """What one side's searches took, in seconds. ``inside``: the gateway's own account of it."""

    latencies: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    """Of the remote cluster's process."""

    def figures(self) -> dict[str, float]:
        """Milliseconds, and searches per second."""
        made = {
            "requests": len(self.latencies),
            "median_ms": statistics.median(self.latencies) * 1e3,
            "p99_ms": percentile(self.latencies, 99) * 1e3,
            "per_second": len(self.latencies) / self.seconds,
            "cpu_ms": self.cpu / len(self.latencies) * 1e3,
        }
        if self.inside:
            made |= {
                "inside_median_ms": statistics.median(self.inside) * 1e3,
                "inside_p99_ms": percentile(self.inside, 99) * 1e3,
            }
        return made


@dataclass(frozen=True, slots=True)
class Figure:
    """One search at one number of clients, on both sides."""

    search: str
    clients: int
    sides: dict[str, Side]

    def to_json(self) -> dict[str, Any]:
        gateway, real = (self.sides[name].figures() for name in ("gateway", "real"))
        ratios = {name: gateway[name] / real[name] for name in ("median_ms", "p99_ms", "per_second", "cpu_ms")}
        return {"search": self.search, "clients": self.clients, "gateway": gateway, "real": real, "gateway/real": ratios}


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that one local node is asked."""

    clusters: Clusters
    local: Node
    requests: dict[tuple[str, str], list[bytes]]
    """By search and side."""

    @classmethod
    def of(cls, clusters: Clusters, local: Node, searches: list[Search]) -> Bench:
        # The real node's request cache would answer a search of size 0 without searching.
        made = {
            (search.name, side): [
                request_bytes(f"/{alias}:{INDEX}/_search?request_cache=false", body, "elastic", PASSWORD)
                for body in search.bodies
            ]
            for search in searches
            for side, alias in ALIASES.items()
        }
        return cls(clusters, local, made)

    def check(self) -> None:
        """Both sides must give the same answers, or it is not the same work that is measured."""
        client = Client(self.local.http_port)
        for search, side in self.requests:
            if side != "gateway":
                continue
            for number, request in enumerate(self.requests[search, "gateway"]):
                ours = _comparable(client.call(request), ALIASES["gateway"])
                real = _comparable(client.call(self.requests[search, "real"][number]), ALIASES["real"])
                found = list(differences(real, ours))
                if found:
                    raise RuntimeError(f"{search} {number}: the answers differ:\n" + "\n".join(found[:10]))
        client.close()

    def warm_up(self, count: int) -> None:
        """A JVM compiles for thousands of searches: after 1200 of each kind a real node still took twice the CPU of later on."""
        for _ in range(2):
            for requests in self.requests.values():
                run(self.local.http_port, requests, WARM_UP_CLIENTS, count // 2, MAX_BLOCK_SECONDS)

    def measure(self, search: str, clients: int, count: int) -> Figure:
        """``count`` requests for each side."""
        sides = {name: Side() for name in ALIASES}
        order = [name for block in range(BLOCKS) for name in (list(ALIASES) if block % 2 == 0 else list(ALIASES)[::-1])]
        audit = AuditLog(self.clusters.gateway)
        processes = {"gateway": self.clusters.gateway.process, "real": self.clusters.remote.process}
        for name in order:
            before = cpu_seconds(processes[name])
            samples = run(self.local.http_port, self.requests[search, name], clients, max(count // BLOCKS, 1), MAX_BLOCK_SECONDS)
            side = sides[name]
            side.latencies += samples.latencies
            side.seconds += samples.seconds
            side.cpu += cpu_seconds(processes[name]) - before
            if name == "gateway":
                side.inside += audit.durations()
        return Figure(search, clients, sides)


def _comparable(answer: bytes, alias: str) -> Any:
    """The answer without which documents they are: hits of equal score come in the order of a segment, which merges change."""
    body = normalize(json.loads(answer), alias)
    for hit in body["hits"]["hits"]:
        del hit["_id"], hit["_source"]
    return body


def percentile(values: list[float], rank: int) -> float:
    """The smallest value that ``rank`` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * rank // 100) - 1))]
