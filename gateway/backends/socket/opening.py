"""From settings to a backend that is a program."""

from __future__ import annotations

from dataclasses import replace

from gateway.backends.decoding.backend import DecodingBackend
from gateway.backends.socket.pool import Place
from gateway.backends.socket.source import SocketSource
from gateway.config import ConfigError
from gateway.configuration.model import LimitSettings, SocketSettings
from gateway.links.link import Address
from gateway.node import NodeIdentity
from gateway.tls import client_context
from protocol.native.values import ANSWER_LIMITS

PREFIX = "backend.socket"
UNIX = "unix:"


def open_socket(settings: SocketSettings, limits: LimitSettings, identity: NodeIdentity) -> DecodingBackend:
    """Raises ConfigError, which names its setting."""
    source = SocketSource(
        place_of(settings),
        identity,
        replace(ANSWER_LIMITS, frame=limits.max_message_size),
        connections=settings.connections,
        timeout=settings.timeout / 1e9,
    )
    return DecodingBackend(source, identity)


def place_of(settings: SocketSettings) -> Place:
    """Raises ConfigError, which names its setting."""
    text = settings.address
    if text is None:
        raise ConfigError([f"setting [{PREFIX}.address] is required with [backend.type: socket]"])
    if text.startswith(UNIX):
        given = [name for name in ("server_name", "ssl") if getattr(settings, name) != getattr(SocketSettings(), name)]
        if given:
            raise ConfigError([f"setting [{PREFIX}.{given[0]}] is of no use with [{PREFIX}.address: {text}]"])
        return Place(path=text.removeprefix(UNIX))
    try:
        address = Address.parse(text)
    except ValueError:
        raise ConfigError([f"setting [{PREFIX}.address]: [{text}] is neither unix:PATH nor host:port"]) from None
    return Place(address=replace(address, name=settings.server_name), context=client_context(settings.ssl, f"{PREFIX}.ssl"))
