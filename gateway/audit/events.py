"""What happened, as events: requests once they have been answered, connections when they are refused.

Names and their meaning are those of Elasticsearch's ``LoggingAuditTrail``. One request has one event; another one tells of run-as, and of
the authentication where that is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Self
from weakref import WeakKeyDictionary

import structlog

from gateway.audit.claims import claimed_authentication, claimed_key_id, realm_of, run_as_fields, user_fields
from gateway.audit.filters import EventFilter
from gateway.audit.output import FileOutput, LogOutput, open_output
from gateway.authentication.subjects import Subject
from gateway.authorization.grant import Grant
from gateway.authorization.roles import Role
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.config import Settings
from gateway.peer import Peer
from protocol.errors import ElasticsearchException
from protocol.events import RequestReceived
from protocol.exceptions import status_of
from protocol.frames import Header
from protocol.security import AUTHENTICATION_HEADER, Authentication

log = structlog.get_logger("gateway.audit")

MAX_TEXT = 4096
"""Characters of one text in an event. Names of indices and of users come from outside."""
DATASET = "rcgateway.audit"
NOT_DECODED = "not decoded"
"""In the place of the names of indices that a request has where nobody here has read them."""

_CLASSES: Mapping[str, tuple[list[str], list[str]]] = MappingProxyType(
    {
        "access_granted": (["database", "network"], ["access", "allowed"]),
        "access_denied": (["database", "network"], ["access", "denied"]),
        "authentication_success": (["authentication"], ["start"]),
        "authentication_failed": (["authentication"], ["start"]),
        "anonymous_access_denied": (["authentication", "network"], ["start", "denied"]),
        "tampered_request": (["authentication", "network"], ["start", "denied"]),
        "run_as_granted": (["authentication", "network"], ["access", "allowed"]),
        "run_as_denied": (["authentication", "network"], ["access", "denied"]),
        "request_refused": (["network"], ["protocol", "denied"]),
        "connection_granted": (["network"], ["connection", "allowed"]),
        "connection_denied": (["network"], ["connection", "denied"]),
    }
)
"""``event.category`` and ``event.type`` by ``event.action``."""

Event = dict[str, Any]


class Stage(Enum):
    """What a request was at when it failed."""

    RECEIVED = auto()
    AUTHENTICATION = auto()
    ROLE = auto()
    DECODING = auto()
    AUTHORIZATION = auto()


@dataclass(slots=True)
class Progress:
    """How far a request has come, filled in on the way. ``asked`` are the index expressions in it, not known where it was not
    ``decoded``; one that was cancelled has neither an answer nor an error."""

    stage: Stage = Stage.RECEIVED
    subject: Subject | None = None
    role: Role | None = None
    asked: tuple[str, ...] = ()
    decoded: bool = True
    grant: Grant | None = None
    answered: bool = False
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class _About:
    """For whom a request was made, believed or not, the fields of an event that say so, and which events there are of a request of theirs
    that was allowed and answered."""

    authentication: Authentication | None
    user: str | None
    realm: str | None
    roles: Sequence[str]
    fields: Event
    answered: tuple[str, ...] = ()


class Audit:
    """Never raises from the methods that tell of an event: what goes wrong here is logged, and takes no request down."""

    def __init__(
        self,
        events: EventFilter | None,
        write: Callable[[Event], None],
        *,
        node: str = "",
        max_indices: int = 64,
        output: LogOutput | FileOutput | None = None,
    ) -> None:
        """``events``: ``None`` for no audit at all."""
        self._events = events
        self._write = write
        self._node = node
        self._max_indices = max_indices
        self._known: WeakKeyDictionary[Role, _About] = WeakKeyDictionary()
        self._output = output

    @classmethod
    def build(cls, settings: Settings, write: Callable[[Event], None] | None = None) -> Self:
        """``write`` takes the place of ``audit.output``. Raises ConfigError."""
        security, here = settings.xpack.security.audit, settings.audit
        if not security.enabled:
            return cls(None, _nowhere)
        events = EventFilter(security.logfile.events)
        output = open_output(here) if write is None else None
        return cls(events, write or output or _nowhere, node=settings.node.name, max_indices=here.max_indices, output=output)

    async def run(self) -> None:
        """What the output has to do in the background."""
        if self._output is not None:
            await self._output.run()

    def close(self) -> None:
        if self._output is not None:
            self._output.close()

    def request(
        self,
        request: RequestReceived,
        peer: Peer,
        progress: Progress,
        error: ElasticsearchException | None,
        duration: int,
    ) -> None:
        """A request, once its answer is there; ``duration`` in nanoseconds."""
        if self._events is None:
            return
        try:
            sizes: dict[str, Any] = {"source.bytes": len(request.payload), "destination.bytes": progress.bytes_out}
            if request.compression is not None:
                sizes["rcgateway.compression"] = request.compression.name.lower()
            self._request(self._events, request.header, peer, progress, error, {"event.duration": duration, **sizes})
        except Exception:
            log.exception("audit event lost", connection=peer.connection, action=request.header.action)

    def refused_header(self, header: Header, peer: Peer, error: ElasticsearchException) -> None:
        """A request that was refused by its header, and of which no more came."""
        if self._events is None:
            return
        try:
            self._request(self._events, header, peer, Progress(Stage.AUTHENTICATION), error, {})
        except Exception:
            log.exception("audit event lost", connection=peer.connection, action=header.action)

    def connection_denied(self, peer: Peer, reason: str, *, rule: str | None = None) -> None:
        """A connection that was closed before it could be used. ``rule``: the line of the IP filter, as in ``deny 10.0.0.0/8``."""
        self._connection("connection_denied", peer, reason, rule)

    def connection_granted(self, peer: Peer, *, rule: str | None = None) -> None:
        """A connection that the IP filter let in."""
        self._connection("connection_granted", peer, None, rule)

    def _connection(self, name: str, peer: Peer, reason: str | None, rule: str | None) -> None:
        events = self._events
        if events is None or not events.includes(name) or events.ignores(None, None, (), (), None):
            return
        event = self._event(name, peer, "success" if reason is None else "failure")
        if reason is not None:
            event["error.message"] = _short(reason)
        if rule is not None:
            event["rule.name"] = rule
        self._write(event)

    def _request(
        self,
        events: EventFilter,
        header: Header,
        peer: Peer,
        progress: Progress,
        error: ElasticsearchException | None,
        facts: Mapping[str, Any],
    ) -> None:
        about = self._about(header, peer, progress)
        if error is None and progress.answered and progress.role is not None:
            name, names = "access_granted", about.answered
        else:
            name = _name(header, peer, progress, error)
            names = _included(events, name, progress)
        if not names:
            return
        indices = progress.asked if progress.grant is None else progress.grant.names or ()
        if events.ignores(about.user, about.realm, about.roles, indices, header.action):
            return
        common = self._common(header, about, progress)
        for each in names:
            main = each == name
            event = self._event(each, peer, _outcome(progress, error) if main else "success")
            if each.startswith("run_as") and about.authentication is not None:
                event |= {field: value for field, value in common.items() if not field.startswith("user.")}
                event |= run_as_fields(about.authentication)
            else:
                event |= common
            if main:
                event |= facts
                if error is not None:
                    _put_error(event, error, told=_may_be_told(name, progress.stage))
            self._write(event)

    def _event(self, name: str, peer: Peer, outcome: str) -> Event:
        event: Event = {
            "@timestamp": _timestamp(time.time_ns() // 1_000_000),
            **_named(name),
            "event.outcome": outcome,
            "service.node.name": self._node,
            "source.address": f"{peer.address}:{peer.port}",
            "source.ip": peer.address,
            "source.port": peer.port,
            "rcgateway.connection": peer.connection,
            "rcgateway.interface": peer.interface,
        }
        if peer.certificate_subject is not None:
            event["tls.client.subject"] = peer.certificate_subject
        return event

    def _about(self, header: Header, peer: Peer, progress: Progress) -> _About:
        """For whom a request was made; once for each role, which its requests have in common."""
        role = progress.role
        by_key = peer.interface == REMOTE_CLUSTER
        if role is None or self._events is None:
            return _about(header, progress.subject, by_key=by_key)
        known = self._known.get(role)
        if known is None:
            made = _about(header, role.subject, by_key=by_key)
            done = Progress(Stage.AUTHORIZATION, role.subject, role, answered=True)
            known = self._known[role] = replace(made, answered=_included(self._events, "access_granted", done))
        return known

    def _common(self, header: Header, about: _About, progress: Progress) -> Event:
        headers = header.request_headers
        event: Event = {
            "rcgateway.action": _short(header.action),
            "rcgateway.request.id": header.request_id,
            **about.fields,
        }
        self._put_indices(event, progress)
        if text := headers.get("_xpack_audit_request_id"):
            event["rcgateway.request.audit_id"] = _short(text)
        if text := headers.get("X-Opaque-Id"):
            event["rcgateway.opaque_id"] = _short(text)
        trace = headers.get("trace.id")
        if not trace and (parent := headers.get("traceparent")) is not None:
            trace = _trace(parent)
        if trace:
            event["trace.id"] = _short(trace)
        return event

    def _put_indices(self, event: Event, progress: Progress) -> None:
        grant = progress.grant
        if not progress.decoded:
            event["rcgateway.indices"] = NOT_DECODED
        if progress.asked:
            self._put_names(event, "rcgateway.indices_requested", progress.asked)
        if grant is None:
            return
        if grant.names:
            self._put_names(event, "rcgateway.indices", grant.names)
        if grant.access:
            rules = grant.access.items()
            self._put_names(event, "rcgateway.document_rules", [index for index, access in rules if access.queries])
            self._put_names(event, "rcgateway.field_rules", [index for index, access in rules if access.fields is not None])

    def _put_names(self, event: Event, field: str, names: Sequence[str]) -> None:
        if names:
            event[field] = [_short(name) for name in names[: self._max_indices]]
            if len(names) > self._max_indices:
                event[f"{field}_count"] = len(names)


def _nowhere(_: Event) -> None:
    """Where nothing is audited."""


def _about(header: Header, subject: Subject | None, *, by_key: bool) -> _About:
    authentication = claimed_authentication(header, cross_cluster=by_key) if subject is None else subject.authentication
    fields = {} if authentication is None else user_fields(authentication)
    if subject is not None and subject.key is not None:
        fields["rcgateway.api_key.id"] = subject.key.id
        fields["rcgateway.api_key.name"] = subject.key.name
        fields["rcgateway.api_key.owner"] = subject.key.owner
    elif by_key and (claimed := claimed_key_id(header)) is not None:
        fields["rcgateway.api_key.id"] = claimed
    if authentication is None:
        return _About(None, None, None, (), fields)
    user = authentication.user
    return _About(authentication, user.username, realm_of(authentication), user.roles, fields)


def _timestamp(milliseconds: int) -> str:
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@cache
def _named(name: str) -> Event:
    category, kind = _CLASSES[name]
    return {
        "log.level": "info",
        "message": name,
        "event.kind": "event",
        "event.category": category,
        "event.type": kind,
        "event.dataset": DATASET,
        "event.action": name,
    }


def _outcome(progress: Progress, error: ElasticsearchException | None) -> str:
    if error is not None:
        return "failure"
    return "success" if progress.answered else "unknown"  # nobody waited for the answer


def _name(header: Header, peer: Peer, progress: Progress, error: ElasticsearchException | None) -> str:
    """The name of the one event of a request."""
    if error is None:
        return "access_granted"
    if progress.grant is not None:
        # What is refused for security's sake although all names are allowed; other failures are those of an allowed request.
        return "access_denied" if error.type == "security_exception" else "access_granted"
    match progress.stage:
        case Stage.AUTHENTICATION if peer.interface == REMOTE_CLUSTER:
            return "authentication_failed"
        case Stage.AUTHENTICATION if AUTHENTICATION_HEADER not in header.request_headers:
            return "anonymous_access_denied"
        case Stage.AUTHENTICATION:
            readable = claimed_authentication(header, cross_cluster=False) is not None
            return "authentication_failed" if readable else "tampered_request"
        case Stage.ROLE:
            return "access_denied"
        case Stage.AUTHORIZATION if _is_run_as(progress) and not _may_run_as(progress):
            return "run_as_denied"
        case Stage.AUTHORIZATION:
            return "access_denied"
        case _:
            return "request_refused"


def _included(events: EventFilter, name: str, progress: Progress) -> tuple[str, ...]:
    """The events of a request, its own last."""
    subject = progress.subject
    system = name == "access_granted" and subject is not None and subject.authentication.user.internal
    names = [each for each in _before(progress, name) if events.includes(each)]
    if events.includes("system_access_granted" if system else name):
        names.append(name)
    return tuple(names)


def _before(progress: Progress, name: str) -> list[str]:
    """What else there is to tell of a request, besides its own event."""
    extras: list[str] = []
    if progress.subject is not None:
        extras.append("authentication_success")
    if name != "run_as_denied" and progress.stage is Stage.AUTHORIZATION and _is_run_as(progress):
        extras.append("run_as_granted")
    return extras


def _is_run_as(progress: Progress) -> bool:
    """Whether it is decided here that one user acts for another: with an API key it has been decided on the local cluster."""
    role = progress.role
    return role is not None and role.subject.key is None and role.subject.authentication.is_run_as


def _may_run_as(progress: Progress) -> bool:
    role = progress.role
    return role is not None and role.subject.authentication.looked_up_by is not None and role.check_run_as().allowed


def _may_be_told(name: str, stage: Stage) -> bool:
    """Whether an error's text may be in the event. One of a search, or of bytes that make no sense, may hold what the user looked for."""
    return name != "access_granted" and stage is not Stage.DECODING


def _put_error(event: Event, error: ElasticsearchException, *, told: bool) -> None:
    event["error.type"] = error.type
    event["error.code"] = str(status_of(error))
    if not told:
        return
    if error.reason is not None:
        event["error.message"] = _short(error.reason)
    causes = [error.cause] if error.cause is not None else []
    while causes and causes[-1].cause is not None and len(causes) < 5:
        causes.append(causes[-1].cause)
    if causes:
        event["rcgateway.error.causes"] = [_short(f"{cause.type}: {cause.reason}") for cause in causes]
    if unsuccessful := error.metadata.get("es.additional_unsuccessful_credentials"):
        event["rcgateway.error.credentials"] = [_short(text) for text in unsuccessful]


def _trace(traceparent: str) -> str | None:
    """The trace id within ``traceparent`` (W3C Trace Context)."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
