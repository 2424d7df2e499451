"""From host settings to addresses: which to bind, and which to publish to sniffing clusters."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from gateway.configuration.model import RemoteClusterSettings, Settings, TransportSettings


@dataclass(frozen=True, slots=True)
class Interface:
    """Where an interface listens and what it says its address is."""

    bind_hosts: tuple[str, ...]
    """Addresses or names for ``getaddrinfo``."""
    port: int
    """0: the kernel's choice."""
    publish_host: str
    publish_port: int | None
    """None: the port that was bound."""


def remote_cluster_interface(settings: Settings) -> Interface:
    """The API key model's interface. Fallbacks as in Elasticsearch: bind_host, host, transport.bind_host, …, network.host."""
    own, transport, network = settings.remote_cluster, settings.transport, settings.network.host
    host = own.host or transport.bind_host or transport.host or network
    return _interface(own, own.bind_host or host, own.publish_host or host)


def transport_interface(settings: Settings) -> Interface:
    """The certificate model's interface."""
    own, network = settings.transport, settings.network.host
    host = own.host or network
    return _interface(own, own.bind_host or host, own.publish_host or host)


def _interface(own: RemoteClusterSettings | TransportSettings, bind: list[str], publish: list[str]) -> Interface:
    bind_hosts = tuple(dict.fromkeys("127.0.0.1" if host == "_local_" else host for host in bind))
    port = None if own.publish_port < 0 else own.publish_port
    return Interface(bind_hosts, own.port, _publishable("127.0.0.1" if publish[0] == "_local_" else publish[0]), port)


def _publishable(host: str) -> str:
    """A wildcard address cannot be connected to, so the address of the route out stands for it, or loopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    # Connecting a datagram socket sends nothing; it only asks the kernel for the route (to a documentation address).
    family, target = (socket.AF_INET, "192.0.2.1") if address.version == 4 else (socket.AF_INET6, "2001:db8::1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1" if address.version == 4 else "::1"
