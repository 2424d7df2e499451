"""The rounds, what is looked at in each, and the verdict."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from certs.files import identity_files, write_new
from certs.issue import make_ca, make_server
from tests.bench.relay.load import Block, Order
from tests.bench.relay.traffic import ACCESS
from tests.bench.soak.churn import SMALL, Churn
from tests.elasticsearch.rig.gateway import Gateway
from tests.gateway.processes import descriptors, eventually, resident

OWN_KEY = "Z2F0ZXdheTpub3QtYS1zZWNyZXQtb2YtYW55b25l"
"""The gateway's own key, which the upstream that is played does not look at."""
ROUNDS = 20
SAMPLE_SECONDS = 0.5
QUIET_SECONDS = 30.0
NICENESS = 10
READY = 6
NOTHING = ("clients", "pending", "running", "ids")
"""What must not be there at all when there are no clients."""
FLAT = {
    "memory": (1.05, 4e6),
    "quiet_memory": (1.05, 4e6),
    "files": (1.0, 24),
    "tasks": (1.0, 64),
    "links": (1.0, 16),
    "objects": (1.03, 3000),
}
"""How much more the last fifth of the rounds may have than the second: a factor, and so much. More links than READY may be open, up to
sixteen, when many clients have come at once; each has a file and some tasks."""


@dataclass(frozen=True, slots=True)
class Options:
    """``clients`` in closed loops over half as many connections; ``churning`` clients come and go at a time."""

    minutes: float
    clients: int
    churning: int
    rounds: int = ROUNDS


@dataclass(slots=True)
class Round:
    """``memory`` in bytes, the median under load; the rest when all clients are gone."""

    seconds: float
    answers: int
    came: int
    memory: float
    quiet_memory: int
    files: int
    counts: dict[str, int]

    def value(self, name: str) -> float:
        return float(self.counts[name] if name in self.counts else getattr(self, name))


