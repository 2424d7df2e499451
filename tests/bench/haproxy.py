"""HAProxy, which ends TLS and begins it again, as the gateway does: what else people put in front of a cluster."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from tests.elasticsearch.rig.ports import free_port

START_SECONDS = 20.0
MISSING = "haproxy is not here (a package of Debian), so it is left out"
_CONFIG = """\
global
    nbthread 1
    maxconn {most}
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
frontend in
    bind 127.0.0.1:{port} ssl crt {server}{clients}
    default_backend out
backend out
    server up 127.0.0.1:{upstream} ssl verify required ca-file {authority} verifyhost localhost sni str(localhost){client}
"""


def find() -> str | None:
    """The program, if there is one."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


def start(
    closing: ExitStack, program: str, folder: Path, upstream: int, max_connections: int, *, mutual: bool = False
) -> tuple[subprocess.Popen[bytes], int]:
    """The process, until ``closing`` closes, and its port. ``folder`` has ``ca.crt`` and ``server.pem``, certificate and key; ``mutual``:
    clients must show a certificate, and it shows ``client.pem`` to the upstream, a port of this machine."""
    port = free_port()
    authority = folder / "ca.crt"
    config = folder / "haproxy.cfg"
    config.write_text(
        _CONFIG.format(
            most=max_connections,
            port=port,
            server=folder / "server.pem",
            clients=f" ca-file {authority} verify required" if mutual else "",
            upstream=upstream,
            authority=authority,
            client=f" crt {folder / 'client.pem'}" if mutual else "",
        )
    )
    process = subprocess.Popen([program, "-db", "-f", str(config)], stdin=subprocess.DEVNULL)
    closing.callback(process.wait)
    closing.callback(process.kill)
    _wait_listening(process, port)
    return process, port


def _wait_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """By Linux's table of sockets: a connection made to try would be one of those that are measured."""
    wanted, deadline = f":{port:04X} 00000000:0000 0A", time.monotonic() + START_SECONDS
    while wanted not in Path("/proc/net/tcp").read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("haproxy did not come up")
        time.sleep(0.05)
