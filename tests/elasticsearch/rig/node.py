"""Starts and stops a real node, and talks REST to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.elasticsearch.rig.home import java_options, template
from tests.elasticsearch.rig.maven import jdk_for
from tests.elasticsearch.rig.ports import free_port

START_SECONDS = 180.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.25
PASSWORD = "changeme"

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
_SETTINGS = {
    "network.host": "127.0.0.1",
    "discovery.type": "single-node",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "xpack.license.self_generated.type": "trial",
    "xpack.security.enabled": "true",
    "xpack.security.http.ssl.enabled": "false",
    "xpack.security.autoconfiguration.enabled": "false",
}


@dataclass
class Node:
    """One node of its own cluster; ``name`` is the cluster's name too. Ports are chosen by the kernel."""

    name: str
    version: str
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    http_port: int = field(default_factory=free_port)
    transport_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the JVM; returns at once. ``wait`` says when it is ready."""
        home = template(self.version)
        config = self.folder / "config"
        for name in ("config", "data", "logs", "plugins"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("lib", "modules"):
            if not (self.folder / name).exists():
                (self.folder / name).symlink_to(home / name)
        own = {
            "cluster.name": self.name,
            "node.name": self.name,
            "http.port": str(self.http_port),
            "transport.port": str(self.transport_port),
        }
        (config / "log4j2.properties").write_text(_LOGGING)
        (config / "elasticsearch.yml").write_text(_lines({**_SETTINGS, **own, **self.settings}, ": "))
        (config / "secure.properties").write_text(_lines({"bootstrap.password": PASSWORD, **self.secrets}, "="))
        for file in self.files:
            shutil.copy(file, config)
        java = str(jdk_for(self.version) / "java")
        options = [f"-Des.path.home={self.folder}", f"-Des.path.conf={config}", *java_options(self.version)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [java, "-Xms512m", "-Xmx1g", "-XX:TieredStopAtLevel=4", *options, "StartNode", str(self.folder)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Returns when the cluster answers; raises with the end of the log when it does not come up."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    if client.get("/_cluster/health", params={"wait_for_status": "yellow", "timeout": "30s"}).is_success:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(POLL_SECONDS)
        raise RuntimeError(f"{self.name} did not come up:\n{(self.folder / 'log').read_text()[-4000:]}")

    def client(self, user: str = "elastic", password: str = PASSWORD) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=(user, password), timeout=60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def rest(self, method: str, path: str, body: Any = None, user: str = "elastic", password: str = PASSWORD) -> Any:
        """The JSON of a call that must succeed."""
        with self.client(user, password) as client:
            answer = client.request(method, path, json=body)
        if not answer.is_success:
            raise AssertionError(f"{method} {path} on {self.name}: {answer.status_code} {answer.text[:2000]}")
        return answer.json()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)


def _lines(values: Mapping[str, str], separator: str) -> str:
    return "".join(f"{key}{separator}{value}\n" for key, value in values.items())
