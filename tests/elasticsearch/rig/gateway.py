"""Runs the gateway as its users do: the command, a settings file, the ready file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass
class Gateway:
    """One gateway process. ``settings`` are flat names of gateway.yml; ports that are 0 are the kernel's choice."""

    folder: Path
    settings: dict[str, Any]
    interfaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    program: tuple[str, ...] = ("gateway",)
    """The module that runs as the gateway, with arguments before its own."""

    @property
    def config(self) -> Path:
        return self.folder / "gateway.yml"

    @property
    def log(self) -> Path:
        return self.folder / "gateway.log"

    def port(self, interface: str) -> int:
        port: int = self.interfaces[interface]["port"]
        return port

    def write_config(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # YAML is a superset of JSON.
        self.config.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in self.settings.items()))

    def command(self, *arguments: str) -> str:
        """What ``rcgateway ARGUMENTS --config …`` prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"rcgateway {' '.join(arguments)} failed: {done.stderr}")
        return done.stdout

    def create_key(self, name: str, access: dict[str, Any], *options: str) -> dict[str, Any]:
        created: dict[str, Any] = json.loads(self.command("keys", "create", name, "--access", json.dumps(access), *options))
        return created

    def start(self) -> None:
        """Returns when all interfaces are open."""
        self.write_config()
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-m",
                    *self.program,
                    "serve",
                    "--config",
                    str(self.config),
                    "--ready-file",
                    str(ready),
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the gateway did not come up:\n{self.log.read_text()[-4000:]}")
            time.sleep(POLL_SECONDS)
        self.interfaces = json.loads(ready.read_text())["interfaces"]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            raise
