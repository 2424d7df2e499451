"""The native protocol under fuzzing: what clients send, what gateways answer, and what their bodies ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gateway.cluster_actions import REMOTE_CLUSTER
from gateway.native.asking import Asking
from gateway.native.methods import METHODS, Asked
from protocol.errors import ElasticsearchException, WireError
from protocol.native.connection import NativeConnection, Received, Side
from protocol.native.frames import encode_frame
from protocol.native.messages import (
    Cancel,
    Credit,
    Error,
    Goaway,
    Hello,
    NativeMessage,
    Part,
    Ping,
    Pong,
    Request,
    Response,
    Welcome,
)
from protocol.native.values import Limits, pack, unpack_untrusted
from protocol.versions import V_8_19

LIMITS = Limits(header=4096, frame=64 * 1024, depth=40, elements=2000)
PIECE = 7
REQUESTS = 4

_BODIES: tuple[Any, ...] = (
    {},
    {
        "query": {
            "bool": {"must": [{"match": {"message": {"query": "x", "operator": "and"}}}], "filter": {"range": {"a": {"gte": 1}}}}
        }
    },
    {"size": 3, "from": 1, "sort": [{"a": "desc"}, "_score"], "_source": {"includes": ["a*"]}, "search_after": [1, 2.5]},
    {"aggs": {"t": {"terms": {"field": "a"}, "aggs": {"m": {"avg": {"field": "b"}}}}}, "track_total_hits": 7},
    {"suggest": {"s": {"text": "foo", "term": {"field": "a"}}}, "highlight": {"fields": {"a": {}}}, "collapse": {"field": "a"}},
    {"query": {"query_string": {"query": "a:b AND c*"}}, "fields": ["a", {"field": "b", "format": "x"}], "timeout": "3s"},
    {"field": "level", "string": "E", "size": 3, "index_filter": {"term": {"a": 1}}},
    {"id": "YWJj", "keep_alive": "1m"},
    {"scroll_id": ["a", "b"], "scroll": "1m"},
    [{"body": {"size": 0}, "indices": ["a"], "params": {"size": 1}}, {}],
)
_USER = {"username": "ada", "roles": ["r"], "role_descriptors": [{"r": {}}], "realm": {"name": "x"}, "metadata": {"a": [1, None]}}

_PARAMS = {"get": "id", "open_point_in_time": "keep_alive", "field_caps": "fields"}
"""What has to be said beside the body."""


class Difference(Exception):  # noqa: N818
    """Two ways that must come to the same did not."""


def server(data: bytes) -> None:
    """What a client sends, whole or in pieces, is the same messages, and fails at the same place."""
    _compare(Side.ANSWERS, data)


def client(data: bytes) -> None:
    """What a gateway answers."""
    _compare(Side.ASKS, data)


def value(data: bytes) -> None:
    """Any bytes as a body, and packed again."""
    read = unpack_untrusted(data, LIMITS)
    if unpack_untrusted(pack(read), LIMITS) != read:
        raise Difference(f"{read!r} is not what it was")


def request(data: bytes) -> None:
    """The first byte says which method the rest is the body of, or that it is a user."""
    if not data:
        return
    names = [*METHODS, "user"]
    name = names[data[0] % len(names)]
    body = unpack_untrusted(data[1:], LIMITS)
    with suppress(ElasticsearchException):
        if name == "user":
            if isinstance(body, dict):
                Asking(REMOTE_CLUSTER, Hello([1])).headers(Request(1, "search", user=body))
            return
        params = {_PARAMS[name]: "1m"} if name in _PARAMS else {}
        for step in METHODS[name].plan(Asked(["logs-*"], params, body)).steps:
            if not isinstance(step, ElasticsearchException):
                step.message.encode(V_8_19)


def _compare(side: Side, data: bytes) -> None:
    whole, pieces = _seen(side, [data]), _seen(side, [data[start : start + PIECE] for start in range(0, len(data), PIECE)])
    if whole != pieces:
        raise Difference(f"{whole} is not {pieces}")


def _seen(side: Side, parts: list[bytes]) -> list[object]:
    end, seen = NativeConnection(side, LIMITS), list[object]()
    if side is Side.ASKS:
        end.send(Hello([1]))
    try:
        for part in parts:
            for event in end.receive_data(part):
                seen.append(event)
                if isinstance(event, Received) and isinstance(event.message, Welcome):
                    for number in range(1, REQUESTS):
                        end.send(Request(number, "search", stream=100))
                elif isinstance(event, Received) and isinstance(event.message, Hello):
                    end.send(Welcome(1, {}))
    except WireError as error:
        seen.append(str(error))
    return [*seen, end.state, end.open_requests]


def from_clients() -> Iterator[bytes]:
    hello = _frame(Hello([1], name="fuzz", credentials="k", user=_USER, limits={"frame": 5000}))
    asked = [
        Request(1, "search", indices=["a"], params={"size": 1}, deadline_ms=5, stream=100),
        Credit(1, 5),
        Cancel(1, "x"),
        Ping(),
        Pong(),
    ]
    for body in _BODIES:
        yield hello + _frame(Request(1, "search"), pack(body)) + _frame(Request(2, "msearch"), pack(body))
    for first, second in itertools.permutations(asked, 2):
        yield hello + _frame(first) + _frame(second)


def from_gateways() -> Iterator[bytes]:
    welcome = _frame(Welcome(1, {"frame": 5000, "requests": 7}, "n", "8.19.21"))
    answers = [Response(1), Response(2, last=False), Part(2), Part(2, last=True), Error(1, 404), Ping(), Pong(), Goaway("x")]
    for first, second in itertools.permutations(answers, 2):
        yield welcome + _frame(first, b"\x80" if hasattr(first, "id") else b"") + _frame(second)


def bodies() -> Iterator[bytes]:
    yield from map(pack, (*_BODIES, _USER))


def requests() -> Iterator[bytes]:
    for place, _ in enumerate([*METHODS, "user"]):
        for body in (*_BODIES, _USER):
            yield bytes([place]) + pack(body)


def _frame(message: NativeMessage, body: bytes = b"") -> bytes:
    return encode_frame(message.to_header(), body)