@dataclass(slots=True)
class Report:
    rounds: list[Round]
    came: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Why it is not flat, if it is not."""
        found = list(self.failures)
        fifth = max(len(self.rounds) // 5, 1)
        second, last = self.rounds[fifth : 2 * fifth], self.rounds[-fifth:]
        for name, (factor, more) in FLAT.items():
            before, after = (median(each.value(name) for each in part) for part in (second, last))
            if after > before * factor + more:
                found.append(f"{name} has grown from {before:.0f} to {after:.0f}")
        for number, each in enumerate(self.rounds):
            found += [f"after round {number} there is {name}: {each.value(name):.0f}" for name in NOTHING if each.value(name)]
        return found


@dataclass(slots=True)
class Rig:
    gateway: Gateway
    churn: Churn
    load: subprocess.Popen[bytes]
    counts: Path

    @property
    def pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    def round(self, options: Options, seconds: float) -> Round:
        began, came = time.monotonic(), self.churn.came.total()
        self.churn.start()
        order = Order(self.churn.port, self.pid, SMALL, options.clients, max(options.clients // 2, 1), seconds)
        assert self.load.stdin is not None
        assert self.load.stdout is not None
        self.load.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self.load.stdin.flush()
        memory = [resident(self.pid)]
        while time.monotonic() - began < seconds:
            time.sleep(SAMPLE_SECONDS)
            memory.append(resident(self.pid))
        line = self.load.stdout.readline()
        if not line:
            raise RuntimeError("the load has failed; what it says is above")
        self.churn.stop()
        took = time.monotonic() - began
        counts = self.quiet()
        return Round(
            seconds=took,
            answers=Block(**json.loads(line)).answers,
            came=self.churn.came.total() - came,
            memory=median(memory),
            quiet_memory=resident(self.pid),
            files=len(descriptors(self.pid)),
            counts=counts,
        )

    def quiet(self) -> dict[str, int]:
        """What there is when the gateway has seen that all clients are gone; or what stays."""
        deadline = time.monotonic() + QUIET_SECONDS
        while True:
            counts = self._count()
            if not any(counts[name] for name in NOTHING) or time.monotonic() > deadline:
                return counts
            time.sleep(SAMPLE_SECONDS)

    def _count(self) -> dict[str, int]:
        self.counts.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        eventually(self.counts.exists, QUIET_SECONDS)
        counts: dict[str, int] = json.loads(self.counts.read_text())
        return counts


def soak(options: Options) -> Report:
    with tempfile.TemporaryDirectory(prefix="rcgateway-soak-") as folder, _rig(Path(folder), options) as rig:
        rounds = [rig.round(options, options.minutes * 60 / options.rounds) for _ in range(options.rounds)]
        report = Report(rounds, rig.churn.came, rig.churn.failures)
        if rig.gateway.stop():
            report.failures.append("the gateway did not end well")
        report.failures += [line for line in rig.gateway.log.read_text().splitlines() if '"log.level":"error"' in line]
        return report


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=16, help="in closed loops (%(default)s)")
    parser.add_argument("--churning", type=int, default=9, help="clients that come and go, at a time (%(default)s)")
    given = parser.parse_args(arguments)
    os.nice(NICENESS)
    report = soak(Options(given.minutes, given.clients, given.churning))
    print(table(report))
    if report.problems():
        sys.exit(1)


def table(report: Report) -> str:
    names = ("files", "tasks", "links", "pending", "running", "ids", "objects")
    lines = [f"{'seconds':>8} {'answers':>9} {'clients':>8} {'MB':>7} {'quiet':>7} " + " ".join(f"{name:>8}" for name in names)]
    passed = 0.0
    for each in report.rounds:
        passed += each.seconds
        cells = " ".join(f"{each.value(name):8.0f}" for name in names)
        lines.append(
            f"{passed:8.0f} {each.answers:9} {each.came:8} {each.memory / 1e6:7.1f} {each.quiet_memory / 1e6:7.1f} {cells}"
        )
    kinds = ", ".join(f"{number} {name}" for name, number in sorted(report.came.items()))
    lines += ["", f"clients that came and went: {kinds}", ""]
    problems = report.problems()
    lines += problems[:20] or ["It is flat: nothing is left of any client, and the last fifth has no more than the second."]
    return "\n".join(lines)


@contextmanager
def _rig(folder: Path, options: Options) -> Iterator[Rig]:
    authority = make_ca("soak")
    server = make_server(authority, "localhost", ["localhost", "127.0.0.1"])
    write_new(identity_files(folder / "ca", authority.key, [authority.certificate]))
    write_new(identity_files(folder / "server", server.key, [server.certificate]))
    ca, certificate, key = (folder / name for name in ("ca.crt", "server.crt", "server.key"))
    with ExitStack() as closing:
        upstream = _module(closing, "soak.upstream", certificate, key)
        assert upstream.stdout is not None
        counts = folder / "counts.json"
        gateway = Gateway(folder / "gateway", _settings(int(upstream.stdout.readline()), ca, certificate, key))
        gateway.program = ("tests.bench.soak.watched", str(counts))
        gateway.write_config()
        credentials = gateway.create_key("soak", ACCESS)["encoded"]
        gateway.start()
        closing.callback(gateway.stop)
        churn = Churn(gateway.port("remote_cluster"), ca, credentials, options.churning)
        yield Rig(gateway, churn, _module(closing, "relay.load", ca, credentials), counts)


def _settings(upstream_port: int, ca: Path, certificate: Path, key: Path) -> dict[str, Any]:
    tls = "xpack.security.remote_cluster_server.ssl"
    return {
        "cluster.name": "gateway",
        "path.data": "data",
        "path.roles": "roles.yml",
        "http.port": 0,
        "remote_cluster_server.enabled": True,
        "remote_cluster.port": 0,
        f"{tls}.certificate": str(certificate),
        f"{tls}.key": str(key),
        "backend.type": "relay",
        "backend.relay.mode": "api_key",
        "backend.relay.addresses": [f"127.0.0.1:{upstream_port}"],
        "backend.relay.credentials": OWN_KEY,
        "backend.relay.connections": READY,
        "backend.relay.ssl.certificate_authorities": [str(ca)],
        "audit.output": "file",
        # Gigabytes in ten minutes.
        "audit.path": os.devnull,
        "log.level": "warn",
    }


def _module(closing: ExitStack, name: str, *arguments: Path | str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"tests.bench.{name}", *map(str, arguments)]
    process = closing.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    closing.callback(process.kill)
    return process
