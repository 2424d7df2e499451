"""Starts the gateway and ends it: the parts, the connections, signals, the drain."""

from __future__ import annotations

import gc
import json
import os
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio

from gateway.backends.opening import open_backend
from gateway.config import Settings, require_interface
from gateway.connection import Pump
from gateway.dispatch import Dispatcher
from gateway.interfaces import Door, OpenInterface, open_interfaces, printable
from gateway.native.pump import NativePump
from gateway.node import RELEASE, NodeIdentity
from gateway.peer import Peer, number_connections
from gateway.reload import Reloader
from gateway.sockets import set_keep_alive
from gateway.tls import client_certificate, expired_certificates, peer_certificate
from gateway.tls_stream import TlsStream
from gateway.trust_restrictions import UntrustedNameError
from gateway.workers import supervise
from protocol.connection import ServerConnection
from protocol.frames import Limits
from protocol.native.values import ALPN
from protocol.versions import V_8_19

log = structlog.get_logger("gateway.server")

GARBAGE = 20_000
"""Objects more than were freed, after which the collector looks for cycles: some megabytes."""


@dataclass(slots=True)
class Server:
    """The connections of one process."""

    settings: Settings
    dispatcher: Dispatcher
    reloader: Reloader
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
    _pumps: dict[int, Pump | NativePump] = field(default_factory=dict)
    _accepted: int = 0

    async def run(self, opened: list[OpenInterface], ready: Callable[[], None] | None = None, parent: int | None = None) -> None:
        """Serve until SIGTERM or SIGINT, then finish what runs, up to ``limits.drain_timeout``. ``ready`` is called when it serves;
        ``parent`` is a file descriptor that becomes readable when the process that started this one is gone, which is a reason to
        stop as well."""
        for each in opened:
            self.dispatcher.publish(each.name, each.interface.publish_host, each.publish_port)
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                for each in opened:
                    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(one)) for one in each.sockets]
                    serve = partial(trio.serve_listeners, handler_nursery=connections)
                    accepting.start_soon(serve, partial(self._serve, each), listeners)
                connections.start_soon(self.dispatcher.backend.run)
                connections.start_soon(self.dispatcher.run)
                accepting.start_soon(self.dispatcher.watch_roles)
                accepting.start_soon(self.reloader.watch)
                await accepting.start(self._wait_for_signal, accepting.cancel_scope)
                if parent is None:
                    await accepting.start(self.reloader.wait_for_hangups)
                else:
                    accepting.start_soon(self._wait_for_parent, parent, accepting.cancel_scope)
                if ready is not None:
                    ready()
            with trio.move_on_after(self.settings.limits.drain_timeout / 1e9):
                for drained in [pump.drain() for pump in self._pumps.values()]:
                    await drained.wait()
            connections.cancel_scope.cancel()
        log.info("stopped")

    async def _wait_for_signal(
        self, accepting: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(*self.signals) as signals:
            task_status.started()
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name, connections=len(self._pumps))
                accepting.cancel()
                return

    async def _wait_for_parent(self, alive: int, accepting: trio.CancelScope) -> None:
        await trio.lowlevel.wait_readable(alive)
        log.warning("stopping", reason="the gateway's first process is gone", connections=len(self._pumps))
        accepting.cancel()

    async def _serve(self, bound: OpenInterface, stream: trio.SocketStream) -> None:
        """One connection from accept to close. A bug in it is logged and ends it, and no other."""
        try:
            address = stream.socket.getpeername()
        except OSError as error:
            log.info("connection lost", reason=f"before it was accepted: {error.strerror}", interface=bound.name)
            return
        peer = Peer(bound.name, address[0], address[1])
        self._accepted += 1
        try:
            await self._serve_peer(bound, stream, peer)
        except Exception:
            log.exception("connection failed", connection=peer.connection, peer=printable(address))
        finally:
            self._accepted -= 1
            await trio.aclose_forcefully(stream)

    async def _serve_peer(self, bound: OpenInterface, socket_stream: trio.SocketStream, peer: Peer) -> None:
        about: dict[str, Any] = {
            "connection": peer.connection,
            "interface": peer.interface,
            "peer": f"{peer.address}:{peer.port}",
        }
        limits = self.settings.limits
        if self._accepted > limits.max_connections:
            reason = f"more than [{limits.max_connections}] connections"
            log.warning("closing connection", reason=reason, **about)
            self.dispatcher.audit.connection_denied(peer, reason)
            return
        door = bound.door
        if not await self._passes_filter(door, peer, about):
            return
        set_keep_alive(socket_stream)
        here = printable(socket_stream.socket.getsockname())
        if door.context is None:
            await self._pump(socket_stream, peer, here)
            return
        stream = TlsStream(socket_stream, door.context, server_side=True)
        try:
            failure = await _shake_hands(stream, limits.handshake_timeout / 1e9) or _untrusted(door, stream)
            if failure is not None:
                log.warning("closing connection", reason=failure, **about)
                self.dispatcher.audit.connection_denied(peer, failure)
                return
            certificate = peer_certificate(stream)
            peer.certificate_subject = certificate.subject if certificate else None
            await self._pump(stream, peer, here)
        finally:
            await trio.aclose_forcefully(stream)

    async def _pump(self, stream: trio.abc.Stream, peer: Peer, here: str) -> None:
        pump = self._native_pump(stream, peer) if _is_native(stream) else self._transport_pump(stream, peer, here)
        self._pumps[peer.connection] = pump
        try:
            await pump.run()
        finally:
            del self._pumps[peer.connection]
            await self.dispatcher.connection_closed(peer)

    def _transport_pump(self, stream: trio.abc.Stream, peer: Peer, here: str) -> Pump:
        limits = self.settings.limits
        machine = ServerConnection(
            offered=V_8_19,
            release=RELEASE,
            limits=Limits(
                header=self.settings.remote_cluster.max_request_header_size,
                frame=limits.max_message_size,
                payload=limits.max_message_size,
            ),
            node=self.settings.node.name,
            address=here,
        )
        return Pump(stream, machine, self.dispatcher, peer, limits)

    def _native_pump(self, stream: trio.abc.Stream, peer: Peer) -> NativePump:
        return NativePump(
            stream,
            self.dispatcher,
            peer,
            self.settings.limits,
            tasks=self.dispatcher.tasks,
            in_flight=self.dispatcher.in_flight,
            max_header=self.settings.remote_cluster.max_request_header_size,
            node=self.settings.node.name,
        )

    async def _passes_filter(self, door: Door, peer: Peer, about: dict[str, Any]) -> bool:
        """Before anything is read of the client or sent to it."""
        if door.filter is None:
            return True
        rule = await door.filter.decide(peer.address)
        if rule.allows:
            self.dispatcher.audit.connection_granted(peer, rule=str(rule))
            return True
        reason = f"the IP filter has the rule [{rule}]"
        log.warning("closing connection", reason=reason, **about)
        self.dispatcher.audit.connection_denied(peer, reason, rule=str(rule))
        return False


