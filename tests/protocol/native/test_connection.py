"""The machine of both ends: what may be said when."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.native.connection import MOVES, NativeConnection, Received, Side, Started, State, TooLarge
from protocol.native.frames import encode_frame
from protocol.native.messages import (
    MESSAGES,
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
from protocol.native.values import Limits, pack

LIMITS = Limits(frame=4096)

HELLO = Hello([1])
WELCOME = Welcome(1, {})
SAMPLES: dict[str, Callable[[], NativeMessage]] = {
    "hello": lambda: HELLO,
    "welcome": lambda: WELCOME,
    "request": lambda: Request(1, "search"),
    "response": lambda: Response(1),
    "part": lambda: Part(1),
    "error": lambda: Error(1, 404),
    "credit": lambda: Credit(1, 100),
    "cancel": lambda: Cancel(1),
    "ping": Ping,
    "pong": Pong,
    "goaway": Goaway,
}


def ends(*, greeted: bool = True) -> tuple[NativeConnection, NativeConnection]:
    asks, answers = NativeConnection(Side.ASKS, LIMITS), NativeConnection(Side.ANSWERS, LIMITS)
    if greeted:
        deliver(answers, asks.send(HELLO))
        deliver(asks, answers.send(WELCOME))
    return asks, answers


def deliver(to: NativeConnection, data: bytes) -> list[NativeMessage]:
    return [event.message for event in to.receive_data(data) if isinstance(event, Received)]


def raw(message: NativeMessage, body: bytes = b"") -> bytes:
    return encode_frame(message.to_header(), body)


def test_a_conversation() -> None:
    asks, answers = ends()
    question = Request(asks.next_id(), "search", indices=["logs-*"], params={"size": 3}, deadline_ms=500)
    data = asks.send(question, pack({"query": {}}))
    assert list(answers.receive_data(data)) == [Started(question), Received(question, pack({"query": {}}))]
    assert (asks.open_requests, answers.open_requests) == (1, 1)
    answer = Response(1, status=404, headers={"Warning": ["299 …"]})
    assert list(asks.receive_data(answers.send(answer, b"\x80"))) == [Started(answer), Received(answer, b"\x80")]
    assert (asks.open_requests, answers.open_requests) == (0, 0)


def test_an_answer_in_parts() -> None:
    asks, answers = ends()
    deliver(answers, asks.send(Request(1, "search", stream=1000)))
    for message in (Response(1, last=False), Part(1), Part(1, last=True)):
        assert asks.is_open(1)
        deliver(asks, answers.send(message, b"\x90"))
    assert not asks.is_open(1)


def test_an_error_ends_what_has_begun() -> None:
    asks, answers = ends()
    deliver(answers, asks.send(Request(1, "search", stream=1000)))
    deliver(asks, answers.send(Response(1, last=False)))
    deliver(asks, answers.send(Error(1, 500), pack({})))
    with pytest.raises(WireError, match=r"a \[part\] for the request \[1\], which is not open"):
        deliver(asks, raw(Part(1)))


@pytest.mark.parametrize("kind", list(MESSAGES))
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("state", [State.NEW, State.GREETED, State.OPEN, State.LEAVING, State.CLOSED])
def test_every_message_in_every_state_of_either_end(state: State, side: Side, kind: str) -> None:
    asks, answers = ends(greeted=state in (State.OPEN, State.LEAVING))
    sender, receiver = (asks, answers) if side is Side.ASKS else (answers, asks)
    if state in (State.OPEN, State.LEAVING) and kind != "request":
        deliver(answers, asks.send(Request(1, "search", stream=1)))
        if kind == "part":
            deliver(asks, answers.send(Response(1, last=False)))
    for end in (asks, answers):
        end.state = state
    message = SAMPLES[kind]()
    if (state, side, kind) in MOVES:
        deliver(receiver, sender.send(message))
        assert sender.state is receiver.state is MOVES[state, side, kind]
    else:
        with pytest.raises(WireError, match=f"is not expected on a connection that is {state.value}"):
            sender.send(message)
        assert sender.state is state
        with pytest.raises(WireError, match=f"is not expected on a connection that is {state.value}"):
            deliver(receiver, raw(message))
        assert receiver.state is State.CLOSED


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([Request(5, "a"), Request(5, "a")], "the request [5] comes after [5]"),
        ([Request(5, "a"), Request(4, "a")], "the request [4] comes after [5]"),
        ([Cancel(1)], "a [cancel] for the request [1], which nobody made"),
        ([Request(1, "a"), Credit(2, 1)], "a [credit] for the request [2], which nobody made"),
    ],
)
def test_what_a_client_may_not_say(frames: list[NativeMessage], reason: str) -> None:
    _, answers = ends()
    with pytest.raises(WireError) as raised:
        deliver(answers, b"".join(map(raw, frames)))
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([Response(2)], "a [response] for the request [2], which is not open"),
        ([Response(1), Response(1)], "a [response] for the request [1], which is not open"),
        ([Part(1)], "a [part] for the request [1], whose answer has not begun"),
        ([Response(1, last=False), Response(1)], "a [response] for the request [1], whose answer has begun"),
    ],
)
def test_what_a_server_may_not_say(frames: list[NativeMessage], reason: str) -> None:
    asks, _ = ends()
    asks.send(Request(1, "a"))
    with pytest.raises(WireError) as raised:
        deliver(asks, b"".join(map(raw, frames)))
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "a frame of no known kind"),
        ({"kind": "query"}, "a frame of no known kind"),
        ({"kind": 1}, "a frame of no known kind"),
        ({"kind": ["ping"]}, "a frame of no known kind"),
        ({"kind": "request", "method": "search"}, "a [request] without [id]"),
        ({"kind": "request", "id": 1}, "a [request] without [method]"),
        ({"kind": "request", "id": 0, "method": "a"}, "key [id] in a [request] is not an integer from 1 to 9007199254740991"),
        ({"kind": "request", "id": 1.0, "method": "a"}, "key [id] in a [request] is not an integer from 1 to 9007199254740991"),
        ({"kind": "request", "id": True, "method": "a"}, "key [id] in a [request] is not an integer from 1 to 9007199254740991"),
        ({"kind": "request", "id": 2**53, "method": "a"}, "key [id] in a [request] is not an integer from 1 to 9007199254740991"),
        (
            {"kind": "request", "id": 1, "method": "a", "indices": "b"},
            "key [indices] in a [request] is not an array, each a text",
        ),
        (
            {"kind": "request", "id": 1, "method": "a", "indices": [1]},
            "key [indices] in a [request] is not an array, each a text",
        ),
        (
            {"kind": "request", "id": 1, "method": "a", "user": None},
            "key [user] in a [request] is not a map, each value anything",
        ),
        ({"kind": "request", "id": 1, "method": "a", "filter": {}}, "unknown key [filter] in a [request]"),
        ({"kind": "ping", "id": 1}, "unknown key [id] in a [ping]"),
    ],
)
def test_headers_that_are_not_as_declared(header: dict[str, object], reason: str) -> None:
    _, answers = ends()
    with pytest.raises(WireError) as raised:
        deliver(answers, encode_frame(header))
    assert str(raised.value) == reason


def test_only_some_frames_have_a_body() -> None:
    _, answers = ends()
    with pytest.raises(WireError, match=r"a \[ping\] with a body"):
        deliver(answers, raw(Ping(), b"\xc0"))


def test_greetings_may_say_more() -> None:
    asks, answers = ends(greeted=False)
    assert deliver(answers, encode_frame({"kind": "hello", "versions": [1, 2], "colour": "blue"})) == [Hello([1, 2])]
    asks.send(HELLO)
    assert deliver(asks, encode_frame({"kind": "welcome", "version": 1, "limits": {"colours": 7}})) == [
        Welcome(1, {"colours": 7})
    ]


@pytest.mark.parametrize("limits", [{"frame": 4095}, {"frame": -1}, {"header": 0}])
def test_limits_must_make_sense(limits: dict[str, int]) -> None:
    _, answers = ends(greeted=False)
    with pytest.raises(WireError, match=r"a limit \[\w+\] of"):
        deliver(answers, raw(Hello([1], limits=limits)))


def test_a_version_that_was_not_offered() -> None:
    asks, _ = ends(greeted=False)
    asks.send(HELLO)
    with pytest.raises(WireError, match=r"the version \[2\], which was not offered"):
        deliver(asks, raw(Welcome(2, {})))


def test_what_the_other_side_does_not_take_is_not_sent() -> None:
    asks, answers = ends(greeted=False)
    deliver(answers, asks.send(Hello([1], limits={"frame": 5000})))
    deliver(asks, answers.send(Welcome(1, {"frame": 100_000, "header": 5000})))
    deliver(answers, asks.send(Request(1, "search")))
    with pytest.raises(TooLarge, match=r"a frame of \[\d+b\] exceeds the other side's limit of \[5000b\]"):
        answers.send(Response(1), bytes(5000))
    assert answers.is_open(1)
    answers.send(Error(1, 500))
    with pytest.raises(TooLarge, match=r"a header of \[\d+b\] exceeds the other side's limit of \[5000b\]"):
        asks.send(Request(2, "search", indices=["a" * 5000]))
    assert asks.next_id() == 2


headers = st.fixed_dictionaries(
    {"kind": st.sampled_from(sorted(MESSAGES))},
    optional={
        "id": st.integers(-1, 5) | st.none(),
        "method": st.just("a") | st.integers(),
        "version": st.integers(0, 2),
        "versions": st.lists(st.integers(0, 2), max_size=2),
        "limits": st.dictionaries(st.sampled_from(["frame", "x"]), st.integers(-1, 5000), max_size=1),
        "status": st.integers(0, 700),
        "last": st.booleans(),
        "bytes": st.integers(-1, 5),
    },
)


@given(st.sampled_from(list(Side)), st.lists(st.tuples(headers, st.sampled_from([b"", b"\x80", b"\xc1"])), max_size=8))
def test_any_frames_whole_or_byte_by_byte_are_the_same(side: Side, frames: list[tuple[dict[str, object], bytes]]) -> None:
    data = b"".join(encode_frame(header, body) for header, body in frames)

    def outcome(parts: list[bytes]) -> list[object]:
        end = NativeConnection(side, LIMITS)
        if side is Side.ASKS:
            end.send(HELLO)
        seen: list[object] = []
        try:
            for part in parts:
                for event in end.receive_data(part):
                    seen.append(event)  # noqa: PERF402 - what came before an error stays
        except WireError as error:
            seen.append(str(error))
        return [*seen, end.state, end.open_requests]

    assert outcome([data]) == outcome([data[place : place + 1] for place in range(len(data))])
