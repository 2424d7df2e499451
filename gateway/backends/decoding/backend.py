"""A backend around a source: decoded requests in, encoded answers out, and nothing of the source's in between that was not looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from gateway.authorization.expressions import split_selector, unsupported_selector
from gateway.authorization.grant import Grant
from gateway.authorization.metadata import ClusterMetadata
from gateway.backends import Call, ClusterDescription
from gateway.backends.decoding.answers import Wrong, checked_get, checked_search
from gateway.backends.decoding.bodies import body_for, check_get, check_search
from gateway.backends.decoding.description import described
from gateway.backends.decoding.queries import Shown, refused_by_rules, rewritten
from gateway.backends.decoding.source import Json, Source, not_ready, wrong_answer
from gateway.backends.memory.backend import HANDLERS, covered, now_millis
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.fetch import parse_source_option
from gateway.backends.memory.get import check_get as check_known_get
from gateway.backends.memory.restricted import restricted
from gateway.backends.memory.search import Target
from gateway.backends.memory.worker import Worker
from gateway.configuration.model import Settings
from gateway.node import RELEASE, NodeIdentity
from protocol.errors import ElasticsearchException
from protocol.messages.common import DiscoveryNode
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.get import GET, GetRequest
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.tasks import BanRequest
from protocol.rest import FORMS, parse_search_response, search_request
from protocol.schema import Message

log = structlog.get_logger("gateway.backends.decoding")

_OF_NAMES = frozenset({FIELD_CAPS, RESOLVE_INDEX, RESOLVE_CLUSTER})
"""What is answered from the description alone."""


class DecodingBackend:
    """See ``gateway.backends.Backend``."""

    passes_on = False
    at_once = None

    def __init__(self, source: Source, identity: NodeIdentity) -> None:
        self._source = source
        self._identity = identity
        self._cluster: MemoryCluster | None = None
        self._description: Any = None
        self._worker = Worker()

    async def run(self) -> None:
        await self._source.run(self._described)

    def renew(self, settings: Settings) -> None:
        self._source.renew(settings)

    async def nodes(self, connection: int) -> list[DiscoveryNode]:  # noqa: ARG002
        """The gateway's own is the only one."""
        return []

    async def ban(self, request: BanRequest, connection: int) -> None:
        """A request that is cancelled here is cancelled at the source."""

    async def connection_closed(self, connection: int) -> None:
        """Nothing is kept of a connection."""

    async def cluster(self) -> ClusterDescription:
        return ClusterDescription(self._identity.cluster_name, self._identity.cluster_uuid, RELEASE, nodes=1)

    def metadata(self) -> ClusterMetadata:
        """Raises ElasticsearchException (503) as long as the source has described nothing: no name is known to be missing."""
        return self._known().metadata()

    async def execute(self, call: Call) -> bytes:
        cluster = self._known()
        match call.message:
            case SearchRequest() if call.action == SEARCH:
                return await self._search(cluster, call, call.message)
            case GetRequest() if call.action == GET:
                return await self._get(cluster, call, call.message)
        if call.action not in _OF_NAMES:
            raise ElasticsearchException(
                "illegal_argument_exception", f"action [{call.action}] is not supported by the gateway's backend"
            )
        message = call.message
        if isinstance(message, FieldCapsRequest):
            # By what is described every field has values, and every index may hold a match.
            message = replace(message, index_filter=None, include_empty_fields=True)
        return HANDLERS[call.action](cluster, call.grant, message).encode(call.version)

    def _known(self) -> MemoryCluster:
        if self._cluster is None:
            raise not_ready(self._source)
        return self._cluster

    def _described(self, description: Any) -> None:
        if self._cluster is not None and description == self._description:
            return
        self._cluster = described(description, self._identity)
        self._description = description
        log.info("backend described", backend=self._source.name, indices=len(self._cluster.indices))

    async def _search(self, cluster: MemoryCluster, call: Call, request: SearchRequest) -> bytes:
        check_search(request)
        targets = cluster.targets(covered(cluster, call.grant, request.indices_options), request.indices_options)
        source = request.source or {}
        remote = request.local_cluster_alias is not None
        if not targets:
            return HANDLERS[SEARCH](cluster, call.grant, request).encode(call.version)
        asked = _asked(targets, call.grant, lambda shown: body_for(source, shown, final=not remote or request.final_reduce))
        now = request.absolute_start_millis if remote and request.absolute_start_millis >= 0 else now_millis()
        answer = await self._source.search({"targets": asked.targets, "body": asked.body, "now_millis": now})

        def encoded() -> bytes:
            checked = checked_search(answer, source, asked.body, asked.shown)
            response = _read(
                lambda: parse_search_response(
                    checked, source, cluster_alias=request.local_cluster_alias, node_id=self._identity.node_id
                )
            )
            return response.encode(call.version)

        return await self._checked(encoded)

    async def _get(self, cluster: MemoryCluster, call: Call, request: GetRequest) -> bytes:
        check_known_get(request)
        check_get(request)
        if request.index is not None and split_selector(request.index)[1] is not None:
            # Authorization has seen the selector; this request has no place for one.
            raise unsupported_selector(request.index)
        names = covered(cluster, call.grant, request.OPTIONS, data_streams=False)
        targets = cluster.targets(names, request.OPTIONS, data_streams=False)
        if len(targets) != 1:
            raise ElasticsearchException(
                "illegal_argument_exception",
                "unable to return a single index as the index and options provided got resolved to multiple indices",
            )
        # A get by an alias does not look at the alias' filter.
        asked = _asked([replace(targets[0], filters=())], call.grant, lambda _: {})
        ((index, shown),) = asked.shown.items()
        option = parse_source_option(request.source)
        answer = await self._source.get({"target": asked.targets[0], "id": request.id})

        def encoded() -> bytes:
            checked = checked_get(answer, index, request.id, option, shown)
            return _read(lambda: FORMS[GET].read(checked)).encode(call.version)

        return await self._checked(encoded)

    async def _checked(self, encoded: Callable[[], bytes]) -> bytes:
        try:
            return await self._worker.run(encoded)
        except Wrong as wrong:
            log.error("wrong answer of the backend", backend=self._source.name, reason=str(wrong))
            raise wrong_answer(self._source, str(wrong)) from None


