"""Side by side performance of the gateway's in-memory cluster and of a real 8.19.21 remote behind the same local node.

It asserts no times: machines differ. The table says how the two stand to each other in this run. With ``relay`` as its first argument it
is the relay that is measured, without nodes: see ``tests.bench.relay``; with ``nodes`` the relay between two of them: see
``tests.bench.nodes``; with ``native`` the native protocol, without nodes: see ``tests.bench.native``; with ``soak`` whether the relay stays
as it is under load: see ``tests.bench.soak``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.demo.documents import DemoIndex
from tests.bench import native
from tests.bench.measuring import Bench, Figure
from tests.bench.nodes import bench as nodes
from tests.bench.profiling import profile
from tests.bench.relay import bench as relay
from tests.bench.searches import documents, searches
from tests.bench.sides import ALIASES, load_gateway, load_real, wait_reconnected
from tests.bench.soak import soak
from tests.elasticsearch.rig import clusters as rig
from tests.elasticsearch.rig.maven import NEWEST_9

PROFILE_ROUNDS = 200


def main() -> None:
    for name, other in (("relay", relay), ("nodes", nodes), ("native", native), ("soak", soak)):
        if sys.argv[1:2] == [name]:
            other.main(sys.argv[2:])
            return
    options = _options()
    index = documents(options.documents)
    made = searches(index)
    if options.profile:
        print(profile(index, made, PROFILE_ROUNDS))
        return
    report: dict[str, Any] = {
        "documents": len(index.documents),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load_before": os.getloadavg(),
        "locals": {},
    }
    with (
        tempfile.TemporaryDirectory(prefix="rcgateway-bench-") as folder,
        contextmanager(rig.start)(Path(folder), tuple(options.versions)) as clusters,
    ):
        report["loading"] = _loading(clusters, index)
        for version, local in clusters.locals.items():
            for alias in ALIASES.values():
                wait_reconnected(local, alias)
            bench = Bench.of(clusters, local, made)
            bench.check()
            bench.warm_up(options.warm_up)
            # What the client's own process takes is taken from what it measures.
            before, began = time.process_time(), time.perf_counter()
            figures = [bench.measure(search.name, clients, options.requests) for clients in options.clients for search in made]
            share = (time.process_time() - before) / (time.perf_counter() - began)
            report["locals"][version] = {"figures": [each.to_json() for each in figures], "client_cores": share}
            print(_table(version, figures))
    report["load_after"] = os.getloadavg()
    print(_summary(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _loading(clusters: rig.Clusters, index: DemoIndex) -> dict[str, Any]:
    real, gateway = load_real(clusters, index), load_gateway(clusters, index)
    return {
        "gateway": {"seconds": gateway.seconds, "memory_mb": gateway.memory},
        "real": {"seconds": real.seconds, "memory_mb": real.memory},
        "gateway/real": {"seconds": gateway.seconds / real.seconds, "memory_mb": gateway.memory / real.memory},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--documents", type=_positive, default=100_000, help="how many log documents (%(default)s)")
    parser.add_argument("--requests", type=_positive, default=1000, help="per search, side and number of clients (%(default)s)")
    parser.add_argument("--clients", type=_list(_positive), default=[1, 16], help="numbers of clients (1,16)")
    parser.add_argument("--warm-up", type=_positive, default=4000, help="requests per search and side beforehand (%(default)s)")
    parser.add_argument("--versions", type=_list(str), default=[NEWEST_9], help=f"releases of the local node ({NEWEST_9})")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    parser.add_argument("--profile", action="store_true", help="no nodes: profile the searches in the gateway's engine instead")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _list(of: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    return lambda text: [of(part) for part in text.split(",")]


def _table(version: str, figures: list[Figure]) -> str:
    lines = [
        f"local node {version}; milliseconds as the client sees them (CPU: per search; inside: by the gateway's own log)",
        f"{'search':22} {'clients':>7} | {'median':>25} | {'99th percentile':>25} |"
        f" {'searches/s':>15} | {'CPU of remote':>13} | {'inside':>13}",
        f"{'':22} {'':>7} | {'gateway':>8} {'real':>8} {'ratio':>7} | {'gateway':>8} {'real':>8} {'ratio':>7} |"
        f" {'gateway':>7} {'real':>7} | {'gw':>6} {'real':>6} | {'median':>6} {'99th':>6}",
    ]
    for figure in (each.to_json() for each in figures):
        gateway, real, ratio = figure["gateway"], figure["real"], figure["gateway/real"]
        cells = [f"{gateway[name]:8.2f} {real[name]:8.2f} {ratio[name]:7.2f}" for name in ("median_ms", "p99_ms")]
        inside = f"{gateway.get('inside_median_ms', 0):6.2f} {gateway.get('inside_p99_ms', 0):6.2f}"
        rates = f"{gateway['per_second']:7.0f} {real['per_second']:7.0f}"
        cpu = f"{gateway['cpu_ms']:6.2f} {real['cpu_ms']:6.2f}"
        lines.append(f"{figure['search']:22} {figure['clients']:7} | {cells[0]} | {cells[1]} | {rates} | {cpu} | {inside}")
    return "\n".join(lines)


def _summary(report: dict[str, Any]) -> str:
    lines = []
    for name, unit in (("seconds", "s"), ("memory_mb", "MB")):
        gateway, real, ratio = (report["loading"][who][name] for who in ("gateway", "real", "gateway/real"))
        lines.append(
            f"loading {report['documents']} documents: gateway {gateway:.1f} {unit}, real {real:.1f} {unit}, ratio {ratio:.2f}"
        )
    shares = ", ".join(f"{entry['client_cores']:.2f}" for entry in report["locals"].values())
    before, after = report["load_before"][0], report["load_after"][0]
    lines.append(f"{report['machine']}; load average before {before:.1f}, after {after:.1f}; the client took {shares} cores")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
