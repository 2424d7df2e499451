"""What tests of gateways that are processes of their own have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import Identity

POLL_SECONDS = 0.05
ESTABLISHED = "01"
"""In Linux's table of sockets."""


def eventually(condition: Callable[[], bool], seconds: float) -> None:
    """Waits for another process, so long at most."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


def put(folder: Path, name: str, made: Identity) -> None:
    """As tools do it that renew certificates: each file is replaced as a whole."""
    for suffix, data in (("crt", certificates_to_pem([made.certificate])), ("key", key_to_pem(made.key))):
        (folder / f"{name}.new").write_bytes(data)
        (folder / f"{name}.new").replace(folder / f"{name}.{suffix}")


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> list[str]:
    """What the open files of a process are, as Linux names them."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(path.readlink()))
        except FileNotFoundError:
            continue  # closed since
    return found


def connections_to(pid: int, port: int) -> int:
    """Connections of a process to a port of this machine, by IPv4."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    to_port = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(f":{port:04X}") and row[3] == ESTABLISHED}
    return sum(each in to_port for each in descriptors(pid))