@dataclass(frozen=True, slots=True)
class _Asked:
    targets: list[Json]
    body: dict[str, Any]
    shown: dict[str, Shown]


def _asked(targets: Sequence[Target], grant: Grant, body: Callable[[Shown], dict[str, Any]]) -> _Asked:
    """What the source is asked about indices, under what the grant shows of each. Raises ElasticsearchException."""
    shown: dict[str, Shown] = {}
    asked: list[Json] = []
    bodies: list[dict[str, Any]] = []
    for target in targets:
        name = target.index.name
        access = grant.access_to(name)
        # Refuses rules that cannot be enforced, for one a query that uses the current time.
        restricted(target.index, access)
        seen = shown[name] = Shown(target.index, access.fields, bool(access.queries))
        # A role's queries see all fields; the filter of an alias is the reader's.
        filters = [*map(_full, access.filters()), *(rewritten(_full(each), seen) for each in target.filters)]
        asked.append({"index": name, **_filter(filters)})
        if (made := body(seen)) not in bodies:
            bodies.append(made)
    if len(bodies) > 1:
        raise refused_by_rules("one search of indices of which different fields are shown")
    return _Asked(asked, bodies[0], shown)


def _full(query: dict[str, Any]) -> dict[str, Any]:
    """A query of a role or an alias, which is as somebody wrote it, in the form that all others have. Raises ElasticsearchException."""
    full: dict[str, Any] = (search_request([], {"query": query}).source or {})["query"]
    return full


def _filter(filters: list[dict[str, Any]]) -> Json:
    if not filters:
        return {}
    return {"filter": filters[0] if len(filters) == 1 else {"bool": {"filter": filters}}}


def _read(read: Callable[[], Message]) -> Message:
    try:
        return read()
    except ElasticsearchException as error:
        raise Wrong(error.reason or error.type) from None
