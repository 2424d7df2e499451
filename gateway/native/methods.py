"""What a native client can ask: methods by the names of Elasticsearch's REST API, and the messages that they are.

A method's *plan* for one request is the calls to make, and how their answers are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from gateway.client.metadata import merge_field_caps
from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.node import RELEASE
from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.common import Request
from protocol.messages.contexts import (
    CLEAR_SCROLL,
    CLOSE_POINT_IN_TIME,
    OPEN_POINT_IN_TIME,
    SCROLL,
    FreedResponse,
    OpenPointInTimeResponse,
)
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest, FieldCapsResponse
from protocol.messages.get import GET, GetResponse
from protocol.messages.handshake import (
    REMOTE_CLUSTER_HANDSHAKE,
    TRANSPORT_HANDSHAKE,
    HandshakeRequest,
    HandshakeResponse,
)
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX, ResolveClusterResponse, ResolveIndexResponse
from protocol.messages.search_request import SEARCH
from protocol.messages.search_response import SearchResponse
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumResponse
from protocol.rest import FORMS, count_call, render_count
from protocol.rest import Call as RestCall
from protocol.rest.hits import render_hit
from protocol.rest.parameters import Parameters
from protocol.schema import Message

Json = dict[str, Any]

MAX_SEARCHES: Final = 1024
"""Of one msearch."""

_SEARCH_KEYS: Final = frozenset({"indices", "params", "body"})


@dataclass(frozen=True, slots=True)
class Call:
    """A message to send, and what its answer is."""

    action: str
    message: Request
    answer: type[Message]


Step = Call | ElasticsearchException
"""Of several requests in one, some may be wrong."""

Answer = Message | ElasticsearchException


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, without who asks. ``body`` is what its msgpack says, ``None`` where there is none. ``interface``: where it came."""

    indices: Sequence[str] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    interface: str = REMOTE_CLUSTER


@dataclass(frozen=True, slots=True)
class Plan:
    """``show``: the status and the body of the answer. ``show_in_parts``: the body without its hits, and the hits."""

    steps: Sequence[Step]
    show: Callable[[Sequence[Answer]], tuple[int, Any]]
    show_in_parts: Callable[[Sequence[Answer]], tuple[Json, Iterator[Json]]] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """``action``: for which the credentials are looked at before the body has come. ``system``: asked in the name of the client's own
    cluster, as handshakes are. ``plan`` raises ElasticsearchException."""

    action: str
    plan: Callable[[Asked], Plan]
    system: bool = False


def _rest_call(asked: Asked, **more: Any) -> RestCall:
    for name, value in asked.params.items():
        if not isinstance(value, str | bool | int):
            raise _illegal(f"parameter [{name}] is not a text, a boolean or an integer")
    body = {} if asked.body is None else asked.body
    if not isinstance(body, dict):
        raise ElasticsearchException("x_content_parse_exception", "the body is not a map")
    return RestCall(asked.indices, asked.params, body, **more)


def _simple(action: str, answer: type[Message]) -> Method:
    form = FORMS[action]

    def plan(asked: Asked) -> Plan:
        call = Call(action, form.request(_rest_call(asked)), answer)
        return Plan([call], lambda answers: (_status(answers[0]), form.show(answers[0], asked.params)))

    return Method(action, plan)


def _status(answer: Answer) -> int:
    """404 where nothing was there to be freed, or found."""
    if isinstance(answer, FreedResponse):
        return 200 if answer.freed else 404
    return 404 if isinstance(answer, GetResponse) and not answer.exists else 200


def _search(asked: Asked) -> Plan:
    form = FORMS[SEARCH]
    call = Call(SEARCH, form.request(_rest_call(asked)), SearchResponse)

    def in_parts(answers: Sequence[Answer]) -> tuple[Json, Iterator[Json]]:
        response = cast("SearchResponse", answers[0])
        total_as_int, named_scores = (
            Parameters(asked.params, "").flag(name, False) for name in ("rest_total_hits_as_int", "include_named_queries_score")
        )
        hits = response.hits.hits
        head = form.show(_without_hits(response), asked.params)
        return head, (render_hit(hit, total_as_int=total_as_int, named_scores=named_scores) for hit in hits)

    return Plan([call], lambda answers: (200, form.show(answers[0], asked.params)), in_parts)


def _without_hits(response: SearchResponse) -> SearchResponse:
    return replace(response, hits=replace(response.hits, hits=[]))


