"""What is measured, in rounds in which the sides take turns, and the table of it.

A **ratio** is that of two blocks of the same round, so that what drifts on the machine falls on both; of the rounds' ratios the median is
told. Latencies are as a client of the local node's REST interface sees them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.demo.documents import DemoIndex
from tests.bench import haproxy
from tests.bench.load import Client, Samples, request_bytes, run
from tests.bench.measuring import percentile
from tests.bench.nodes.sides import DIRECT, MODELS, Rig, Side, start
from tests.bench.relay.load import Usage
from tests.bench.searches import INDEX, documents, searches
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.node import PASSWORD

SIZES = {"1 hit": 1, "10 hits": 10, "100 hits": 100, "1000 hits": 1000}
AGGREGATION = "terms > avg"
ENOUGH = 1_000_000_000
"""Requests of a block, which ends by its time."""
WARM_UP_CLIENTS = 8
FIGURES: dict[str, Callable[[Samples], float]] = {
    "p50_ms": lambda block: statistics.median(block.latencies) * 1e3,
    "p95_ms": lambda block: percentile(block.latencies, 95) * 1e3,
    "p99_ms": lambda block: percentile(block.latencies, 99) * 1e3,
    "per_second": lambda block: len(block.latencies) / block.seconds,
}


@dataclass(frozen=True, slots=True)
class Search:
    """``requests`` by side; ``answer`` is the size of the first answer in bytes, as JSON."""

    name: str
    requests: dict[str, list[bytes]]
    answer: int


@dataclass(frozen=True, slots=True)
class Block:
    samples: Samples
    cpu: Usage | None
    """Of the process in between."""

    def per_thousand(self) -> float | None:
        """Seconds of that process for 1,000 searches."""
        return None if self.cpu is None else self.cpu.running / len(self.samples.latencies) * 1000


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    if haproxy.find() is None:
        print(haproxy.MISSING, file=sys.stderr)
    index = documents(options.documents)
    with tempfile.TemporaryDirectory(prefix="rcgateway-bench-") as folder, start(Path(folder), options.model, index) as rig:
        made = [each for each in _searches(rig, index) if options.only in each.name]
        for _ in range(2):
            for search in made:
                _warm_up(rig, search, options.warm_up / 2 / len(made))
        before, load = time.process_time(), os.getloadavg()[0]
        results = [
            _measured(rig, search, clients, options.rounds, options.seconds) for clients in options.clients for search in made
        ]
        client = time.process_time() - before
    report = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "model": options.model,
        "documents": options.documents,
        "load": load,
        "client_cores": client / (len(results) * len(rig.sides) * options.rounds * options.seconds),
        "results": results,
    }
    print(_table(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench nodes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time")
    parser.add_argument("--model", choices=MODELS, default=MODELS[0], help="by which both sides let in (%(default)s)")
    parser.add_argument("--clients", default="1,8,64", help="numbers of clients (%(default)s)")
    parser.add_argument("--rounds", type=int, help="blocks of each side, search and number of clients")
    parser.add_argument("--seconds", type=float, help="of a block")
    parser.add_argument("--warm-up", type=float, help="seconds beforehand, for all sides and searches")
    parser.add_argument("--documents", type=int, default=20_000, help="in the index that is searched (%(default)s)")
    parser.add_argument("--only", default="", help="only searches with this in their name")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args(arguments)
    options.clients = [int(part) for part in options.clients.split(",")]
    for name, whole, quick in (("rounds", 5, 3), ("seconds", 0.7, 0.25), ("warm_up", 40.0, 10.0)):
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else whole)
    return options


def _searches(rig: Rig, index: DemoIndex) -> list[Search]:
    """Raises RuntimeError where the answers of two sides are not the same: then it is not the same work that is measured."""
    by_name = {each.name: each.bodies for each in searches(index)}
    bodies = {name: [{**body, "size": size} for body in by_name["match"]] for name, size in SIZES.items()}
    bodies[AGGREGATION] = list(by_name[AGGREGATION])
    client = Client(rig.local.http_port)
    made: list[Search] = []
    for name, variants in bodies.items():
        # The remote node's request cache would answer a search of size 0 without searching.
        requests = {
            side.name: [
                request_bytes(f"/{side.name}:{INDEX}/_search?request_cache=false", body, "elastic", PASSWORD) for body in variants
            ]
            for side in rig.sides
        }
        answers = {side: client.call(sent[0]) for side, sent in requests.items()}
        direct = normalize(json.loads(answers[DIRECT]), DIRECT)
        for side, answer in answers.items():
            if found := list(differences(direct, normalize(json.loads(answer), side))):
                raise RuntimeError(f"{name} through {side}: the answers differ:\n" + "\n".join(found[:10]))
        made.append(Search(name, requests, len(answers[DIRECT])))
    client.close()
    return made


def _warm_up(rig: Rig, search: Search, seconds: float) -> None:
    for side in rig.sides:
        run(rig.local.http_port, search.requests[side.name], WARM_UP_CLIENTS, ENOUGH, seconds / len(rig.sides))


def _measured(rig: Rig, search: Search, clients: int, rounds: int, seconds: float) -> dict[str, Any]:
    """All sides in turn, each round beginning with the next one."""
    blocks: dict[str, list[Block]] = {side.name: [] for side in rig.sides}
    for number in range(rounds):
        first = number % len(rig.sides)
        for side in (*rig.sides[first:], *rig.sides[:first]):
            blocks[side.name].append(_block(rig, side, search, clients, seconds))
    direct = blocks[DIRECT]
    return {
        "search": search.name,
        "answer_bytes": search.answer,
        "clients": clients,
        "sides": {side: _figures(of, None if side == DIRECT else direct) for side, of in blocks.items()},
    }


def _block(rig: Rig, side: Side, search: Search, clients: int, seconds: float) -> Block:
    before = None if side.process is None else Usage.of(side.process)
    samples = run(rig.local.http_port, search.requests[side.name], clients, ENOUGH, seconds)
    return Block(samples, None if side.process is None or before is None else Usage.of(side.process).since(before))


def _figures(blocks: Sequence[Block], direct: Sequence[Block] | None) -> dict[str, Any]:
    """Medians over the rounds."""
    found: dict[str, Any] = {"searches": sum(len(block.samples.latencies) for block in blocks)}
    for name, figure in FIGURES.items():
        own = [figure(block.samples) for block in blocks]
        found[name] = statistics.median(own)
        if direct is not None:
            ratios = [one / figure(other.samples) for one, other in zip(own, direct, strict=True)]
            found[f"{name}_ratio"] = statistics.median(ratios)
    cpu = [each for block in blocks if (each := block.per_thousand()) is not None]
    if cpu:
        found["cpu_per_1000"] = statistics.median(cpu)
    return found


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['machine']}; load average {report['load']:.1f}; the clients took {report['client_cores']:.2f} cores",
        f"model {report['model']} on both sides; {report['documents']} documents; medians over the rounds; x: times direct",
        "",
        f"{'search':12} {'kB':>6} {'clients':>7} {'side':8} | {'p50 ms':>8} {'x':>5} | {'p95 ms':>8} {'x':>5} |"
        f" {'p99 ms':>8} {'x':>5} | {'per s':>7} {'x':>5} | {'CPU s/1000':>10}",
    ]
    for result in report["results"]:
        for name, side in result["sides"].items():
            first = name == DIRECT
            what = (
                f"{result['search']:12} {result['answer_bytes'] / 1e3:6.1f} {result['clients']:7}"
                if first
                else f"{'':12} {'':6} {'':7}"
            )
            cells = [
                f"{side[figure]:8.2f} {_ratio(side, figure)}"
                if figure != "per_second"
                else f"{side[figure]:7.0f} {_ratio(side, figure)}"
                for figure in FIGURES
            ]
            cpu = f"{side['cpu_per_1000']:10.3f}" if "cpu_per_1000" in side else ""
            lines.append(f"{what} {name:8} | {' | '.join(cells)} | {cpu:>10}")
    return "\n".join(lines)


def _ratio(side: dict[str, Any], figure: str) -> str:
    ratio = side.get(f"{figure}_ratio")
    return f"{'':5}" if ratio is None else f"{ratio:5.2f}"
