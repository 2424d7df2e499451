"""Fuzzes each target in a process of its own, for an equal share of the time. Exits with 1 when anything was found.

Needs the dependency group ``fuzz`` (atheris; Linux on x86-64). What was found is kept: the input as a file, and how it failed.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SLOW_SECONDS = 1.0
HANG_SECONDS = 10
MEMORY_MB = 1024
ALLOCATION_MB = 256
"""One allocation of this size in answer to a few bytes is a way to exhaust a server."""

START_SECONDS = 120
"""On top of a target's time: its imports are instrumented first."""

TAIL_LINES = 40


class SlowInput(Exception):  # noqa: N818
    """An input that took too long."""


def main() -> int:
    options = _options()
    if options.child:
        _fuzz(options.child, options.libfuzzer)
    from tests.fuzz.targets import TARGETS

    names = options.targets or list(TARGETS)
    unknown = set(names) - set(TARGETS)
    if unknown:
        sys.exit(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    share = max(1, options.seconds // len(names))
    options.findings.mkdir(parents=True, exist_ok=True)
    found = [name for name in names if not _run(name, list(TARGETS[name].seeds()), share, options.findings)]
    if found:
        print(f"found something in {', '.join(found)}; the inputs are in {options.findings}")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together (%(default)s)")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="where inputs go that fail (%(default)s)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--libfuzzer", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them where none is named")
    return parser.parse_args()


def _run(name: str, seeds: list[bytes], seconds: int, findings: Path) -> bool:
    """Whether the target stood."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        libfuzzer = [
            f"-max_total_time={seconds}",
            f"-timeout={HANG_SECONDS}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-malloc_limit_mb={ALLOCATION_MB}",
            f"-artifact_prefix={findings}/{name}-",
            "-print_final_stats=1",
            folder,
        ]
        command = [sys.executable, "-m", "tests.fuzz", "--child", name, "--libfuzzer", *libfuzzer]
        began = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + START_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{name:18} did not end in time", flush=True)
            return False
    output = (done.stdout + done.stderr).splitlines()
    runs = next((line.split()[1] for line in output if line.startswith("stat::number_of_executed_units")), "?")
    covered = next((line.split("cov: ")[1].split()[0] for line in reversed(output) if "cov: " in line), "?")
    verdict = "stood" if done.returncode == 0 else "FAILED"
    print(
        f"{name:18} {verdict}: {len(seeds)} seeds, {runs} runs, coverage {covered}, {time.monotonic() - began:.0f} s", flush=True
    )
    if done.returncode:
        print("\n".join([line for line in output if not line.startswith("#")][-TAIL_LINES:]), flush=True)
    return done.returncode == 0


def _fuzz(name: str, libfuzzer: list[str]) -> None:
    """Does not return."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: uv sync --group fuzz")
    with atheris.instrument_imports(include=["protocol", "gateway"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]

    def one(data: bytes) -> None:
        began = time.process_time()
        target(data)
        if (took := time.process_time() - began) > SLOW_SECONDS:
            raise SlowInput(f"{len(data)} bytes took {took:.1f} s")

    atheris.Setup([sys.argv[0], *libfuzzer], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