def _msearch(asked: Asked) -> Plan:
    began = time.monotonic()
    searches = asked.body
    if not isinstance(searches, list) or not searches:
        raise ElasticsearchException(
            "action_request_validation_exception", "Validation Failed: 1: no requests added;", status=400
        )
    if len(searches) > MAX_SEARCHES:
        raise _illegal(f"[{len(searches)}] searches in one request, more than [{MAX_SEARCHES}]")
    plans = [_one_of(search, asked) for search in searches]

    def shown(plan: Plan | ElasticsearchException, answer: Answer) -> Json:
        if isinstance(plan, ElasticsearchException) or isinstance(answer, ElasticsearchException):
            return rest_error(cast("ElasticsearchException", answer))
        status, body = plan.show([answer])
        return {**body, "status": status}

    def show(answers: Sequence[Answer]) -> tuple[int, Json]:
        took = int((time.monotonic() - began) * 1000)
        return 200, {"took": took, "responses": [shown(plan, one) for plan, one in zip(plans, answers, strict=True)]}

    return Plan([plan if isinstance(plan, ElasticsearchException) else plan.steps[0] for plan in plans], show)


def _one_of(search: Any, asked: Asked) -> Plan | ElasticsearchException:
    """One search of several; what it does not say of parameters the whole request does."""
    try:
        if not isinstance(search, dict) or not _SEARCH_KEYS.issuperset(search):
            raise _illegal("a search is a map with [indices], [params] and [body]")
        indices, params = search.get("indices", list(asked.indices)), search.get("params", {})
        if not isinstance(params, dict) or not (isinstance(indices, list) and all(isinstance(name, str) for name in indices)):
            raise _illegal("[indices] is an array of texts, [params] a map")
        return _search(replace(asked, indices=indices, params={**asked.params, **params}, body=search.get("body")))
    except ElasticsearchException as error:
        return error


def _count(asked: Asked) -> Plan:
    call = Call(SEARCH, FORMS[SEARCH].request(count_call(_rest_call(asked))), SearchResponse)
    return Plan([call], lambda answers: (200, render_count(cast("SearchResponse", answers[0]), asked.params)))


def _field_caps(asked: Asked) -> Plan:
    """As a local cluster asks it of remote ones: by index. Merged here."""
    form = FORMS[FIELD_CAPS]
    request = cast("FieldCapsRequest", form.request(_rest_call(asked)))
    part = replace(request, merge_results=False, include_unmapped=False, now=time.time_ns() // 1_000_000)

    def show(answers: Sequence[Answer]) -> tuple[int, Json]:
        answer = cast("FieldCapsResponse", answers[0])
        if answer.failures and not answer.index_responses:
            raise answer.failures[0].exception
        by_index = {each.index: each for each in answer.index_responses}
        merged = merge_field_caps(by_index, answer.failures, include_unmapped=request.include_unmapped)
        return 200, form.show(merged, asked.params)

    return Plan([Call(FIELD_CAPS, part, FieldCapsResponse)], show)


def _get(asked: Asked) -> Plan:
    form, params = FORMS[GET], dict(asked.params)
    number = params.pop("id", None)
    if number is not None and not isinstance(number, str):
        raise _illegal("parameter [id] is not a text")
    call = Call(GET, form.request(_rest_call(replace(asked, params=params), id=number)), GetResponse)
    return Plan([call], lambda answers: (_status(answers[0]), form.show(answers[0], params)))


def _info(asked: Asked) -> Plan:
    """``GET /``, from the handshake of clusters."""
    if asked.body is not None or asked.indices or asked.params:
        raise _illegal("[info] takes no indices, no parameters and no body")
    action = REMOTE_CLUSTER_HANDSHAKE if asked.interface == REMOTE_CLUSTER else TRANSPORT_HANDSHAKE
    call = Call(action, HandshakeRequest(), HandshakeResponse)

    def show(answers: Sequence[Answer]) -> tuple[int, Json]:
        answer = cast("HandshakeResponse", answers[0])
        return 200, {
            "name": answer.node.name,
            "cluster_name": answer.cluster_name,
            "version": {"number": RELEASE, "build_hash": answer.build_hash},
        }

    return Plan([call], show)


METHODS: Final[Mapping[str, Method]] = {
    "search": Method(SEARCH, _search),
    "msearch": Method(SEARCH, _msearch),
    "count": Method(SEARCH, _count),
    "get": Method(GET, _get),
    "info": Method(REMOTE_CLUSTER_HANDSHAKE, _info, system=True),
    "field_caps": Method(FIELD_CAPS, _field_caps),
    "resolve_index": _simple(RESOLVE_INDEX, ResolveIndexResponse),
    "resolve_cluster": _simple(RESOLVE_CLUSTER, ResolveClusterResponse),
    "terms_enum": _simple(TERMS_ENUM, TermsEnumResponse),
    "open_point_in_time": _simple(OPEN_POINT_IN_TIME, OpenPointInTimeResponse),
    "close_point_in_time": _simple(CLOSE_POINT_IN_TIME, FreedResponse),
    "scroll": _simple(SCROLL, SearchResponse),
    "clear_scroll": _simple(CLEAR_SCROLL, FreedResponse),
}
"""By name."""


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason)
