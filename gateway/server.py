"""Starts the gateway and ends it: listeners, the parts behind them, signals, the drain."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio

from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.config import Interface, Settings, remote_cluster_interface, require_interface, transport_interface
from gateway.connection import Pump
from gateway.dispatch import Dispatcher
from gateway.node import RELEASE
from gateway.peer import Peer
from gateway.tls import expired_certificates, peer_certificate, remote_cluster_server_context, transport_context
from protocol.connection import ServerConnection
from protocol.frames import Limits
from protocol.versions import V_8_19

log = structlog.get_logger("gateway.server")

_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 300), (socket.TCP_KEEPINTVL, 300), (socket.TCP_KEEPCNT, 6))
"""Seconds idle, seconds between probes, probes: Elasticsearch's values for connections between nodes."""

BACKLOG = 1024


@dataclass(slots=True)
class _Bound:
    """An interface that is open."""

    name: str
    interface: Interface
    context: ssl.SSLContext | None
    listeners: list[trio.SocketListener]

    @property
    def publish_port(self) -> int:
        port: int = self.interface.publish_port or self.listeners[0].socket.getsockname()[1]
        return port

    def addresses(self) -> list[str]:
        return [_printable(listener.socket.getsockname()) for listener in self.listeners]


@dataclass(slots=True)
class Server:
    """The open interfaces and their connections."""

    settings: Settings
    dispatcher: Dispatcher
    _pumps: dict[int, Pump] = field(default_factory=dict)
    _accepted: int = 0

    async def run(self, ready: Callable[[list[_Bound]], None]) -> None:
        """Serve until SIGTERM or SIGINT, then finish what runs, up to ``limits.drain_timeout``."""
        bound = await self._open()
        try:
            for each in bound:
                published = self.dispatcher.publish(each.name, each.interface.publish_host, each.publish_port)
                log.info("listening", interface=each.name, addresses=each.addresses(), publish_address=published)
            ready(bound)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    for each in bound:
                        serve = partial(trio.serve_listeners, handler_nursery=connections)
                        accepting.start_soon(serve, partial(self._serve, each), list(each.listeners))
                    accepting.start_soon(self.dispatcher.watch_roles)
                    accepting.start_soon(self._wait_for_signal, accepting.cancel_scope)
                with trio.move_on_after(self.settings.limits.drain_timeout / 1e9):
                    for drained in [pump.drain() for pump in self._pumps.values()]:
                        await drained.wait()
                connections.cancel_scope.cancel()
        finally:
            for each in bound:
                for listener in each.listeners:
                    await listener.aclose()
        log.info("stopped")

    async def _wait_for_signal(self, accepting: trio.CancelScope) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name, connections=len(self._pumps))
                accepting.cancel()
                return

    async def _open(self) -> list[_Bound]:
        settings = self.settings
        wanted: list[tuple[str, Interface, ssl.SSLContext | None]] = []
        if settings.remote_cluster_server.enabled:
            context = remote_cluster_server_context(settings)
            wanted.append((REMOTE_CLUSTER, remote_cluster_interface(settings), context))
        if settings.transport_ssl.enabled:
            wanted.append((TRANSPORT, transport_interface(settings), transport_context(settings)))
        bound = []
        for name, interface, tls in wanted:
            listeners: list[trio.SocketListener] = []
            port = interface.port
            for host in interface.bind_hosts:
                listeners += await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
                # Where the kernel chooses, it chooses once: all addresses of an interface have one port.
                port = port or listeners[0].socket.getsockname()[1]
            bound.append(_Bound(name, interface, tls, listeners))
        return bound

    async def _serve(self, bound: _Bound, stream: trio.SocketStream) -> None:
        """One connection from accept to close. A bug in it is logged and ends it, and no other."""
        address = stream.socket.getpeername()
        peer = Peer(bound.name, address[0], address[1])
        self._accepted += 1
        try:
            await self._serve_peer(bound, stream, peer)
        except Exception:
            log.exception("connection failed", connection=peer.connection, peer=_printable(address))
        finally:
            self._accepted -= 1
            await trio.aclose_forcefully(stream)

    async def _serve_peer(self, bound: _Bound, socket_stream: trio.SocketStream, peer: Peer) -> None:
        about: dict[str, Any] = {
            "connection": peer.connection,
            "interface": peer.interface,
            "peer": f"{peer.address}:{peer.port}",
        }
        limits = self.settings.limits
        if self._accepted > limits.max_connections:
            log.warning("closing connection", reason=f"more than [{limits.max_connections}] connections", **about)
            return
        _set_keep_alive(socket_stream)
        stream: trio.abc.Stream = socket_stream
        if bound.context is not None:
            tls = trio.SSLStream(socket_stream, bound.context, server_side=True, https_compatible=True)
            if not await _shake_hands(tls, limits.handshake_timeout / 1e9, about):
                return
            certificate = peer_certificate(tls)
            peer.certificate_subject = certificate.subject if certificate else None
            stream = tls
        machine = ServerConnection(
            offered=V_8_19,
            release=RELEASE,
            limits=Limits(
                header=self.settings.remote_cluster.max_request_header_size,
                frame=limits.max_message_size,
                payload=limits.max_message_size,
            ),
            node=self.settings.node.name,
            address=_printable(socket_stream.socket.getsockname()),
        )
        pump = Pump(stream, machine, self.dispatcher, peer, limits)
        self._pumps[peer.connection] = pump
        try:
            await pump.run()
        finally:
            del self._pumps[peer.connection]
            self.dispatcher.connection_closed(peer)


async def serve(settings: Settings, ready_file: Path | None = None) -> None:
    """Run the gateway that the settings describe. Raises ConfigError where they cannot be carried out, OSError where a port is taken.

    ``ready_file`` is written when all interfaces are open: ``{"pid": …, "interfaces": {name: {"host", "port", "addresses"}}}``.
    """
    require_interface(settings)
    for sentence in expired_certificates(settings):
        log.warning("certificate out of date", detail=sentence)
    with Dispatcher.build(settings) as dispatcher:
        # What has been loaded stays: a full collection that walks over it would hold up all searches for tens of milliseconds.
        gc.collect()
        gc.freeze()
        await Server(settings, dispatcher).run(partial(_write_ready, ready_file))


def _write_ready(path: Path | None, bound: list[_Bound]) -> None:
    if path is None:
        return
    interfaces = {
        each.name: {
            "host": each.listeners[0].socket.getsockname()[0],
            "port": each.listeners[0].socket.getsockname()[1],
            "addresses": each.addresses(),
        }
        for each in bound
    }
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "interfaces": interfaces}))
    fresh.replace(path)


async def _shake_hands(stream: trio.SSLStream[trio.SocketStream], seconds: float, about: dict[str, Any]) -> bool:
    """Whether TLS is up."""
    with trio.move_on_after(seconds) as scope:
        try:
            await stream.do_handshake()
        except (trio.BrokenResourceError, ssl.SSLError) as error:
            log.warning("closing connection", reason=f"TLS handshake failed: {_tls_reason(error)}", **about)
            return False
    if scope.cancelled_caught:
        log.warning("closing connection", reason="the TLS handshake was not complete in time", **about)
        return False
    return True


def _tls_reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError) and cause.reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNEXPECTED_MESSAGE"):
        return f"someone connected with a protocol other than TLS ({cause.reason})"
    return str(cause)


def _set_keep_alive(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        stream.setsockopt(socket.IPPROTO_TCP, option, value)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _printable(address: Any) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
