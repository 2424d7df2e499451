"""Asks the program, each request over one of the connections."""

from __future__ import annotations

from typing import Any

import trio

from gateway.backends.decoding.source import Described, Json
from gateway.backends.socket.pool import Place, Pool
from gateway.configuration.model import Settings
from gateway.native.client import NativeClient
from gateway.node import RELEASE, NodeIdentity
from protocol.errors import ElasticsearchException
from protocol.native.values import Limits


class SocketSource:
    """See ``gateway.backends.decoding.source.Source``. ``timeout`` in seconds; ``opened`` makes a place of other settings."""

    def __init__(self, place: Place, identity: NodeIdentity, limits: Limits, *, connections: int, timeout: float) -> None:
        self.name = f"[{place}]"
        self._pool = Pool(place, f"rcgateway {RELEASE} {identity.node_name}", limits, connections, self._describe)
        self._timeout = timeout
        self._described: Described | None = None

    @property
    def problem(self) -> str | None:
        return self._pool.problem

    async def run(self, described: Described) -> None:
        self._described = described
        await self._pool.run()

    def renew(self, settings: Settings) -> None:
        """Certificates are read again, for connections that are opened from now on."""
        # The other way round, opening has to know the source.
        from gateway.backends.socket.opening import place_of

        self._pool.renew(place_of(settings.backend.socket))

    async def search(self, request: Json) -> Any:
        return await self._ask("search", request)

    async def get(self, request: Json) -> Any:
        return await self._ask("get", request)

    async def _ask(self, method: str, request: Json) -> Any:
        """Raises ElasticsearchException, also for a connection that ends meanwhile: whether the request was done nobody knows then, and
        it is not asked again."""
        client = await self._pool.connection()
        with trio.move_on_after(self._timeout):
            try:
                answer = await client.call(method, body=request, deadline_ms=max(1, int(self._timeout * 1000)))
            except trio.TooSlowError:
                raise ElasticsearchException("node_disconnected_exception", f"{self.name} takes nothing") from None
            return answer.body
        raise ElasticsearchException("timeout_exception", f"{self.name} has not answered within [{self._timeout:g}s]")

    async def _describe(self, client: NativeClient) -> None:
        answer = await client.call("describe")
        if self._described is not None:
            self._described(answer.body)