def serve(read: Callable[[], Settings], settings: Settings, ready_file: Path | None = None) -> None:
    """Run the gateway that the settings describe; ``read`` reads them again while it runs.

    Raises ConfigError where they cannot be carried out, OSError where a port is taken.
    ``ready_file`` is written when all interfaces are open: ``{"pid": …, "interfaces": {name: {"host", "port", "addresses"}}}``.
    """
    require_interface(settings)
    for sentence in expired_certificates(settings):
        log.warning("certificate out of date", detail=sentence)
    identity = NodeIdentity.load(settings.path.data, settings.cluster.name, settings.node.name)
    backend = open_backend(settings, identity)
    # What stops the gateway must stop it here, and not one worker after the other.
    reloader = Reloader(settings, read, backend=backend)
    with Dispatcher.build(settings, identity, backend):
        opened = reloader.opened = open_interfaces(settings)
    # What has been loaded stays: a full collection that walks over it would hold up all searches for tens of milliseconds.
    gc.collect()
    gc.freeze()
    # Requests leave no cycles behind, so that there is little to find for a collector that otherwise runs after each few of them.
    gc.set_threshold(GARBAGE)
    for each in opened:
        published = f"{each.interface.publish_host}:{each.publish_port}"
        log.info("listening", interface=each.name, addresses=each.addresses(), publish_address=published)
    ready = partial(_write_ready, ready_file, opened)

    def work(number: int, parent: int) -> None:
        number_connections(number + 1, settings.workers)
        with Dispatcher.build(settings, identity, backend) as dispatcher:
            reloader.verifier = dispatcher.signatures
            reloader.catch_up()
            trio.run(Server(settings, dispatcher, reloader, (signal.SIGTERM,)).run, opened, None, parent)

    try:
        if settings.workers > 1:
            supervise(settings.workers, work, ready, reloader.request)
        else:
            with Dispatcher.build(settings, identity, backend) as dispatcher:
                reloader.verifier = dispatcher.signatures
                trio.run(Server(settings, dispatcher, reloader).run, opened, ready)
    finally:
        for each in opened:
            each.close()


def _write_ready(path: Path | None, opened: list[OpenInterface]) -> None:
    if path is None:
        return
    interfaces = {
        each.name: {"host": each.sockets[0].getsockname()[0], "port": each.port, "addresses": each.addresses()} for each in opened
    }
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "interfaces": interfaces}))
    fresh.replace(path)


async def _shake_hands(stream: TlsStream, seconds: float) -> str | None:
    """Why TLS is not up, if it is not."""
    with trio.move_on_after(seconds) as scope:
        try:
            await stream.do_handshake()
        except (trio.BrokenResourceError, ssl.SSLError) as error:
            return f"TLS handshake failed: {_tls_reason(error)}"
    return "the TLS handshake was not complete in time" if scope.cancelled_caught else None


def _is_native(stream: trio.abc.Stream) -> bool:
    return isinstance(stream, TlsStream) and stream.selected_alpn_protocol() == ALPN


def _untrusted(door: Door, stream: TlsStream) -> str | None:
    """Why the client's certificate is not among those to trust, if it is not.

    A Java node looks within the handshake, and sends an alert. Python's TLS has no place to look there, so it is done right after, before
    anything is read or sent: to the client the connection ends in either case before its first message has an answer.
    """
    if door.restrictions is None:
        return None
    try:
        certificate = client_certificate(stream)
        if certificate is None:
            return "TLS handshake failed: No certificate presented"
        door.restrictions.check(certificate)
    except (UntrustedNameError, ValueError) as error:
        return f"TLS handshake failed: {error}"
    return None


def _tls_reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError) and cause.reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNEXPECTED_MESSAGE"):
        return f"someone connected with a protocol other than TLS ({cause.reason})"
    return str(cause)
