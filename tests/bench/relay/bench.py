"""What is measured, in turns, and the tables of it.

A side's **capacity** is what it does per second of its own core's time: it holds for one core, and what else runs on the machine hardly
touches it. That the side, and not its ends, was what limited the load shows in **busy**: the share of the time in which it had the
core or wanted it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measuring import percentile
from tests.bench.relay.load import Order, Usage
from tests.bench.relay.sides import Rig, Side, start


@dataclass(frozen=True, slots=True)
class Case:
    """``clients`` in closed loops over ``connections``, each wanting ``answer`` bytes."""

    name: str
    answer: int
    clients: int
    connections: int


CASES = (
    Case("1 kB, 1 client", 1_000, 1, 1),
    Case("1 kB, 8 clients", 1_000, 8, 8),
    Case("1 kB, 64 clients", 1_000, 64, 64),
    # A local node has 18 connections to a proxy address by default. Here several requests come at once.
    Case("1 kB, 64 on 18", 1_000, 64, 18),
    Case("100 kB, 8 clients", 100_000, 8, 8),
    Case("10 MB, 4 clients", 10_000_000, 4, 4),
)


@dataclass(slots=True)
class Sum:
    """Of all blocks of a side and case."""

    answers: int = 0
    seconds: float = 0.0
    side: Usage = field(default_factory=Usage)
    load: Usage = field(default_factory=Usage)
    upstream: Usage = field(default_factory=Usage)
    latencies: list[float] = field(default_factory=list)

    def to_json(self, case: Case) -> dict[str, float]:
        """Milliseconds, MB, seconds."""
        capacity = self.answers / self.side.running
        return {
            "answers": self.answers,
            "per_second": self.answers / self.seconds,
            "capacity_per_second": capacity,
            "capacity_mb_per_second": capacity * case.answer / 1e6,
            "cpu_per_1000": 1000 / capacity,
            "p50_ms": percentile(self.latencies, 50) * 1e3,
            "p95_ms": percentile(self.latencies, 95) * 1e3,
            "p99_ms": percentile(self.latencies, 99) * 1e3,
            "busy": (self.side.running + self.side.waiting) / self.seconds,
            "load_cores": self.load.running / self.seconds,
            "upstream_cores": self.upstream.running / self.seconds,
        }


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="rcgateway-bench-") as folder, start(Path(folder), options.idle + 100) as rig:
        cases = {case: _measure(rig, options.rounds, options.seconds, case) for case in CASES if options.only in case.name}
        memory = {side.name: _memory(rig, side, options.idle) for side in rig.sides} if options.idle else {}
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "load": os.getloadavg()[0],
        "cases": {case.name: {name: total.to_json(case) for name, total in sums.items()} for case, sums in cases.items()},
        "idle_connections": options.idle,
        "idle_kb": memory,
    }
    print(_tables(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench relay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, and few idle connections")
    parser.add_argument("--rounds", type=int, help="blocks of each side per case")
    parser.add_argument("--seconds", type=float, help="of a block")
    parser.add_argument("--idle", type=int, help="connections that are kept open to see what memory each takes; 0: none")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args(arguments)
    for name, whole, quick in (("rounds", 3, 2), ("seconds", 1.0, 0.4), ("idle", 2000, 200)):
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else whole)
    return options


def _measure(rig: Rig, rounds: int, seconds: float, case: Case) -> dict[str, Sum]:
    """Blocks of all sides in turn, then in the other order, and so on."""
    sums = {side.name: Sum() for side in rig.sides}
    for number in range(rounds):
        for side in rig.sides if number % 2 == 0 else reversed(rig.sides):
            order = Order(side.port, side.process, case.answer, case.clients, case.connections, seconds)
            before = Usage.of(rig.upstream)
            block = rig.loader.run(order)
            total = sums[side.name]
            total.answers += block.answers
            total.seconds += block.seconds
            total.side += Usage(**block.side)
            total.load += Usage(**block.load)
            total.upstream += Usage.of(rig.upstream).since(before)
            total.latencies += block.latencies
    return sums


def _memory(rig: Rig, side: Side, connections: int) -> float:
    """kB for each connection that has made a request and is idle since."""
    # Whatever the first connections bring along for all.
    rig.loader.run(Order(side.port, side.process, 1000, 1, 50, 0))
    before = side.resident()
    rig.loader.run(Order(side.port, side.process, 1000, 1, connections, 0))
    grown = side.resident() - before
    rig.loader.run(Order(side.port, side.process, 1000, 1, 1, 0))
    return grown / connections / 1e3


def _tables(report: dict[str, Any]) -> str:
    lines = [f"{report['machine']}; load average {report['load']:.1f}", ""]
    lines.append(
        f"{'':18} {'':8} {'answers/s':>10} {'MB/s':>8} {'CPU s':>7} {'of':>6} {'of':>8} | {'p50':>8} {'p95':>8} {'p99':>8} |"
        f" {'as run':>8} {'busy':>5} {'load':>5} {'upstr.':>6}"
    )
    lines.append(
        f"{'':18} {'':8} {'per core':>10} {'per core':>8} {'/1000':>7} {'floor':>6} {'haproxy':>8} | {'ms':>8} {'ms':>8} {'ms':>8} |"
        f" {'per s':>8} {'':>5} {'cores':>5} {'cores':>6}"
    )
    for case, sides in report["cases"].items():
        for name, one in sides.items():
            ratios = [
                f"{one['capacity_per_second'] / sides[other]['capacity_per_second']:.2f}" if other in sides else "-"
                for other in ("floor", "haproxy")
            ]
            lines.append(
                f"{case if name == 'gateway' else '':18} {name:8} {one['capacity_per_second']:10.0f}"
                f" {one['capacity_mb_per_second']:8.1f} {one['cpu_per_1000']:7.3f} {ratios[0]:>6} {ratios[1]:>8} |"
                f" {one['p50_ms']:8.2f} {one['p95_ms']:8.2f} {one['p99_ms']:8.2f} |"
                f" {one['per_second']:8.0f} {one['busy']:5.2f} {one['load_cores']:5.2f} {one['upstream_cores']:6.2f}"
            )
    if report["idle_kb"]:
        each = ", ".join(f"{name} {size:.1f} kB" for name, size in report["idle_kb"].items())
        lines += ["", f"memory of each of {report['idle_connections']} idle connections: {each}"]
    return "\n".join(lines)
