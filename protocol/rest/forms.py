"""Every action by its REST form: what its request and its response are as JSON.

form = FORMS["indices:data/read/search"]
request = form.request(Call(["logs-*"], {"size": "3"}, {"query": {"match_all": {}}}))
form.call(request)               # the same, as a call again
form.show(response, {"typed_keys": "true"})
form.read(json)                  # the response that such JSON stands for
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.messages.common import Request
from protocol.messages.contexts import CLEAR_SCROLL, CLOSE_POINT_IN_TIME, OPEN_POINT_IN_TIME, SCROLL
from protocol.messages.field_caps import FIELD_CAPS
from protocol.messages.get import GET
from protocol.messages.resolve import RESOLVE_CLUSTER, RESOLVE_INDEX
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.stats import REMOTE_CLUSTER_STATS
from protocol.messages.terms_enum import TERMS_ENUM
from protocol.rest import metadata_forms, page_forms, read_forms
from protocol.rest.calls import Call
from protocol.rest.canonical import unsupported
from protocol.rest.parameters import Given, Parameters
from protocol.rest.places import illegal
from protocol.rest.search_request import search_call, search_request
from protocol.rest.search_response import render_search
from protocol.rest.search_results import parse_search_response
from protocol.schema import Message
from protocol.versions import V_8_19

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RestForm:
    """How one action looks in REST. All raise ElasticsearchException: ``request`` as a node's REST layer does, the others with the
    name of what cannot be shown or read."""

    action: str
    request: Callable[[Call], Request]
    call: Callable[[Any], Call]
    show: Callable[[Any, Given], Json]
    """The body of the answer. The parameters are those of the call that say how it is printed, such as ``typed_keys``."""
    read: Callable[[Mapping[str, Any]], Message]
    """The response that a body stands for."""


def _show_search(response: Any, params: Given) -> Json:
    parameters = Parameters(params, "")
    return render_search(
        response,
        typed_keys=parameters.flag("typed_keys", False),
        total_as_int=parameters.flag("rest_total_hits_as_int", False),
        named_scores=parameters.flag("include_named_queries_score", False),
    )


def _guarded(read: Callable[[Mapping[str, Any]], Message]) -> Callable[[Mapping[str, Any]], Message]:
    def guarded(body: Mapping[str, Any]) -> Message:
        try:
            response = read(body)
            # Whatever has another type than its field is found by writing it.
            response.encode(V_8_19)
            return response
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            raise illegal(f"malformed response: {type(error).__name__}: {error}") from None

    return guarded


def _unreadable(what: str) -> Callable[[Mapping[str, Any]], Message]:
    def refuse(_: Mapping[str, Any]) -> Message:
        raise unsupported(f"a response of [{what}] that is read")

    return refuse


def _search(call: Call) -> SearchRequest:
    return search_request(call.indices, call.body, call.params)


FORMS: Mapping[str, RestForm] = {
    form.action: form
    for form in (
        RestForm(SEARCH, _search, search_call, _show_search, parse_search_response),
        RestForm(
            FIELD_CAPS,
            metadata_forms.field_caps_request,
            metadata_forms.field_caps_call,
            metadata_forms.show_field_caps,
            _guarded(metadata_forms.read_field_caps),
        ),
        RestForm(
            RESOLVE_INDEX,
            metadata_forms.resolve_index_request,
            metadata_forms.resolve_index_call,
            metadata_forms.show_resolve_index,
            _guarded(metadata_forms.read_resolve_index),
        ),
        RestForm(
            RESOLVE_CLUSTER,
            metadata_forms.resolve_cluster_request,
            metadata_forms.resolve_cluster_call,
            metadata_forms.show_resolve_cluster,
            _unreadable(RESOLVE_CLUSTER),
        ),
        RestForm(
            REMOTE_CLUSTER_STATS,
            metadata_forms.stats_request,
            metadata_forms.stats_call,
            metadata_forms.show_stats,
            _unreadable(REMOTE_CLUSTER_STATS),
        ),
        RestForm(GET, read_forms.get_request, read_forms.get_call, read_forms.show_get, _guarded(read_forms.read_get)),
        RestForm(
            TERMS_ENUM,
            read_forms.terms_enum_request,
            read_forms.terms_enum_call,
            read_forms.show_terms_enum,
            _guarded(read_forms.read_terms_enum),
        ),
        RestForm(
            OPEN_POINT_IN_TIME,
            page_forms.open_request,
            page_forms.open_call,
            page_forms.show_open,
            _guarded(page_forms.read_open),
        ),
        RestForm(
            CLOSE_POINT_IN_TIME,
            page_forms.close_request,
            page_forms.close_call,
            page_forms.show_freed,
            _guarded(page_forms.read_freed),
        ),
        RestForm(SCROLL, page_forms.scroll_request, page_forms.scroll_call, _show_search, parse_search_response),
        RestForm(
            CLEAR_SCROLL,
            page_forms.clear_request,
            page_forms.clear_call,
            page_forms.show_freed,
            _guarded(page_forms.read_freed),
        ),
    )
}
"""By action: those that have a message here and a form in REST."""
