"""The certificates of a gateway that somebody tries out: made on first start, found again later."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from certs.files import identity_files, write_new
from certs.issue import CA_DAYS, Identity, is_dns_name, load_identity, make_ca, make_client, make_server


@dataclass(frozen=True, slots=True)
class DemoCertificates:
    """PEM files. ``server`` is for both interfaces, ``client`` for the nodes of a local cluster in certificate mode."""

    ca_certificate: Path
    ca_key: Path
    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path


def ensure_demo_certificates(folder: Path) -> DemoCertificates:
    """Make what is missing in ``folder``; what is there stays as it is. Raises CertificateError."""
    ca = _ensure(folder / "ca", lambda: make_ca("rcgateway demo CA"))
    names = list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *_own_names()]))
    _ensure(folder / "server", lambda: make_server(ca, "rcgateway", names, days=CA_DAYS))
    _ensure(folder / "client", lambda: make_client(ca, "local cluster", ["localhost", "127.0.0.1"], days=CA_DAYS))
    paths = [folder / f"{name}.{suffix}" for name in ("ca", "server", "client") for suffix in ("crt", "key")]
    return DemoCertificates(*paths)


def _ensure(base: Path, make: Callable[[], Identity]) -> Identity:
    certificate, key = base.with_name(f"{base.name}.crt"), base.with_name(f"{base.name}.key")
    if not certificate.exists() and not key.exists():
        made = make()
        write_new(identity_files(base, made.key, [made.certificate, *made.issuers]))
    return load_identity(certificate, key)


def _own_names() -> list[str]:
    """The host's name, so that another machine or a container can use the gateway too."""
    name = socket.gethostname()
    return [name] if is_dns_name(name) else []
