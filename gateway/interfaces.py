"""The interfaces that the settings switch on, bound and listening, and who is let in at each."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.config import ConfigError, Interface, Settings, remote_cluster_interface, transport_interface
from gateway.ip_filter import IpFilter, Rule, bound_rule
from gateway.tls import remote_cluster_server_context, transport_context
from gateway.trust_restrictions import TrustRestrictions

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in: ``filter`` is None where it is switched off, ``context`` where the interface is plain."""

    context: ssl.SSLContext | None
    restrictions: TrustRestrictions | None = None
    filter: IpFilter | None = None


@dataclass(slots=True)
class OpenInterface:
    """An interface and its listening sockets, one for each address. Another ``door`` is for the connections after."""

    name: str
    interface: Interface
    door: Door
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

    def rebuild(self, settings: Settings) -> list[str]:
        """Make the door what these settings describe. Each part of it that cannot be made stays as it is; why is in the answer."""
        problems: list[str] = []
        for part, build in self._parts(settings).items():
            try:
                self.door = replace(self.door, **{part: build()})
            except ConfigError as error:
                problems += error.problems
        return problems

    def _parts(self, settings: Settings) -> dict[str, Callable[[], Any]]:
        bound = [each.getsockname()[0] for each in self.sockets]
        parts: dict[str, Callable[[], Any]] = {"filter": lambda: _filter(self.name, settings, bound)}
        if self.name == REMOTE_CLUSTER:
            return parts | {"context": lambda: remote_cluster_server_context(settings)}
        return parts | {"context": lambda: transport_context(settings), "restrictions": lambda: trust_restrictions(settings)}

    def close(self) -> None:
        for each in self.sockets:
            each.close()


def open_interfaces(settings: Settings) -> list[OpenInterface]:
    """Raises ConfigError where certificates or keys cannot be used, OSError where a port cannot be had."""
    opened: list[OpenInterface] = []
    if settings.remote_cluster_server.enabled:
        opened.append(OpenInterface(REMOTE_CLUSTER, remote_cluster_interface(settings), _door(REMOTE_CLUSTER, settings)))
    if settings.transport_ssl.enabled:
        opened.append(OpenInterface(TRANSPORT, transport_interface(settings), _door(TRANSPORT, settings)))
    try:
        for each in opened:
            _bind(each)
            bound = [address.getsockname()[0] for address in each.sockets]
            each.door = replace(each.door, filter=_filter(each.name, settings, bound))
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def trust_restrictions(settings: Settings) -> TrustRestrictions | None:
    """Of the certificate model. Raises ConfigError."""
    options = settings.transport_ssl.trust_restrictions
    return None if options.path is None else TrustRestrictions.load(options.path, options.x509_fields)


def _door(name: str, settings: Settings) -> Door:
    """Without its filter, for which the interface must be bound."""
    if name == REMOTE_CLUSTER:
        return Door(remote_cluster_server_context(settings))
    return Door(transport_context(settings), trust_restrictions(settings))


def _filter(name: str, settings: Settings, bound: list[str]) -> IpFilter | None:
    security = settings.xpack.security
    if not security.transport.filter.enabled:
        return None
    allow, deny = security.transport.filter.allow, security.transport.filter.deny
    if name == REMOTE_CLUSTER:
        own = security.remote_cluster.filter
        allow = own.allow if "allow" in own.model_fields_set else allow
        deny = own.deny if "deny" in own.model_fields_set else deny
    rules = [bound_rule(bound)] if security.filter.always_allow_bound_address else []
    rules += [Rule.parse(spec, allows=True) for spec in allow]
    rules += [Rule.parse(spec, allows=False) for spec in deny]
    return IpFilter(rules)


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
