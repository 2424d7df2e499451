"""The transport protocol: the handshake, the versions, who is on the other side and whether it lets us in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import trio

from gateway.client.authorization import LocalSecurity
from gateway.client.authorization import RemoteCluster as RemoteIdentity
from gateway.client.checking import tls_faults
from gateway.client.checking.model import Model
from gateway.client.checking.reaching import Reach
from gateway.client.checking.refusals import not_let_in, says_little
from gateway.client.checking.steps import FaultError, Found
from gateway.links.asking import shake_hands
from gateway.links.link import Link
from gateway.links.sniffing import address_of, discovery_nodes, serves
from gateway.node import RELEASE
from protocol.client import ClientConnection, Connected, ResponsePart, ResponseStarted
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Header, Limits, Status
from protocol.messages.common import Request
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE
from protocol.versions import MINIMUM_COMPATIBLE, V_8_19, TransportVersion
from protocol.wire import Reader

LIMITS = Limits(header=1 << 20, frame=64 << 20, payload=64 << 20)
"""Of one answer to what a check asks."""
_ANY_VERSION = TransportVersion(0)
_RECEIVE_BYTES = 65_536


@dataclass(slots=True)
class Dialogue:
    """One connection over which the steps ask. ``identity`` has the alias and the key."""

    reach: Reach
    stream: trio.abc.Stream
    model: Model
    identity: RemoteIdentity
    security: LocalSecurity
    seconds: float
    connected: Connected | None = None
    link: Link | None = None

    async def handshake(self) -> Found:
        """The step ``handshake``."""
        machine = ClientConnection(offered=V_8_19, oldest=_ANY_VERSION, release=RELEASE, limits=LIMITS)
        began = trio.current_time()
        try:
            with trio.fail_after(self.seconds):
                await self.stream.send_all(machine.handshake())
                self.connected = await _shaken(self.stream, machine)
        except WireError as error:
            raise await self._no_transport(str(error)) from None
        except trio.TooSlowError:
            raise await self._no_transport(f"no answer to the handshake within {self.seconds:g}s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise await self.reach.tls_fault(error) from None
            raise await self._no_transport("it breaks the connection off") from None
        link = self.link = Link(self.reach.address, self.stream, machine)
        link.version = self.connected.version
        taken = (trio.current_time() - began) * 1000
        return Found(f"the port speaks Elasticsearch's transport protocol ({taken:.0f} ms)", {"milliseconds": round(taken, 1)})

    async def _no_transport(self, reason: str) -> FaultError:
        context = self.model.context
        address = self.reach.address
        if await self.reach.speaks_http(context):
            return tls_faults.http(address, tls=context is not None)
        if context is not None and self.model.certificate is None and not self.model.api_key:
            certificate = f"; it may want a client certificate, set [{self.model.ssl_prefix}.certificate] and its key"
        else:
            certificate = ""
        return FaultError(
            "no_transport_protocol",
            f"port {address.port} does not answer as Elasticsearch's transport protocol: {reason}",
            f"check that this is the remote cluster's {self.model.port_text}, that nothing between takes it for HTTP, and that "
            f"the remote cluster is of 8.19 or newer{certificate}",
        )

    async def version(self) -> Found:
        """The step ``version``."""
        assert self.connected is not None  # noqa: S101 - the handshake came before
        offered, release = self.connected.offered, self.connected.release
        told = f" (release {release})" if release and release != "0.0.0" else ""
        details = {"offered": offered.id, "release": release or None, "lowest": MINIMUM_COMPATIBLE.id, "highest": V_8_19.id}
        if offered < MINIMUM_COMPATIBLE:
            raise FaultError(
                "too_old",
                f"the remote cluster speaks transport version {offered}{told}, and {MINIMUM_COMPATIBLE} is the oldest that is "
                "spoken here: it is older than 8.19",
                "upgrade the remote cluster to 8.19 or newer",
                details,
            )
        return Found(
            f"both sides speak transport version {self.connected.version}; the remote cluster's newest is {offered}{told}",
            {**details, "version": self.connected.version.id},
        )

    async def credentials(self) -> Found:
        """The step ``credentials``: the first request, which is the local cluster's own. Needs a running link."""
        link = self.open_link
        headers = self.security.system_headers(self.identity, link.version)
        try:
            with trio.fail_after(self.seconds):
                met = await shake_hands(link, headers, api_key=self.model.api_key)
        except trio.TooSlowError:
            raise FaultError(
                "no_answer",
                f"the remote cluster did not answer to the first request within {self.seconds:g}s",
                "look at the log and the load of the remote cluster",
            ) from None
        except ElasticsearchException as error:
            refusal = unwrap(error)
            if says_little(refusal):
                refusal = await self._told_early(headers) or refusal
            raise not_let_in(refusal, self.model, self.identity.credentials) from None
        except WireError as error:
            raise FaultError(
                "unreadable_answer", f"the remote cluster's answer cannot be read: {error}", "tell who maintains this program"
            ) from None
        how = (
            f"accepts the API key of [{self.model.credentials_setting}]"
            if self.model.api_key
            else "accepts the client certificate"
        )
        text = f"cluster [{met.cluster_name}], node [{met.node.name}], {how}"
        return Found(text, {"cluster_name": met.cluster_name, "node": met.node.name})

    async def _told_early(self, headers: dict[str, str]) -> ElasticsearchException | None:
        """What is told of a request whose end does not come. A whole one is refused twice, and the refusal that comes first may say less:
        that of the credentials alone, which says why, is made as soon as the header is there."""
        machine = ClientConnection(offered=V_8_19, oldest=_ANY_VERSION, release=RELEASE, limits=LIMITS)
        stream: trio.abc.Stream | None = None
        with trio.move_on_after(self.seconds):
            try:
                stream, _ = await self.reach.secure()
                await stream.send_all(machine.handshake())
                connected = await _shaken(stream, machine)
                action = REMOTE_CLUSTER_HANDSHAKE if self.model.api_key else TRANSPORT_HANDSHAKE
                _, frame = machine.request(action, Request().encode(connected.version), headers, connected.version)
                await stream.send_all(frame[:-1])
                return await _refusal(stream, machine)
            except (FaultError, WireError, trio.BrokenResourceError):
                return None
            finally:
                if stream is not None:
                    await trio.aclose_forcefully(stream)
        return None

    async def nodes(self) -> Found:
        """The step ``nodes``, in sniff mode: whether the nodes that the cluster tells of can be connected to."""
        link = self.open_link
        headers = self.security.system_headers(self.identity, link.version)
        try:
            with trio.fail_after(self.seconds):
                nodes = await discovery_nodes(link, headers, api_key=self.model.api_key, remote_cluster_server=True)
        except (ElasticsearchException, WireError, trio.TooSlowError) as error:
            reason = str(error) or f"no answer within {self.seconds:g}s"
            mend = "look at the log of the remote cluster; or use the proxy mode, which does not ask for its nodes"
            raise FaultError("nodes_not_told", f"the remote cluster does not tell its nodes: {reason}", mend) from None
        chosen = [node for node in nodes if serves(node)]
        failures = [
            (node.name, address, fault)
            for node in chosen
            for address in [address_of(node)]
            if (fault := await self._reached(Reach(address, self.model, self.seconds))) is not None
        ]
        details = {"nodes": [{"name": node.name, "address": str(address_of(node))} for node in chosen]}
        if not chosen:
            raise FaultError(
                "no_nodes",
                "the remote cluster tells of no node that may be connected to",
                "use nodes that hold data or ingest as seeds, not dedicated masters; or use the proxy mode",
            )
        if not failures:
            return Found(f"{len(chosen)} nodes can be connected to: {', '.join(node.name for node in chosen)}", details)
        told = "; ".join(f"[{name}] publishes {address}: {fault.text}" for name, address, fault in failures)
        wrong = FaultError(
            "node_not_reachable",
            f"{len(failures)} of {len(chosen)} nodes cannot be connected to at their published addresses. {told}",
            "set [transport.publish_host] or [remote_cluster.publish_host] of those nodes to an address that is reachable from here; or "
            "use the proxy mode, which connects to one address only",
            details,
        )
        if len(failures) == len(chosen):
            raise wrong
        return Found(f"{len(chosen) - len(failures)} of {len(chosen)} nodes can be connected to", details, (wrong,))

    @staticmethod
    async def _reached(reach: Reach) -> FaultError | None:
        try:
            await reach.resolve()
            await reach.connect()
            stream, _ = await reach.secure()
        except FaultError as fault:
            return fault
        await trio.aclose_forcefully(stream)
        return None

    @property
    def open_link(self) -> Link:
        assert self.link is not None  # noqa: S101 - the handshake came before
        return self.link


async def _shaken(stream: trio.abc.Stream, machine: ClientConnection) -> Connected:
    """Raises WireError."""
    while data := await stream.receive_some(_RECEIVE_BYTES):
        if data.startswith(b"HTTP/"):
            raise WireError("it answers in HTTP")
        for event in machine.receive_data(data):
            if isinstance(event, Connected):
                return event
    raise WireError("it closes the connection instead of an answer to the handshake")


async def _refusal(stream: trio.abc.Stream, machine: ClientConnection) -> ElasticsearchException | None:
    """The error that is the next answer. Raises WireError."""
    header: Header | None = None
    payload = bytearray()
    while data := await stream.receive_some(_RECEIVE_BYTES):
        for event in machine.receive_data(data):
            if isinstance(event, ResponseStarted):
                header = event.header
            elif isinstance(event, ResponsePart) and header is not None:
                payload += event.data
                if event.last:
                    refused = bool(header.status & Status.ERROR)
                    return unwrap(read_exception(Reader(bytes(payload), header.version))) if refused else None
    return None
