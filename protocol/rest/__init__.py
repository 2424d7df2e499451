"""Requests and responses in Elasticsearch's REST JSON: the language of the client, the native protocol and the backends in other languages.

    request = search_request(["logs-*"], {"query": {"match": {"message": "timeout"}}}, {"size": "3"})
    render_search(response, typed_keys=True)               # what a node's REST API prints, member for member
    parse_search_response(json, request.source)            # a message, of an answer that somebody gave in JSON
    FORMS["indices:data/read/get"].request(Call(["logs"], id="1"))

*Call*: indices, parameters of the URL, and a body. *Form*: how one action becomes a call and its answer JSON, both ways.
*Canonical*: the one form of a body that the declared messages have; everything that REST allows becomes it (:mod:`.canonical`).
*Place*: where in a body something is wrong, for errors in the words and with the positions of Elasticsearch's parsers.
"""

from protocol.rest.calls import Call, count_call
from protocol.rest.errors import parse_error, parse_rest_error
from protocol.rest.forms import FORMS, RestForm
from protocol.rest.search_request import search_call, search_request
from protocol.rest.search_response import render_count, render_search, render_shard_failure
from protocol.rest.search_results import parse_search_response

__all__ = [
    "FORMS",
    "Call",
    "RestForm",
    "count_call",
    "parse_error",
    "parse_rest_error",
    "parse_search_response",
    "render_count",
    "render_search",
    "render_shard_failure",
    "search_call",
    "search_request",
]
