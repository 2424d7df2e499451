"""From settings to a relay."""

from __future__ import annotations

from gateway.backends.relay.backend import RelayBackend
from gateway.backends.relay.headers import UpstreamHeaders
from gateway.backends.relay.trust import PREFIX, Trust
from gateway.backends.relay.upstream import Upstream
from gateway.config import ConfigError
from gateway.configuration.model import LimitSettings, RelaySettings
from gateway.links.link import Address
from protocol.frames import Limits


def open_relay(settings: RelaySettings, limits: LimitSettings) -> RelayBackend:
    """Raises ConfigError with each problem, which names its setting."""
    problems: list[str] = []
    addresses: tuple[Address, ...] = ()
    trust: Trust | None = None
    try:
        addresses = _addresses(settings)
    except ConfigError as error:
        problems += error.problems
    try:
        trust = Trust.load(settings)
    except ConfigError as error:
        problems += error.problems
    if problems or trust is None:
        raise ConfigError(problems)
    headers = UpstreamHeaders(trust.credentials)
    upstream = Upstream(
        seeds=addresses,
        headers=headers,
        context=trust.context,
        limits=Limits(header=limits.max_message_size, frame=limits.max_message_size, payload=limits.max_message_size),
        ready=settings.connections,
        api_key=settings.mode == "api_key",
        server_name=settings.server_name,
        sniff=settings.sniff,
        max_age=settings.max_connection_age / 1e9,
    )
    return RelayBackend(upstream, headers, trust)


def _addresses(settings: RelaySettings) -> tuple[Address, ...]:
    if not settings.addresses:
        raise ConfigError([f"setting [{PREFIX}.addresses] is required with [backend.type: relay]"])
    problems: list[str] = []
    addresses: list[Address] = []
    for text in settings.addresses:
        try:
            addresses.append(Address.parse(text))
        except ValueError as error:
            problems.append(f"setting [{PREFIX}.addresses]: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(addresses))
