"""The interfaces that the settings switch on, bound and listening."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.config import Interface, Settings, remote_cluster_interface, transport_interface
from gateway.tls import remote_cluster_server_context, transport_context

BACKLOG = 1024


@dataclass(slots=True)
class OpenInterface:
    """An interface and its listening sockets, one for each address; ``context`` is None where it is plain."""

    name: str
    interface: Interface
    context: ssl.SSLContext | None
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port that is bound: one for all addresses."""
        port: int = self.sockets[0].getsockname()[1]
        return port

    @property
    def publish_port(self) -> int:
        return self.interface.publish_port or self.port

    def addresses(self) -> list[str]:
        return [printable(each.getsockname()) for each in self.sockets]

    def close(self) -> None:
        for each in self.sockets:
            each.close()


def open_interfaces(settings: Settings) -> list[OpenInterface]:
    """Raises ConfigError where certificates or keys cannot be used, OSError where a port cannot be had."""
    opened: list[OpenInterface] = []
    if settings.remote_cluster_server.enabled:
        context = remote_cluster_server_context(settings)
        opened.append(OpenInterface(REMOTE_CLUSTER, remote_cluster_interface(settings), context))
    if settings.transport_ssl.enabled:
        opened.append(OpenInterface(TRANSPORT, transport_interface(settings), transport_context(settings)))
    try:
        for each in opened:
            _bind(each)
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def printable(address: Any) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(opened: OpenInterface) -> None:
    port = opened.interface.port
    for host in opened.interface.bind_hosts:
        flags = socket.AI_PASSIVE
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags):
            listening = socket.socket(family, kind, protocol)
            opened.sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                # Where the kernel chooses a port it chooses once: all addresses of an interface have the same.
                listening.bind((address[0], port or address[1], *address[2:]))
            except OSError as error:
                raise OSError(
                    error.errno, f"cannot listen on [{printable((address[0], port))}] ({opened.name}): {error.strerror}"
                ) from error
            listening.listen(BACKLOG)
            port = port or listening.getsockname()[1]
