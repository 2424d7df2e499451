"""From settings to a relay."""

from __future__ import annotations

import ssl

from gateway.backends.relay.backend import RelayBackend
from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.link import Address
from gateway.backends.relay.upstream import Upstream
from gateway.config import ConfigError
from gateway.configuration.model import LimitSettings, RelaySettings
from gateway.tls import client_context
from protocol.errors import WireError
from protocol.frames import Limits
from protocol.security import ApiKeyCredentials

PREFIX = "backend.relay"


def open_relay(settings: RelaySettings, limits: LimitSettings) -> RelayBackend:
    """Raises ConfigError naming the setting."""
    if not settings.addresses:
        raise ConfigError([f"setting [{PREFIX}.addresses] is required with [backend.type: relay]"])
    try:
        addresses = tuple(Address.parse(text) for text in settings.addresses)
    except ValueError as error:
        raise ConfigError([f"setting [{PREFIX}.addresses]: {error}"]) from error
    api_key = settings.mode == "api_key"
    headers = UpstreamHeaders(_credentials(settings) if api_key else None)
    upstream = Upstream(
        addresses=addresses,
        headers=headers,
        context=_context(settings, api_key=api_key),
        limits=Limits(header=limits.max_message_size, frame=limits.max_message_size, payload=limits.max_message_size),
        ready=settings.connections,
        api_key=api_key,
        server_name=settings.server_name,
    )
    return RelayBackend(upstream, headers, settings.max_connection_age / 1e9)


def _credentials(settings: RelaySettings) -> str:
    """The gateway's own encoded key."""
    text: str | None = None
    if settings.credentials is not None and settings.credentials_file is not None:
        raise ConfigError([f"settings [{PREFIX}.credentials] and [{PREFIX}.credentials_file] exclude each other"])
    if settings.credentials is not None:
        text = settings.credentials.get_secret_value()
    elif settings.credentials_file is not None:
        try:
            text = settings.credentials_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"setting [{PREFIX}.credentials_file]: [{settings.credentials_file}]: {error}"]) from error
    if not text:
        raise ConfigError([f"setting [{PREFIX}.credentials] or [{PREFIX}.credentials_file] is required with [mode: api_key]"])
    try:
        ApiKeyCredentials.decode(f"ApiKey {text}")
    except WireError as error:
        raise ConfigError([f"setting [{PREFIX}.credentials]: {error}"]) from None
    return text


def _context(settings: RelaySettings, *, api_key: bool) -> ssl.SSLContext:
    options = settings.ssl
    if not api_key and options.certificate is None:
        raise ConfigError([f"setting [{PREFIX}.ssl.certificate] is required with [mode: certificate]"])
    return client_context(options, f"{PREFIX}.ssl")
