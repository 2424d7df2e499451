"""A local cluster as a library: remotes by alias, and requests of them for users.

    async with open_local_cluster(load(path, os.environ)) as local:
        answer = await local.search("alice", "berlin:logs-*,paris:logs-*", {"query": {"match": {"message": "timeout"}}})

Answers are dicts as Elasticsearch's REST API gives them, errors the ElasticsearchException that it would show (``protocol.exceptions.rest``
renders one). Who is cancelled, as by ``trio.move_on_after``, has the remote clusters told to stop.
"""

from __future__ import annotations

import base64
import itertools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
import trio

from gateway.client import metadata, paging, reading, searching
from gateway.client.authorization import LocalSecurity
from gateway.client.calls import Calls
from gateway.client.expressions import group
from gateway.client.remote import Caller, RemoteCluster, Remotes
from gateway.client.settings import CLIENT_SSL_PREFIX, TRANSPORT_SSL_PREFIX, LocalSettings
from gateway.client.users import find_user
from gateway.config import ConfigError
from gateway.tls import client_context
from protocol.errors import ElasticsearchException
from protocol.messages.common import Request, TaskId
from protocol.messages.contexts import CLEAR_SCROLL, CLOSE_POINT_IN_TIME, OPEN_POINT_IN_TIME, SCROLL
from protocol.messages.field_caps import FIELD_CAPS
from protocol.messages.get import GET
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.messages.terms_enum import TERMS_ENUM
from protocol.schema import Message

log = structlog.get_logger("gateway.client")

REQUEST_SECONDS = 300.0
"""How long a request may take where its caller does not say. Elasticsearch itself sets no bound."""


@asynccontextmanager
async def open_local_cluster(settings: LocalSettings, *, request_timeout: float = REQUEST_SECONDS) -> AsyncIterator[LocalCluster]:
    """Connects to all remote clusters, and waits for that as long as ``cluster.remote.initial_connect_timeout`` says; one that cannot be
    connected to is tried again while the block runs. Raises ConfigError and RoleFileError."""
    security = LocalSecurity.load(
        settings.users, settings.path.roles if settings.path.roles.exists() else None, settings.node.name
    )
    local = LocalCluster(settings, security, request_timeout)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        for remote in local.remotes.values():
            nursery.start_soon(remote.run)
        await local.connect()
        try:
            yield local
        except Exception as error:  # noqa: BLE001 - raised below
            failure = error  # to be raised as it is, not in a group of the nursery's
        finally:
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


class LocalCluster(Calls):
    """See the module. ``remotes`` by alias; the calls in the form of REST are those of ``Calls``."""

    def __init__(self, settings: LocalSettings, security: LocalSecurity, request_timeout: float) -> None:
        self.settings = settings
        self.request_timeout = request_timeout
        contexts = _contexts(settings)
        self.remotes = {
            alias: RemoteCluster(alias, remote, settings, security, contexts[remote.credentials is not None])
            for alias, remote in settings.remotes.items()
        }
        self._node_id = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        self._tasks = itertools.count(1)

    async def connect(self) -> None:
        """Waits until each remote cluster is connected, or cannot be."""
        seconds = self.settings.cluster.remote.initial_connect_timeout / 1e9
        async with trio.open_nursery() as nursery:
            for remote in self.remotes.values():
                nursery.start_soon(self._connect, remote, seconds)

    async def _connect(self, remote: RemoteCluster, seconds: float) -> None:
        try:
            await remote.connected(seconds)
        except ElasticsearchException as error:
            log.warning("remote cluster not connected", cluster=remote.alias, reason=str(error))

    def remote(self, alias: str) -> RemoteCluster:
        """Raises no_such_remote_cluster_exception."""
        try:
            return self.remotes[alias]
        except KeyError:
            raise ElasticsearchException("no_such_remote_cluster_exception", f"no such remote cluster: [{alias}]") from None

    def remote_info(self) -> dict[str, Any]:
        """As ``GET _remote/info``."""
        return {alias: remote.info() for alias, remote in self.remotes.items()}

    async def execute(self, user: str, action: str, request: Request) -> Message:
        """The answer to a request whose names have the aliases of their clusters, as REST has it before it is rendered.

        Raises ElasticsearchException: the refusal of the user, the error of a remote cluster, or what cannot be merged.
        """
        execute = _ACTIONS.get(action)
        if execute is None:
            raise ElasticsearchException("illegal_argument_exception", f"action [{action}] is not supported by this client")
        return await execute(self.remotes, self.caller(user), request)

    def by_cluster(self, expressions: Sequence[str]) -> list[list[str]]:
        return [[f"{alias}:{name}" for name in names] for alias, names in group(expressions, self.remotes).items()]

    def caller(self, user: str) -> Caller:
        """A new task of this side, for one request of a user. Raises a security_exception (401) for a user who is not known."""
        find_user(self.settings.users, user)
        return Caller(user, TaskId(self._node_id, next(self._tasks)), self.request_timeout)


async def _search(remotes: Remotes, caller: Caller, request: SearchRequest) -> SearchResponse:
    if request.source is not None and "pit" in request.source:
        return await paging.search_point_in_time(remotes, caller, request)
    groups = group(request.indices, remotes)
    response = await searching.search(remotes, caller, request, groups)
    if request.scroll is not None:
        paging.shown_page(next(iter(groups)), response)
    return response


_ACTIONS: dict[str, Callable[[Remotes, Caller, Any], Awaitable[Message]]] = {
    SEARCH: _search,
    SCROLL: paging.scroll,
    CLEAR_SCROLL: paging.clear_scroll,
    OPEN_POINT_IN_TIME: paging.open_point_in_time,
    CLOSE_POINT_IN_TIME: paging.close_point_in_time,
    FIELD_CAPS: metadata.field_caps,
    RESOLVE_INDEX: metadata.resolve_index,
    RESOLVE_CLUSTER: metadata.resolve_cluster,
    GET: reading.get,
    TERMS_ENUM: reading.terms_enum,
}


def _contexts(settings: LocalSettings) -> dict[bool, ssl.SSLContext | None]:
    """By whether a remote cluster is of the API key model; only of models that are in use. Raises ConfigError."""
    contexts: dict[bool, ssl.SSLContext | None] = {}
    models = {remote.credentials is not None for remote in settings.remotes.values()}
    if True in models:
        options = settings.remote_cluster_client_ssl
        contexts[True] = client_context(options, CLIENT_SSL_PREFIX) if options.enabled else None
    if False in models:
        transport = settings.transport_ssl
        if transport.enabled and transport.certificate is None:
            aliases = ", ".join(alias for alias, remote in settings.remotes.items() if remote.credentials is None)
            raise ConfigError(
                [
                    f"setting [{TRANSPORT_SSL_PREFIX}.certificate] is required, since [{aliases}] has no credentials and is of the "
                    "certificate model"
                ]
            )
        contexts[False] = client_context(transport, TRANSPORT_SSL_PREFIX) if transport.enabled else None
    return contexts
