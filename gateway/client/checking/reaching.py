"""The name, the socket and TLS: how an address is reached."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass, field

import trio

from gateway.client.checking import tls_faults
from gateway.client.checking.certificates import described, fetched
from gateway.client.checking.model import Model
from gateway.client.checking.steps import FaultError, Found
from gateway.links.link import Address
from gateway.sockets import set_keep_alive
from gateway.tls_stream import TlsStream

PROBE_SECONDS = 2.0
"""How long a port may take to show that it is an HTTP interface, beside what it was asked before."""
PROBE_BYTES = 1024


@dataclass(slots=True)
class Reach:
    """One address on its way to being connected. ``seconds``: what each wait may take."""

    address: Address
    model: Model
    seconds: float
    places: list[tuple[int, str]] = field(default_factory=list)
    """What the name stands for: family and number."""
    number: str = ""
    """The one that takes connections."""

    @property
    def server_name(self) -> str:
        return self.model.server_name or self.address.name or self.address.host

    async def resolve(self) -> Found:
        """The step ``name``."""
        host = self.address.host
        try:
            with trio.fail_after(self.seconds):
                found = await trio.socket.getaddrinfo(host, self.address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, trio.TooSlowError) as error:
            reason = f"no answer within {self.seconds:g}s" if isinstance(error, trio.TooSlowError) else _reason(error)
            raise FaultError(
                "name_not_resolved",
                f"the name [{host}] of [{self.model.address_setting}] does not resolve to an address: {reason}",
                "check the name for typing errors; check that this machine's DNS (/etc/resolv.conf, /etc/hosts) knows it, for example "
                f"with `getent hosts {host}`; or give the address itself",
                {"host": host},
            ) from None
        self.places = list(dict.fromkeys((family, str(place[0])) for family, _, _, _, place in found))
        numbers = [number for _, number in self.places]
        text = f"[{host}] is an address" if numbers == [host] else f"[{host}] resolves to {', '.join(numbers)}"
        return Found(text, {"host": host, "addresses": numbers})

    async def connect(self) -> Found:
        """The step ``tcp``."""
        refusals: list[FaultError] = []
        for family, number in self.places:
            began = trio.current_time()
            try:
                stream = await self._open(family, number)
            except (OSError, trio.TooSlowError) as error:
                refusals.append(self._unreachable(number, error))
                continue
            taken = trio.current_time() - began
            self.number = number
            await trio.aclose_forcefully(stream)
            text = f"{number} port {self.address.port} takes connections ({taken * 1000:.0f} ms)"
            details = {"address": number, "port": self.address.port, "milliseconds": round(taken * 1000, 1)}
            return Found(text, details, tuple(refusals))
        raise refusals[0]

    async def secure(self) -> tuple[trio.abc.Stream, Found]:
        """The step ``tls``: an open stream, and what was found."""
        context = self.model.context
        try:
            plain = await self._open(*self._place())
        except (OSError, trio.TooSlowError) as error:
            raise self._unreachable(self.number, error) from None
        if context is None:
            open_to_all = FaultError(
                "no_tls",
                f"TLS is off ([{self.model.ssl_prefix}.enabled] is false): credentials and documents can be read on the way",
                f"set [{self.model.ssl_prefix}.enabled] to true, and use TLS on the remote cluster's port",
            )
            return plain, Found("without TLS", {"tls": False}, (open_to_all,))
        stream = TlsStream(plain, context, server_hostname=self.server_name)
        try:
            with trio.fail_after(self.seconds):
                await stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            await trio.aclose_forcefully(stream)
            raise await self.tls_fault(error) from None
        leaf = fetched(stream)
        about = described(leaf)
        text = f"{about['subject']} until {about['until'][:10]}, issued by {about['issuer']}, for {', '.join(about['names']) or 'no name'}"
        warnings = tls_faults.soon_expired(about)
        if context.verify_mode is ssl.CERT_NONE:
            open_to_all = FaultError(
                "not_verified",
                f"the certificate is not verified ([{self.model.ssl_prefix}.verification_mode] is none): anybody on the way can pose as "
                "the remote cluster",
                f"set [{self.model.ssl_prefix}.certificate_authorities] and [{self.model.ssl_prefix}.verification_mode] to full",
            )
            warnings = (*warnings, open_to_all)
        return stream, Found(f"the remote cluster shows {text}", {"tls": True, "certificate": about}, warnings)

    async def tls_fault(self, error: Exception) -> FaultError:
        """Why TLS failed with the error, during its handshake or right after it."""
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return tls_faults.unverified(cause, await self._shown_certificate(), self.server_name, self.model)
        if isinstance(cause, ssl.SSLError) and (fault := tls_faults.refused(cause, self.model)) is not None:
            return fault
        answer = await self._ask_http(None)
        if answer.startswith(b"HTTP/"):
            return tls_faults.http(self.address, tls=False)
        return tls_faults.not_tls(self.address, error, answer, self.model, self.seconds)

    async def speaks_http(self, context: ssl.SSLContext | None) -> bool:
        """Whether the port, over TLS or without it, answers a request of HTTP."""
        return (await self._ask_http(context)).startswith(b"HTTP/")

    async def _ask_http(self, context: ssl.SSLContext | None) -> bytes:
        with trio.move_on_after(min(PROBE_SECONDS, self.seconds)):
            try:
                stream: trio.abc.Stream = await self._open(*self._place())
            except OSError:
                return b""
            try:
                if context is not None:
                    stream = tls = TlsStream(stream, context, server_hostname=self.server_name)  # type: ignore[arg-type]
                    await tls.do_handshake()
                await stream.send_all(f"GET / HTTP/1.1\r\nHost: {self.server_name}\r\nConnection: close\r\n\r\n".encode())
                return bytes(await stream.receive_some(PROBE_BYTES))
            except trio.BrokenResourceError:
                return b""
            finally:
                await trio.aclose_forcefully(stream)
        return b""

    async def _shown_certificate(self) -> bytes | None:
        """The certificate of the other side, whether it can be trusted or not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with trio.move_on_after(self.seconds):
            stream: trio.abc.Stream | None = None
            try:
                plain = await self._open(*self._place())
                stream = tls = TlsStream(plain, context, server_hostname=self.server_name)
                await tls.do_handshake()
                return fetched(tls)
            except (OSError, trio.BrokenResourceError):
                return None
            finally:
                if stream is not None:
                    await trio.aclose_forcefully(stream)
        return None

    def _place(self) -> tuple[int, str]:
        return next(place for place in self.places if place[1] == self.number)

    async def _open(self, family: int, number: str) -> trio.SocketStream:
        """Raises OSError and trio.TooSlowError."""
        opened = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            with trio.fail_after(self.seconds):
                await opened.connect((number, self.address.port))
        except BaseException:
            opened.close()
            raise
        stream = trio.SocketStream(opened)
        set_keep_alive(stream)
        return stream

    def _unreachable(self, number: str, error: OSError | trio.TooSlowError) -> FaultError:
        where = f"{number} port {self.address.port}"
        details = {"address": number, "port": self.address.port}
        ports = f"this is the remote cluster's {self.model.port_text}"
        if isinstance(error, trio.TooSlowError):
            return FaultError(
                "connect_timeout",
                f"{where} did not answer within {self.seconds:g}s: most likely a firewall drops the packets, or the machine is not there",
                f"allow this machine to connect to {where} in firewalls and security groups on the way, and check that {ports}",
                details,
            )
        if error.errno == errno.ECONNREFUSED:
            return FaultError(
                "connection_refused",
                f"{where} refuses connections: nothing listens there",
                f"check that the remote cluster runs and that {ports}; it must listen on that address and not on localhost alone",
                details,
            )
        return FaultError(
            "not_reachable",
            f"{where} cannot be reached: {_reason(error)}",
            f"check the network and the routes between this machine and {where}",
            details,
        )


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return str(error.args[-1]) if error.args else type(error).__name__
