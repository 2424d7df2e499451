"""What tests of gateways that are processes of their own have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from certs.files import certificates_to_pem, key_to_pem
from certs.issue import Identity

POLL_SECONDS = 0.05


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
