"""One request and its whole answer, over a link that others use as well; and the handshake that begins each link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.links.link import Link, Pending
from protocol.compression import Compression, compress, decompress_untrusted
from protocol.errors import ElasticsearchException
from protocol.exceptions import read_exception, unwrap
from protocol.frames import Status
from protocol.messages.common import Request
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeResponse
from protocol.versions import TransportVersion
from protocol.wire import Reader

MAX_PLAIN = 512 << 20
"""Bytes of an answer after decompression; Elasticsearch does not bound them, this process has to hold them."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The payload of an answer that is no error."""

    version: TransportVersion
    payload: bytes


async def send(link: Link, action: str, payload: bytes, headers: Mapping[str, str], compression: Compression | None) -> Pending:
    """Raises node_disconnected_exception."""
    if compression is not None:
        return await link.send(action, compress(payload, compression), headers, link.version, compressed=True)
    return await link.send(action, payload, headers, link.version)


async def receive(link: Link, pending: Pending) -> Answered:
    """Raises the error that is the answer, as it came, and WireError."""
    answer = await link.answer(pending)
    try:
        payload = await answer.whole()
    except BaseException:
        link.forget(pending)
        raise
    if answer.header.status & Status.COMPRESSED:
        _, payload = decompress_untrusted(payload, MAX_PLAIN)
    if answer.header.status & Status.ERROR:
        raise read_exception(Reader(payload, answer.header.version))
    return Answered(answer.header.version, payload)


async def ask(link: Link, action: str, payload: bytes, headers: Mapping[str, str]) -> bytes:
    """A request of this side itself; the payload of its answer. Raises the error that is the answer, and WireError."""
    pending = await send(link, action, payload, headers, None)
    try:
        return (await receive(link, pending)).payload
    except ElasticsearchException as error:
        raise unwrap(error) from None


async def shake_hands(link: Link, headers: Mapping[str, str], *, api_key: bool) -> HandshakeResponse:
    """Who is on the other side. Raises ElasticsearchException and WireError."""
    action = REMOTE_CLUSTER_HANDSHAKE if api_key else TRANSPORT_HANDSHAKE
    return HandshakeResponse.decode(await ask(link, action, Request().encode(link.version), headers), link.version)


def expect_cluster(link: Link, met: str, expected: str | None) -> str:
    """The name of the cluster, which ``met`` is, unless another one was ``expected``: one client's requests must not go to two clusters.

    Raises illegal_state_exception.
    """
    if expected is not None and met != expected:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"handshake with [{link.address}] failed: remote cluster name [{expected}] was expected, but was [{met}]",
        )
    return met
