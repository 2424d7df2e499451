"""What the gateway shows to the upstream, and what it wants to be shown: its key, its certificate, the authorities. Read from files, and
read again when they change."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config import ConfigError
from gateway.configuration.model import RelaySettings
from gateway.tls import client_context
from protocol.errors import WireError
from protocol.security import ApiKeyCredentials

PREFIX = "backend.relay"


@dataclass(frozen=True, slots=True)
class Trust:
    """``credentials``: the gateway's own encoded key, for an upstream in API key mode; ``None`` in certificate mode. ``tls`` differs where
    anything does that ``context`` was made of."""

    credentials: str | None = field(repr=False)
    context: ssl.SSLContext
    tls: bytes

    @classmethod
    def load(cls, settings: RelaySettings) -> Trust:
        """Raises ConfigError with each problem, which names its setting."""
        problems: list[str] = []
        credentials: str | None = None
        context: ssl.SSLContext | None = None
        try:
            credentials = _credentials(settings)
        except ConfigError as error:
            problems += error.problems
        # The files are looked at before they are used: a change in between is seen the next time.
        tls = _digest(settings)
        try:
            context = _context(settings)
        except ConfigError as error:
            problems += error.problems
        if problems or context is None:
            raise ConfigError(problems)
        return cls(credentials, context, tls)


def tls_files(settings: RelaySettings) -> list[Path]:
    """The files of ``backend.relay.ssl``."""
    options = settings.ssl
    return [path for path in (options.certificate, options.key, *options.certificate_authorities) if path is not None]


def _digest(settings: RelaySettings) -> bytes:
    digest = hashlib.sha256(repr(settings.ssl).encode())
    for path in tls_files(settings):
        try:
            content = path.read_bytes()
        except OSError:
            content = b""  # what is wrong with it is told where it is used
        digest.update(len(content).to_bytes(8))
        digest.update(content)
    return digest.digest()


def _credentials(settings: RelaySettings) -> str | None:
    inline, file = settings.credentials, settings.credentials_file
    if settings.mode != "api_key":
        given = [name for name, value in (("credentials", inline), ("credentials_file", file)) if value is not None]
        if given:
            raise ConfigError([f"setting [{PREFIX}.{given[0]}] is of no use with [{PREFIX}.mode: {settings.mode}]"])
        return None
    if inline is not None and file is not None:
        raise ConfigError([f"settings [{PREFIX}.credentials] and [{PREFIX}.credentials_file] exclude each other"])
    if inline is None and file is None:
        raise ConfigError(
            [f"setting [{PREFIX}.credentials] or [{PREFIX}.credentials_file] is required with [{PREFIX}.mode: api_key]"]
        )
    name = f"{PREFIX}.credentials" if file is None else f"{PREFIX}.credentials_file"
    place = "" if file is None else f"[{file}]: "
    try:
        text = (inline.get_secret_value() if inline is not None else "") if file is None else file.read_text()
    except OSError as error:
        raise ConfigError([f"setting [{name}]: cannot read [{file}]: {error.strerror}"]) from error
    except UnicodeDecodeError:
        raise ConfigError([f"setting [{name}]: {place}is not text"]) from None
    text = text.strip()
    try:
        ApiKeyCredentials.decode(f"ApiKey {text}")
    except WireError:
        # Not the error's own words, which might show the secret.
        raise ConfigError([f"setting [{name}]: {place}is not an encoded API key, which is base64 of [id:key]"]) from None
    return text


def _context(settings: RelaySettings) -> ssl.SSLContext:
    if settings.mode == "certificate" and settings.ssl.certificate is None:
        raise ConfigError([f"setting [{PREFIX}.ssl.certificate] is required with [{PREFIX}.mode: certificate]"])
    return client_context(settings.ssl, f"{PREFIX}.ssl")
