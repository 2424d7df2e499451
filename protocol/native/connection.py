"""One connection of the native protocol, without any IO, and either end of it.

``receive_data`` takes bytes and yields events; ``send`` makes the bytes of a message. What may come and go in which state is the table
MOVES, the same for both ends; everything else, and every malformed byte, is a WireError after which the connection is closed.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from protocol.errors import WireError
from protocol.native.frames import FrameDecoder, Head, encode_frame, frame_sizes
from protocol.native.messages import (
    MESSAGES,
    WITH_BODY,
    Cancel,
    Credit,
    Error,
    Hello,
    NativeMessage,
    Part,
    Request,
    Response,
    Welcome,
)
from protocol.native.values import VERSION, Limits


class Side(enum.Enum):
    """The two ends: one asks, one answers."""

    ASKS = "asks"
    ANSWERS = "answers"


class State(enum.Enum):
    NEW = "new"
    GREETED = "greeted"
    OPEN = "open"
    LEAVING = "leaving"
    CLOSED = "closed"


MIN_LIMIT = 4096
"""Bytes that every end takes, so that every error can be told."""

_LIMITS = ("header", "frame")

_ASKS, _ANSWERS = Side.ASKS, Side.ANSWERS

MOVES: dict[tuple[State, Side, str], State] = {
    (State.NEW, _ASKS, "hello"): State.GREETED,
    (State.GREETED, _ANSWERS, "welcome"): State.OPEN,
    (State.GREETED, _ANSWERS, "goaway"): State.CLOSED,
} | {
    (state, side, kind): state
    for state in (State.OPEN, State.LEAVING)
    for side, kind in (
        (_ASKS, "request"),
        (_ASKS, "credit"),
        (_ASKS, "cancel"),
        (_ASKS, "ping"),
        (_ASKS, "pong"),
        (_ANSWERS, "response"),
        (_ANSWERS, "part"),
        (_ANSWERS, "error"),
        (_ANSWERS, "ping"),
        (_ANSWERS, "pong"),
    )
}
MOVES |= {(state, _ANSWERS, "goaway"): State.LEAVING for state in (State.OPEN, State.LEAVING)}
"""By state, sender and kind. A request that crosses a goaway is no mistake, so it may still come; it is answered with an error."""


@dataclass(slots=True)
class Started:
    """A message whose body is still coming: what its header says can be acted on."""

    message: NativeMessage


@dataclass(slots=True)
class Received:
    """A whole message; the body is msgpack that nobody has looked at."""

    message: NativeMessage
    body: bytes = field(default=b"", repr=False)


Event = Started | Received


class TooLarge(ValueError):  # noqa: N818
    """A frame that the other end does not take; nothing was sent."""


class NativeConnection:
    """``side`` is this end's. ``limits`` are what it takes; ``peer`` what the other end takes, as soon as it has said so.

    ``messages`` may declare other headers for some kinds: a gateway tells a backend more than a client tells a gateway.
    """

    def __init__(self, side: Side, limits: Limits, *, messages: Mapping[str, type[NativeMessage]] | None = None) -> None:
        self.side = side
        self.limits = limits
        self.peer = Limits()
        self.state = State.NEW
        self._other = _ANSWERS if side is _ASKS else _ASKS
        self._messages = MESSAGES | dict(messages or {})
        self._decoder = FrameDecoder(limits)
        self._last_id = 0
        self._open: set[int] = set()
        self._begun: set[int] = set()
        self._current: NativeMessage | None = None

    @property
    def mid_message(self) -> bool:
        """Whether a part of a frame has come, and the rest has not."""
        return self._decoder.buffered > 0

    @property
    def open_requests(self) -> int:
        """Requests without the last of their answer."""
        return len(self._open)

    def is_open(self, request_id: int) -> bool:
        return request_id in self._open

    def next_id(self) -> int:
        """For the next request to send."""
        return self._last_id + 1

    def receive_data(self, data: bytes | bytearray | memoryview) -> Iterator[Event]:
        """The events that these bytes complete. Raises WireError and closes the connection where they are not what may come."""
        try:
            for item in self._decoder.receive(data):
                if isinstance(item, Head):
                    self._current = self._message_untrusted(item)
                    if item.body_size:
                        yield Started(self._current)
                elif self._current is not None:
                    yield Received(self._current, item.body)
        except WireError:
            self.state = State.CLOSED
            raise

    def send(self, message: NativeMessage, body: bytes = b"") -> bytes:
        """The frame of a message. Raises TooLarge, and WireError for what may not be sent now; then nothing has changed."""
        frame = encode_frame(message.to_header(), body)
        length, header = frame_sizes(frame)
        if length > self.peer.frame:
            raise TooLarge(f"a frame of [{length}b] exceeds the other side's limit of [{self.peer.frame}b]")
        if header > self.peer.header:
            raise TooLarge(f"a header of [{header}b] exceeds the other side's limit of [{self.peer.header}b]")
        self._move(self.side, message)
        return frame

    def _message_untrusted(self, head: Head) -> NativeMessage:
        kind = head.header.get("kind")
        declared = self._messages.get(kind) if isinstance(kind, str) else None
        if declared is None:
            raise WireError("a frame of no known kind")
        if head.body_size and kind not in WITH_BODY:
            raise WireError(f"a [{kind}] with a body")
        message = declared.from_header(head.header)
        self._move(self._other, message)
        return message

    def _move(self, sender: Side, message: NativeMessage) -> None:
        state = MOVES.get((self.state, sender, message.kind))
        if state is None:
            raise WireError(f"a [{message.kind}] is not expected on a connection that is {self.state.value}")
        if isinstance(message, Request):
            if message.id <= self._last_id:
                raise WireError(f"the request [{message.id}] comes after [{self._last_id}]")
            self._last_id = message.id
            self._open.add(message.id)
        elif isinstance(message, Response | Part | Error):
            self._answered(message)
        elif isinstance(message, Credit | Cancel):
            if message.id > self._last_id:
                raise WireError(f"a [{message.kind}] for the request [{message.id}], which nobody made")
        elif isinstance(message, Hello | Welcome) and sender is self._other:
            self._learn(message)
        self.state = state

    def _answered(self, message: Response | Part | Error) -> None:
        if message.id not in self._open:
            raise WireError(f"a [{message.kind}] for the request [{message.id}], which is not open")
        begun = message.id in self._begun
        if begun if isinstance(message, Response) else isinstance(message, Part) and not begun:
            raise WireError(f"a [{message.kind}] for the request [{message.id}], whose answer has {'' if begun else 'not '}begun")
        if isinstance(message, Error) or message.last:
            self._open.discard(message.id)
            self._begun.discard(message.id)
        else:
            self._begun.add(message.id)

    def _learn(self, message: Hello | Welcome) -> None:
        if isinstance(message, Welcome) and message.version != VERSION:
            raise WireError(f"the version [{message.version}], which was not offered")
        said = {key: value for key, value in message.limits.items() if key in _LIMITS}
        for key, value in said.items():
            if value < MIN_LIMIT:
                raise WireError(f"a limit [{key}] of [{value}], less than [{MIN_LIMIT}]")
        self.peer = replace(self.peer, **said)
