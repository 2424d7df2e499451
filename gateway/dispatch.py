"""The way of one request: who asks, what for, whether that is allowed, and who answers. One audit event at the end."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
import trio

from gateway.audit import Audit, Progress, Stage
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authentication.models import ApiKeyModel, CertificateModel, SecurityModel
from gateway.authentication.signatures import SignatureVerifier
from gateway.authorization.authorize import authorize_cluster, authorize_indices, authorize_unresolved
from gateway.authorization.cluster_privileges import is_cluster_action
from gateway.authorization.grant import Grant
from gateway.authorization.interceptors import check_rules
from gateway.authorization.privileges import is_index_action
from gateway.authorization.role_files import RoleFileError, RoleStore
from gateway.authorization.roles import Role
from gateway.authorization.subject_roles import build_role
from gateway.backends import AtOnce, Backend, Call, Forwarded, Sender
from gateway.cluster_actions import OWN_ACTIONS, REMOTE_CLUSTER, TRANSPORT, ClusterActions
from gateway.config import Settings
from gateway.limits import SMALL_BYTES, STREAMED_BYTES, InFlightBytes
from gateway.node import NodeIdentity
from gateway.outlet import flush
from gateway.passing import Answer, Caller, Exchange
from gateway.peer import Peer
from gateway.requests import (
    ACTIONS,
    KnownAction,
    decode,
    decode_if_supported,
    decode_start,
    known_action,
    named_indices,
    parent_task,
    user_asked_about,
)
from gateway.tasks import TaskRegistry
from gateway.tls import signing_authorities
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.frames import Header
from protocol.messages.common import Request
from protocol.messages.options import IndicesOptions
from protocol.messages.tasks import BanRequest
from protocol.versions import MINIMUM_COMPATIBLE, TransportVersion

log = structlog.get_logger("gateway.dispatch")

MAX_ROLES = 4096
"""Roles kept by the headers they follow from. A local cluster has one for each of its users and keys that are at work."""


OVERDUE_POLL_SECONDS = 0.25
"""How much later than its deadline a request ends at most that nobody waits for."""

ROLES_POLL_SECONDS = 0.5
"""How soon a changed roles file is noticed: what it takes away is gone within a second. Elasticsearch's watcher looks every five."""


