"""The backend that the settings name."""

from __future__ import annotations

from gateway.backends import Backend
from gateway.backends.memory.backend import MemoryBackend
from gateway.backends.relay.opening import open_relay
from gateway.backends.socket.opening import open_socket
from gateway.configuration.model import Settings
from gateway.node import NodeIdentity


def open_backend(settings: Settings, identity: NodeIdentity) -> Backend:
    """Raises ConfigError and LoadError where it cannot be had."""
    if settings.backend.type == "relay":
        return open_relay(settings.backend.relay, settings.limits)
    if settings.backend.type == "socket":
        return open_socket(settings.backend.socket, settings.limits, identity)
    return MemoryBackend.load(settings.backend.memory.load, identity)
