"""The actions that the gateway knows: which message each carries, and which index names that message asks for.

An action that is not here is answered as Elasticsearch answers one that no handler was registered for; a shard-level action of a real
node that is not offered (those of a search without minimized round trips, scrolls, points in time, ES|QL, CCR) names itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.authorization.actions import HAS_PRIVILEGES_ACTION, is_proxy_action
from protocol.errors import ElasticsearchException, UnsupportedError, WireError
from protocol.messages.cluster_state import CLUSTER_STATE, ClusterStateRequest
from protocol.messages.common import Request, TaskId
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.get import GET, GetRequest
from protocol.messages.handshake import REMOTE_CLUSTER_HANDSHAKE, TRANSPORT_HANDSHAKE, HandshakeRequest
from protocol.messages.info import XPACK_INFO, XPackInfoRequest
from protocol.messages.nodes import REMOTE_CLUSTER_NODES, RemoteClusterNodesRequest
from protocol.messages.options import IndicesOptions
from protocol.messages.proxy import ProxyRequest
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX, ResolveClusterRequest, ResolveIndexRequest
from protocol.messages.search_request import SEARCH, SearchRequest, SearchStart
from protocol.messages.stats import REMOTE_CLUSTER_STATS, RemoteClusterStatsRequest
from protocol.messages.tasks import BAN, BAN_INTERNAL, CANCEL_CHILD, CANCEL_CHILD_INTERNAL, BanRequest, CancelChildRequest
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumRequest
from protocol.versions import TransportVersion
from protocol.wire import Reader


@dataclass(frozen=True, slots=True)
class Targets:
    """The index expressions of a request, as they came (``None``: not known), and how they want to be resolved."""

    names: tuple[str, ...] | None
    options: IndicesOptions


@dataclass(frozen=True, slots=True)
class KnownAction:
    """``targets`` is None for a request that names no indices. ``start``: what is read of a request that is passed on, when that is not
    all of it; it has the same ``indices``."""

    message: type[Request]
    targets: Callable[[Any], Targets] | None = None
    start: type[Request] | None = None


def _search(request: Any) -> Targets:
    return Targets(tuple(request.indices), request.indices_options)


def named_indices(known: KnownAction, message: Request) -> tuple[str, ...]:
    """The index expressions of a message, or of its start."""
    if isinstance(message, SearchStart):
        return tuple(message.indices)
    return () if known.targets is None else known.targets(message).names or ()


def _indices(request: Any) -> Targets:
    return Targets(tuple(request.indices), request.options)


def _one_index(request: Any) -> Targets:
    return Targets(() if request.index is None else (request.index,), request.OPTIONS)


def _names(request: Any) -> Targets:
    return Targets(tuple(request.names), request.options)


ACTIONS: dict[str, KnownAction] = {
    TRANSPORT_HANDSHAKE: KnownAction(HandshakeRequest),
    REMOTE_CLUSTER_HANDSHAKE: KnownAction(HandshakeRequest),
    REMOTE_CLUSTER_NODES: KnownAction(RemoteClusterNodesRequest),
    CLUSTER_STATE: KnownAction(ClusterStateRequest),
    XPACK_INFO: KnownAction(XPackInfoRequest),
    REMOTE_CLUSTER_STATS: KnownAction(RemoteClusterStatsRequest),
    CANCEL_CHILD: KnownAction(CancelChildRequest),
    CANCEL_CHILD_INTERNAL: KnownAction(CancelChildRequest),
    BAN: KnownAction(BanRequest),
    BAN_INTERNAL: KnownAction(BanRequest),
    SEARCH: KnownAction(SearchRequest, _search, SearchStart),
    FIELD_CAPS: KnownAction(FieldCapsRequest, _indices),
    TERMS_ENUM: KnownAction(TermsEnumRequest, _indices),
    GET: KnownAction(GetRequest, _one_index),
    RESOLVE_INDEX: KnownAction(ResolveIndexRequest, _names),
    RESOLVE_CLUSTER: KnownAction(ResolveClusterRequest, _names),
}


def known_action(action: str) -> KnownAction:
    """Raises action_not_found_transport_exception, as Elasticsearch does for an action without a handler."""
    known = ACTIONS.get(action)
    if known is None:
        raise ElasticsearchException(
            "action_not_found_transport_exception", f"No handler for action [{action}]", details={"action": action}
        )
    return known


def decode(known: KnownAction, action: str, payload: bytes, version: TransportVersion) -> Request:
    """The request's message. Raises ElasticsearchException where the payload is not what the action carries."""
    try:
        return known.message.decode(payload, version)
    except UnsupportedError as error:
        raise ElasticsearchException("illegal_argument_exception", str(error)) from None
    except WireError as error:
        raise _malformed(action, error) from None


def decode_if_supported(known: KnownAction, action: str, payload: bytes, version: TransportVersion) -> Request | None:
    """The request's message, or ``None`` where something in it is not done here. Raises like ``decode``."""
    try:
        return known.message.decode(payload, version)
    except UnsupportedError:
        return None
    except WireError:
        return decode(known, action, payload, version)


def decode_start(known: KnownAction, action: str, payload: bytes, version: TransportVersion) -> Request | None:
    """As much of a request as says what it is about, for one that is passed on: who executes it reads the rest. Raises like ``decode``."""
    if known.start is None:
        return decode_if_supported(known, action, payload, version)
    try:
        return known.start.read(Reader(payload, version))
    except WireError as error:
        raise _malformed(action, error) from None


def parent_task(action: str, payload: bytes, version: TransportVersion) -> TaskId:
    """What every request begins with, and one for another node of the cluster holds within (``TransportActionProxy``). Raises
    ElasticsearchException."""
    try:
        if is_proxy_action(action):
            return TaskId.read(Reader(ProxyRequest.decode(payload, version).wrapped, version))
        return TaskId.read(Reader(payload, version))
    except WireError as error:
        raise _malformed(action, error) from None


def user_asked_about(action: str, payload: bytes, version: TransportVersion) -> str | None:
    """The user whose privileges a request asks for; ``None`` where it asks for something else. Raises ElasticsearchException."""
    if action != HAS_PRIVILEGES_ACTION:
        return None
    reader = Reader(payload, version)
    try:
        TaskId.read(reader)
        return reader.string()
    except WireError as error:
        raise _malformed(action, error) from None


def _malformed(action: str, error: WireError) -> ElasticsearchException:
    return ElasticsearchException("transport_serialization_exception", f"Failed to deserialize request [{action}]: {error}")
