"""TLS over real sockets, as connections use it: whole messages at once, a full socket, and every way to end."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from certs.files import identity_files, write_new
from certs.issue import make_ca, make_server
from gateway.limits import SEND_SECONDS
from gateway.outlet import PIECE_BYTES, Outlet, flush
from gateway.tls_stream import SCRATCH_BYTES, TlsStream

LARGE = bytes(range(256)) * (16 * 1024 * 1024 // 256)
"""More than two sockets hold."""
DEADLINE = 30
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
"""Of a server, and of a client that trusts it."""


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_ca("test")
    server = make_server(authority, "localhost", ["localhost"])
    write_new(identity_files(folder / "ca", authority.key, [authority.certificate]))
    write_new(identity_files(folder / "server", server.key, [server.certificate]))
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(folder / "server.crt", folder / "server.key")
    accepting.num_tickets = 0
    return accepting, ssl.create_default_context(cafile=folder / "ca.crt")


async def sockets() -> tuple[trio.SocketStream, trio.SocketStream]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = await trio.open_tcp_stream(*listener.socket.getsockname())
        return near, await listener.accept()


@asynccontextmanager
async def shaken(contexts: Contexts, deadline: float = DEADLINE) -> AsyncIterator[tuple[TlsStream, TlsStream]]:
    """A client and a server after their handshake."""
    with trio.fail_after(deadline):
        near, far = await sockets()
        async with (
            TlsStream(near, contexts[1], server_hostname="localhost") as client,
            TlsStream(far, contexts[0], server_side=True) as server,
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.do_handshake)
                nursery.start_soon(server.do_handshake)
            yield client, server


async def received(stream: trio.abc.Stream, size: int) -> bytes:
    parts: list[bytes | bytearray] = []
    while size > 0 and (part := await stream.receive_some()):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


async def test_each_end_receives_what_the_other_sends(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server):
        assert client.send_now(b"question")
        assert await server.receive_some() == b"question"
        await server.send_all(b"answer")
        assert await client.receive_some(3) == b"ans"
        assert await client.receive_some() == b"wer"


async def test_it_speaks_with_another_implementation(contexts: Contexts) -> None:
    with trio.fail_after(DEADLINE):
        near, far = await sockets()
        theirs = trio.SSLStream(near, contexts[1], server_hostname="localhost")
        ours = TlsStream(far, contexts[0], server_side=True)
        async with theirs, ours, trio.open_nursery() as nursery:
            nursery.start_soon(theirs.do_handshake)
            await ours.do_handshake()
            nursery.start_soon(theirs.send_all, LARGE)
            assert await received(ours, len(LARGE)) == LARGE
            nursery.start_soon(ours.send_all, LARGE)
            assert await received(theirs, len(LARGE)) == LARGE


async def test_all_records_that_have_come_are_given_out_together(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server):
        assert client.send_now(bytes(40_000))
        await trio.sleep(0.1)
        assert len(await server.receive_some(SCRATCH_BYTES)) == 40_000


async def test_what_a_full_socket_does_not_take_goes_out_before_anything_else(
    contexts: Contexts,
) -> None:
    async with shaken(contexts) as (client, server):
        assert not client.send_now(LARGE)
        with trio.move_on_after(0.05) as scope:
            await client.drain()
        assert scope.cancelled_caught
        client.send_now(b"after")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.drain)
            assert await received(server, len(LARGE) + 5) == LARGE + b"after"


async def test_messages_of_several_tasks_go_out_whole(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server):
        outlet = Outlet(client)
        sizes = (3 * PIECE_BYTES, 10, PIECE_BYTES, 7 * PIECE_BYTES + 1, 1000) * 4
        async with trio.open_nursery() as nursery:
            for number, size in enumerate(sizes):
                nursery.start_soon(outlet.send, bytes([number]) * size)
            data = await received(server, sum(sizes))
    runs = [data[0]] + [after for before, after in itertools.pairwise(data) if before != after]
    assert sorted(runs) == list(range(len(sizes)))
    assert len(data) == sum(sizes)


async def test_who_takes_nothing_is_given_up(contexts: Contexts, autojump_clock: trio.testing.MockClock) -> None:
    async with shaken(contexts, 10 * SEND_SECONDS) as (client, _):
        outlet = Outlet(client)
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            await outlet.send(LARGE)
        assert trio.current_time() - began == pytest.approx(SEND_SECONDS, abs=1)


async def test_a_shielded_message_goes_out_whole_although_its_task_is_cancelled(
    contexts: Contexts,
) -> None:
    async with shaken(contexts) as (client, server):
        outlet = Outlet(client)
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:

                async def receive() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()
                    assert await received(server, len(LARGE)) == LARGE

                nursery.start_soon(receive)
                await outlet.send(LARGE, shield=True)


async def test_an_end_with_and_without_an_alert_is_an_end(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server):
        client.send_now(b"last")
        await client.aclose()
        assert await server.receive_some() == b"last"
        assert await server.receive_some() == b""
        assert await server.receive_some() == b""
    with trio.fail_after(DEADLINE):
        near, far = await sockets()
        theirs = trio.SSLStream(near, contexts[1], server_hostname="localhost", https_compatible=False)
        async with TlsStream(far, contexts[0], server_side=True) as ours, trio.open_nursery() as nursery:
            nursery.start_soon(theirs.do_handshake)
            await ours.do_handshake()
            nursery.start_soon(theirs.aclose)
            assert await ours.receive_some() == b""
            await ours.aclose()


async def test_what_is_closed_says_so(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, _):
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await client.receive_some()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await client.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await client.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            client.send_now(b"x")
        await client.aclose()


async def test_bytes_that_are_not_tls_break_it(contexts: Contexts) -> None:
    with trio.fail_after(DEADLINE):
        near, far = await sockets()
        async with near, TlsStream(far, contexts[0], server_side=True) as ours:
            await near.send_all(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(trio.BrokenResourceError) as raised:
                await ours.do_handshake()
            assert isinstance(raised.value.__cause__, ssl.SSLError)
            assert raised.value.__cause__.reason == "HTTP_REQUEST"


async def test_a_certificate_that_is_not_trusted_breaks_both_ends(contexts: Contexts) -> None:
    with trio.fail_after(DEADLINE):
        near, far = await sockets()
        causes: list[BaseException | None] = []

        async def shake(stream: TlsStream) -> None:
            try:
                await stream.do_handshake()
                await stream.receive_some()
            except trio.BrokenResourceError as error:
                causes.append(error.__cause__)

        async with (
            TlsStream(near, ssl.create_default_context(), server_hostname="localhost") as client,
            TlsStream(far, contexts[0], server_side=True) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(shake, client)
            nursery.start_soon(shake, server)
        assert sorted(type(cause).__name__ for cause in causes) == ["SSLCertVerificationError", "SSLError"]


async def test_what_is_left_goes_out_together_with_the_next_flush(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server), trio.open_nursery() as nursery:
        outlet = Outlet(client, nursery.start_soon)
        for number in range(3):
            assert outlet.takes(1000)
            outlet.leave(bytes([number]) * 1000)
        with trio.move_on_after(0.05) as scope:
            await server.receive_some()
        assert scope.cancelled_caught
        flush()
        assert await received(server, 3000) == b"".join(bytes([number]) * 1000 for number in range(3))
        outlet.leave(b"before")
        await outlet.send(b" and after")
        assert await received(server, 16) == b"before and after"


async def test_what_is_left_is_never_within_the_message_of_another(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server), trio.open_nursery() as nursery:
        outlet = Outlet(client, nursery.start_soon)
        outlet.leave(b"a" * 1000)
        await outlet.begin()
        assert not outlet.takes(1)
        await outlet.put(b"b" * 1000)
        flush()
        await outlet.put(b"b" * 1000)
        outlet.end()
        assert outlet.takes(1)
        assert await received(server, 3000) == b"a" * 1000 + b"b" * 2000


async def test_what_a_full_socket_did_not_take_of_what_was_left_is_sent_by_a_task(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, server), trio.open_nursery() as nursery:
        outlet = Outlet(client, nursery.start_soon)
        size, count = PIECE_BYTES, 0
        while outlet.takes(size):
            outlet.leave(bytes([count]) * size)
            flush()
            count += 1
        assert outlet.busy
        nursery.start_soon(outlet.send, bytes([count]) * size)
        data = await received(server, (count + 1) * size)
        assert data == b"".join(bytes([number]) * size for number in range(count + 1))
        await trio.testing.wait_all_tasks_blocked()
        assert outlet.takes(size)


async def test_the_end_of_the_stream_shows_in_that_task_and_not_in_the_flush(contexts: Contexts) -> None:
    async with shaken(contexts) as (client, _):
        with pytest.RaisesGroup(trio.ClosedResourceError):
            async with trio.open_nursery() as nursery:
                outlet = Outlet(client, nursery.start_soon)
                await client.aclose()
                outlet.leave(b"x")
                flush()
                await trio.sleep_forever()
        outlet.close()
        assert not outlet.takes(1)
