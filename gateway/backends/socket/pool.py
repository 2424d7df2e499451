"""The connections to the program: some that are kept open, each for many requests at a time.

Each has a task that opens it, asks for the description, pings it while it is open, and opens another when it has ended, after a pause
that grows. A connection takes requests only when what the program described over it has been understood: a program that
was started again may have become another one.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

import structlog
import trio

from gateway.groups import first
from gateway.links.link import Address
from gateway.links.targets import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from gateway.native.client import NativeClient, connect, over
from protocol.errors import ElasticsearchException
from protocol.native.messages import Hello
from protocol.native.values import VERSION, Limits

log = structlog.get_logger("gateway.backends.socket")

CONNECT_SECONDS: Final = 10.0
PING_SECONDS: Final = 5.0
"""Between a ping's answer and the next ping."""
PONG_SECONDS: Final = 15.0
"""For the answer to a ping."""
DESCRIBE_SECONDS: Final = 10.0
"""Between a description's answer and the next one."""
WAIT_SECONDS: Final = 5.0
"""For a connection to ask over, when there is none."""
MAX_OPEN: Final = 256
"""Requests of one connection that have not been answered, with those that were cancelled: a program that leaves those unanswered
is given no more."""

Ready = Callable[[NativeClient], Awaitable[None]]
"""Raises ElasticsearchException or ValueError where a connection cannot be used."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the program is: at a unix socket, or where ``context`` says how it must prove itself."""

    path: str | None = None
    address: Address | None = None
    context: ssl.SSLContext | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path is not None else str(self.address)

    def open(self, hello: Hello, limits: Limits) -> AbstractAsyncContextManager[NativeClient]:
        if self.path is not None:
            return _unix(self.path, hello, limits)
        if self.address is None or self.context is None:
            raise ValueError("neither a path nor an address")
        return connect(self.address.host, self.address.port, self.context, hello, server_name=self.address.name, limits=limits)


@asynccontextmanager
async def _unix(path: str, hello: Hello, limits: Limits) -> AsyncIterator[NativeClient]:
    stream = await trio.open_unix_socket(path)
    try:
        async with over(stream, hello, limits) as client:
            yield client
    finally:
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(stream)


class Pool:
    """``name`` is what the program is told of the gateway. ``ready`` is called with each new connection before it takes requests, and
    again from time to time."""

    def __init__(self, place: Place, name: str, limits: Limits, connections: int, ready: Ready) -> None:
        self.problem: str | None = None
        """Why there is no connection, where there is none."""
        self._place = place
        self._name = name
        self._limits = limits
        self._connections = connections
        self._ready = ready
        self._open: list[NativeClient] = []
        self._changed = trio.Event()

    def renew(self, place: Place) -> None:
        """For connections that are opened from now on."""
        self._place = replace(self._place, context=place.context)

    async def run(self) -> None:
        """Keeps the connections."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._connections):
                nursery.start_soon(self._keep)

    async def connection(self) -> NativeClient:
        """One to ask over. Raises ElasticsearchException."""
        with trio.move_on_after(WAIT_SECONDS):
            while True:
                client = self._least_busy()
                if client is not None:
                    return client
                if any(each.leaving is None and not each.ended.is_set() for each in self._open):
                    raise ElasticsearchException("circuit_breaking_exception", f"[{self._place}] has too many requests open")
                await self._changed.wait()
        raise ElasticsearchException(
            "node_not_connected_exception", f"[{self._place}] is not connected: {self.problem or 'no answer yet'}"
        )

    def _least_busy(self) -> NativeClient | None:
        able = [each for each in self._open if each.leaving is None and not each.ended.is_set() and each.open_requests < MAX_OPEN]
        return min(able, key=lambda each: each.open_requests, default=None)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = trio.current_time()
            try:
                problem = await _unwrapped(self._one)
            except (OSError, ssl.SSLError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
                problem = str(error) or type(error).__name__
            except (ElasticsearchException, ValueError) as error:
                problem = str(error)
            if trio.current_time() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._tell(problem)
            # Random, so that connections do not come back all at the same moment.
            await trio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("backend connection lost", backend=str(self._place), problem=problem)
        self.problem = problem

    async def _one(self) -> str:
        """One connection, from its beginning to its end. Raises what opening it does."""
        with trio.CancelScope(deadline=trio.current_time() + CONNECT_SECONDS) as opening:
            async with self._place.open(Hello([VERSION], name=self._name), self._limits) as client:
                await self._ready(client)
                opening.deadline = inf
                await self._serve(client)
                return client.leaving or "the connection was closed"
        return f"no answer within [{CONNECT_SECONDS:g}s]"

    async def _serve(self, client: NativeClient) -> None:
        self._open.append(client)
        self.problem = None
        self._wake()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ping, client)
                nursery.start_soon(self._refresh, client)
                await client.ended.wait()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first(group) from None
        finally:
            self._open.remove(client)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _refresh(self, client: NativeClient) -> None:
        while True:
            await trio.sleep(DESCRIBE_SECONDS)
            with trio.fail_after(CONNECT_SECONDS):
                await self._ready(client)


async def _unwrapped(one: Callable[[], Awaitable[str]]) -> str:
    """What it returns, or the first of what it raises; of a cancellation that alone, whatever else ended at the same moment."""
    try:
        return await one()
    except BaseExceptionGroup as group:
        cancelled, rest = group.split(trio.Cancelled)
        raise cancelled or first(rest or group) from None


async def _ping(client: NativeClient) -> None:
    """Ends the connection where no answer comes: also one that takes nothing any more, on which a request may hang that cannot be
    cancelled."""
    while True:
        await trio.sleep(PING_SECONDS)
        answered = trio.Event()

        async def ask(answered: trio.Event) -> None:
            try:
                await client.ping()
            except (ElasticsearchException, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                return  # the connection has ended, which is seen elsewhere
            answered.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, answered)
            with trio.move_on_after(PONG_SECONDS) as waiting:
                await answered.wait()
            if waiting.cancelled_caught:
                await client.abort()