@dataclass(slots=True)
class Dispatcher:
    """The rooms that a request goes through; see DESIGN in the README. ``models`` by interface."""

    settings: Settings
    models: dict[str, SecurityModel]
    keys: ApiKeyStore
    signatures: SignatureVerifier
    roles: RoleStore
    backend: Backend
    cluster_actions: ClusterActions
    tasks: TaskRegistry
    in_flight: InFlightBytes
    audit: Audit
    _closing: ExitStack
    _roles: OrderedDict[tuple[str, ...], Role] = field(default_factory=OrderedDict)
    _roles_of: int = -1
    _exchanges: dict[int, set[Exchange]] = field(default_factory=dict)
    """By connection, requests that are passed on and that no task waits for."""
    _refused: dict[int, tuple[Header, ElasticsearchException]] = field(default_factory=dict)
    """By connection, requests that were refused by their header and of which no event has told."""

    @classmethod
    def build(cls, settings: Settings, identity: NodeIdentity, backend: Backend) -> Self:
        """Opens the key store and the audit, and reads the roles. Raises RoleFileError, ConfigError, sqlite3.Error and OSError where they
        cannot be had."""
        with ExitStack() as closing:
            keys = closing.enter_context(ApiKeyStore(settings.path.data))
            signatures = SignatureVerifier(signing_authorities(settings))
            roles = _load_roles(settings.path.roles)
            tasks = TaskRegistry()
            audit = Audit.build(settings)
            closing.callback(audit.close)
            return cls(
                settings=settings,
                models={REMOTE_CLUSTER: ApiKeyModel(keys, signatures), TRANSPORT: CertificateModel()},
                keys=keys,
                signatures=signatures,
                roles=roles,
                backend=backend,
                cluster_actions=ClusterActions(identity, tasks),
                tasks=tasks,
                in_flight=InFlightBytes(settings.limits.in_flight_bytes),
                audit=audit,
                _closing=closing.pop_all(),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def publish(self, interface: str, host: str, port: int) -> None:
        """Tell the clients of an interface to connect there."""
        self.cluster_actions.nodes[interface] = self.cluster_actions.identity.discovery_node(host, port)

    async def watch_roles(self) -> None:
        """Read the roles file again when it has changed; while it cannot be used, the roles before stay."""
        path = self.settings.path.roles
        seen = _stamp(path)
        while True:
            await trio.sleep(ROLES_POLL_SECONDS)
            if (stamp := _stamp(path)) == seen:
                continue
            seen = stamp
            try:
                self.roles = _load_roles(path)
            except RoleFileError as error:
                log.error("roles not reloaded", file=str(path), problems=error.problems)
                continue
            self._roles.clear()
            log.info("roles reloaded", file=str(path), roles=self.roles.names())

    def check_header(self, header: Header, peer: Peer) -> None:
        """See RequestHandler."""
        try:
            self.models[peer.interface].check_header(header)
        except ElasticsearchException as error:
            self._refused[peer.connection] = header, error
            raise

    async def connection_closed(self, peer: Peer) -> None:
        for exchange in self._exchanges.pop(peer.connection, ()):
            exchange.give_up(None, tell=False)  # the upstream learns of it by the end of its own connection
        if (refused := self._refused.pop(peer.connection, None)) is not None:
            self.audit.refused_header(refused[0], peer, refused[1])
        self.tasks.forget_connection(peer.connection)
        await self.backend.connection_closed(peer.connection)

    async def run(self) -> None:
        """What goes on in the background, besides the roles."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.end_overdue)
            nursery.start_soon(self.audit.run)

    async def end_overdue(self) -> None:
        """Answer requests that nobody waits for with an error, when their time is over."""
        while True:
            await trio.sleep(OVERDUE_POLL_SECONDS)
            now = trio.current_time()
            for exchanges in list(self._exchanges.values()):
                for exchange in [each for each in exchanges if each.deadline <= now]:
                    exchange.give_up(_timeout(exchange.request.header.action))
            flush()

    def start(self, request: RequestReceived, peer: Peer, caller: Caller) -> bool:
        """See RequestHandler: requests that go on to another cluster now, and that the gateway has no part in."""
        action = request.header.action
        at_once = self.backend.at_once
        if at_once is None or action in OWN_ACTIONS or not at_once.takes(peer.connection, len(request.raw)):
            return False
        deadline = trio.current_time() + self.settings.limits.request_timeout / 1e9
        exchange = Exchange(request, peer, caller, self._close, deadline)
        try:
            self.in_flight.take(len(request.payload), action)
            exchange.held = len(request.payload)
            self._send_on(exchange, at_once)
        except ElasticsearchException as error:
            exchange.answered(error)
        except Exception as error:  # noqa: BLE001 - it is logged
            exchange.answered(_bug(error, request, peer))
        return True

    def _send_on(self, exchange: Exchange, at_once: AtOnce) -> None:
        request, peer, progress = exchange.request, exchange.peer, exchange.progress
        _check_version(request.header.version)
        role = self._role(request.header, peer, progress)
        progress.stage = Stage.DECODING
        call = self._call(request, peer, role, *self._understood(request, role, progress))
        exchange.parent = call.parent.node, call.parent.id
        self.tasks.check(exchange.parent)
        exchange.sent = at_once.pass_on(call, exchange.answered, exchange.caller.start_soon)
        self.tasks.started(exchange)
        self._exchanges.setdefault(peer.connection, set()).add(exchange)

    def _close(self, exchange: Exchange, answer: Answer | None) -> None:
        """The end of a request that was started."""
        request, peer, progress = exchange.request, exchange.peer, exchange.progress
        self.in_flight.release(exchange.held)
        if exchange.sent is not None:
            exchange.sent = None  # which knows the exchange: no cycle is to be left
            self.tasks.ended(exchange)
            self._exchanges.get(peer.connection, set()).discard(exchange)
        try:
            failure = self._answered(answer, request, progress)
        except ElasticsearchException as error:
            answer = failure = error
        self._audit(request, peer, progress, failure, time.perf_counter_ns() - exchange.began)
        exchange.caller.answered(request, answer)

    def _answered(self, answer: Answer | None, request: RequestReceived, progress: Progress) -> ElasticsearchException | None:
        """The error that an answer is. Raises circuit_breaking_exception (429)."""
        if answer is None or isinstance(answer, ElasticsearchException):
            return answer
        if isinstance(answer, Forwarded) and answer.size > SMALL_BYTES:
            self._hold(answer, request.header.action)
        progress.answered = True
        progress.bytes_out = len(answer) if isinstance(answer, bytes) else answer.size
        return None if isinstance(answer, bytes) else answer.error

    async def handle(self, request: RequestReceived, peer: Peer) -> bytes | Forwarded:
        """See RequestHandler. Whatever goes wrong is an ElasticsearchException here: a bug in one request is its error and no more."""
        began = time.perf_counter_ns()
        progress = Progress()
        failure: ElasticsearchException | None = None
        try:
            with self.in_flight.hold(len(request.payload), request.header.action):
                answer = await self._answer(request, peer, progress)
            failure = self._answered(answer, request, progress)
            return answer
        except ElasticsearchException as error:
            failure = error
            raise
        except Exception as error:
            failure = _bug(error, request, peer)
            raise failure from error
        finally:
            self._audit(request, peer, progress, failure, time.perf_counter_ns() - began)

    def _hold(self, answer: Forwarded, action: str) -> None:
        """What waits here of an answer that is passed on counts until that is over. Raises circuit_breaking_exception (429)."""
        with ExitStack() as held:
            held.callback(answer.discard)
            held.enter_context(self.in_flight.hold(min(answer.size, STREAMED_BYTES), action))
            answer.discard = held.pop_all().close

    async def _answer(self, request: RequestReceived, peer: Peer, progress: Progress) -> bytes | Forwarded:
        header = request.header
        _check_version(header.version)
        role = self._role(header, peer, progress)
        progress.stage = Stage.DECODING
        if self.backend.passes_on:
            return await self._pass_on(request, peer, role, progress)
        known = known_action(header.action)
        message = decode(known, header.action, request.payload, header.version)
        grant = self._authorize(role, header.action, known, message, progress)
        check_rules(header.action, message, grant)
        answer = self.cluster_actions.answer(header.action, message, peer)
        if answer is not None:
            return answer.encode(header.version)
        return await self._execute(
            Call(header.action, header.version, request.payload, message, grant, message.parent_task), header
        )

    async def _execute(self, call: Call, header: Header) -> bytes | Forwarded:
        deadline = trio.current_time() + self.settings.limits.request_timeout / 1e9
        with self.tasks.track((call.parent.node, call.parent.id), header.request_id, deadline):
            return await self.backend.execute(call)
        raise _timeout(call.action)

    async def _pass_on(self, request: RequestReceived, peer: Peer, role: Role, progress: Progress) -> bytes | Forwarded:
        """For an upstream that enforces the role as well. What is certain already is refused here, as far as the request is understood."""
        header = request.header
        message, grant = self._understood(request, role, progress)
        if self.cluster_actions.asks_for_nodes(message):
            behind = await self.backend.nodes(peer.connection)
            return self.cluster_actions.nodes_with(message, behind, peer).encode(header.version)
        if isinstance(message, BanRequest):
            await self.backend.ban(message, peer.connection)
        answer = self.cluster_actions.answer_for_upstream(header.action, message, peer)
        if answer is not None:
            return answer.encode(header.version)
        return await self._execute(self._call(request, peer, role, message, grant), header)

    def _understood(self, request: RequestReceived, role: Role, progress: Progress) -> tuple[Request | None, Grant]:
        """What there is to know of a request for another cluster, if anything, and that it may go there."""
        action = request.header.action
        known = ACTIONS.get(action)
        message = None if known is None else decode_start(known, action, request.payload, request.header.version)
        return message, self._authorize_passed_on(role, request, known, message, progress)

    def _call(self, request: RequestReceived, peer: Peer, role: Role, message: Request | None, grant: Grant) -> Call:
        header, payload = request.header, request.payload
        parent = message.parent_task if message is not None else parent_task(header.action, payload, header.version)
        return Call(header.action, header.version, payload, message, grant, parent, Sender(header, role, peer, request.raw))

    def _authorize_passed_on(
        self, role: Role, request: RequestReceived, known: KnownAction | None, message: Request | None, progress: Progress
    ) -> Grant:
        action, version = request.header.action, request.header.version
        names: tuple[str, ...] | None = None
        if known is not None and known.targets is not None and message is not None:
            names = progress.asked = named_indices(known, message)
        elif is_cluster_action(action) or not is_index_action(action) or (known is not None and known.targets is None):
            progress.stage = Stage.AUTHORIZATION
            about_user = user_asked_about(action, request.payload, version)
            progress.grant = authorize_cluster(role, action, about_user=about_user)
            return progress.grant
        else:
            progress.decoded = False
            if self.settings.backend.relay.require_decoded:
                raise _not_decoded(action)
        progress.stage = Stage.AUTHORIZATION

        def options() -> IndicesOptions | None:
            if known is None or known.targets is None:
                return None
            whole = decode_if_supported(known, action, request.payload, version)
            if whole is not None:
                return known.targets(whole).options
            if self.settings.backend.relay.require_decoded:
                raise _not_decoded(action)
            return None  # so the upstream has to decide

        progress.grant = authorize_unresolved(role, action, names, options)
        return progress.grant

    def _role(self, header: Header, peer: Peer, progress: Progress) -> Role:
        progress.stage = Stage.AUTHENTICATION
        model = self.models[peer.interface]
        model.check_request(header)
        if self.keys.generation != self._roles_of:
            self._roles.clear()
            self._roles_of = self.keys.generation
        place = (peer.interface, *model.fingerprint(header))
        role = self._roles.get(place)
        if role is None:
            progress.subject = model.subject(header)
            progress.stage = Stage.ROLE
            role = self._roles[place] = build_role(progress.subject, self.roles)
            if len(self._roles) > MAX_ROLES:
                self._roles.popitem(last=False)
        else:
            self._roles.move_to_end(place)
        progress.role, progress.subject = role, role.subject
        return role

    def _authorize(self, role: Role, action: str, known: KnownAction, message: Request, progress: Progress) -> Grant:
        progress.stage = Stage.AUTHORIZATION
        if known.targets is None:
            progress.grant = authorize_cluster(role, action)
        else:
            targets = known.targets(message)
            progress.asked = targets.names or ()
            progress.grant = authorize_indices(role, action, targets.names, targets.options, self.backend.metadata())
        return progress.grant

    def _audit(
        self, request: RequestReceived, peer: Peer, progress: Progress, error: ElasticsearchException | None, duration: int
    ) -> None:
        refused = self._refused.get(peer.connection)
        if refused is not None and refused[0] is request.header:
            del self._refused[peer.connection]  # it is told of here, by the answer that the client gets
        self.audit.request(request, peer, progress, error, duration)


def _load_roles(path: Path) -> RoleStore:
    """Raises RoleFileError."""
    roles = RoleStore.load(path)
    if roles.problems:
        log.error("bad roles", file=str(path), problems=list(roles.problems))
    return roles


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _not_decoded(action: str) -> ElasticsearchException:
    return ElasticsearchException(
        "security_exception",
        f"the indices of [{action}] cannot be decoded, and [backend.relay.require_decoded] is true",
        status=403,
    )


def _timeout(action: str) -> ElasticsearchException:
    return ElasticsearchException("timeout_exception", f"[{action}] was not answered within the gateway's request timeout")


def _bug(error: Exception, request: RequestReceived, peer: Peer) -> ElasticsearchException:
    log.error("request failed", connection=peer.connection, action=request.header.action, exc_info=error)
    return ElasticsearchException("exception", f"internal error of the gateway: {type(error).__name__}", status=500)


def _check_version(version: TransportVersion) -> None:
    if version < MINIMUM_COMPATIBLE:
        raise ElasticsearchException(
            "illegal_state_exception",
            f"Received message from unsupported version: [{version}] minimal compatible version is: [{MINIMUM_COMPATIBLE}]",
        )
