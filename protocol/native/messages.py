"""The headers of the frames. Each is declared once, by its fields; docs/native-protocol.md says what they mean.

A key that is not declared is refused, since it may ask for a restriction that would be passed over; only ``hello`` and ``welcome`` may
have more, so that a later version can say more in them.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from protocol.errors import WireError

MAX_NUMBER = (1 << 53) - 1
"""The largest integer that every language's JSON numbers hold."""


@dataclass(frozen=True, slots=True)
class _Between:
    low: int
    high: int


Id = Annotated[int, _Between(1, MAX_NUMBER)]
Count = Annotated[int, _Between(0, MAX_NUMBER)]
Positive = Annotated[int, _Between(1, MAX_NUMBER)]
StatusCode = Annotated[int, _Between(100, 599)]


class NativeMessage:
    """A header. Subclasses are dataclasses; a field without a value or with its default is not sent."""

    kind: ClassVar[str]
    open_ended: ClassVar[bool] = False
    """Whether keys that are not declared are passed over."""

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> Self:
        """Raises WireError."""
        fields = _fields(cls)
        values: dict[str, Any] = {}
        for key, value in header.items():
            known = fields.get(key)
            if known is None:
                if key != "kind" and not cls.open_ended:
                    raise WireError(f"unknown key [{key}] in a [{cls.kind}]")
                continue
            if not known.check(value):
                raise WireError(f"key [{key}] in a [{cls.kind}] is not {known.wanted}")
            values[key] = value
        for key, known in fields.items():
            if known.required and key not in values:
                raise WireError(f"a [{cls.kind}] without [{key}]")
        return cls(**values)

    def to_header(self) -> dict[str, Any]:
        header: dict[str, Any] = {"kind": self.kind}
        for key, known in _fields(type(self)).items():
            value = getattr(self, key)
            if known.required or value != known.default:
                header[key] = value
        return header


@dataclass(slots=True)
class Hello(NativeMessage):
    """The first frame, from the end that asks. ``headers``, ``credentials`` and ``user`` hold for each request that has none of its
    own."""

    kind: ClassVar[str] = "hello"
    open_ended: ClassVar[bool] = True

    versions: list[int]
    name: str = ""
    limits: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] | None = None
    credentials: str | None = None
    user: dict[str, Any] | None = None


@dataclass(slots=True)
class Welcome(NativeMessage):
    """The answer to hello."""

    kind: ClassVar[str] = "welcome"
    open_ended: ClassVar[bool] = True

    version: int
    limits: dict[str, int]
    name: str = ""
    release: str = ""


@dataclass(slots=True)
class Request(NativeMessage):
    """``indices`` and ``params`` are what REST has in the path and the query string. ``stream``: bytes of hits that may come at once."""

    kind: ClassVar[str] = "request"

    id: Id
    method: str
    indices: list[str] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] | None = None
    credentials: str | None = None
    user: dict[str, Any] | None = None
    deadline_ms: Positive | None = None
    stream: Positive | None = None


@dataclass(slots=True)
class Response(NativeMessage):
    """The answer, or where ``last`` is false its beginning."""

    kind: ClassVar[str] = "response"

    id: Id
    status: StatusCode = 200
    last: bool = True
    headers: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Part(NativeMessage):
    """More of an answer."""

    kind: ClassVar[str] = "part"

    id: Id
    last: bool = False


@dataclass(slots=True)
class Error(NativeMessage):
    """The request failed, also within its answer. The body is the error as REST shows it."""

    kind: ClassVar[str] = "error"

    id: Id
    status: StatusCode


@dataclass(slots=True)
class Credit(NativeMessage):
    """So many bytes of parts more may come."""

    kind: ClassVar[str] = "credit"

    id: Id
    bytes: Positive


@dataclass(slots=True)
class Cancel(NativeMessage):
    """Nobody wants the answer any more."""

    kind: ClassVar[str] = "cancel"

    id: Id
    reason: str = ""


@dataclass(slots=True)
class Ping(NativeMessage):
    kind: ClassVar[str] = "ping"


@dataclass(slots=True)
class Pong(NativeMessage):
    kind: ClassVar[str] = "pong"


@dataclass(slots=True)
class Goaway(NativeMessage):
    """The end that answers takes no more requests; what it has taken it still answers."""

    kind: ClassVar[str] = "goaway"

    reason: str = ""


MESSAGES: dict[str, type[NativeMessage]] = {
    each.kind: each for each in (Hello, Welcome, Request, Response, Part, Error, Credit, Cancel, Ping, Pong, Goaway)
}
"""By kind."""

WITH_BODY = frozenset({"request", "response", "part", "error"})


@dataclass(frozen=True, slots=True)
class _Field:
    check: Callable[[Any], bool]
    wanted: str
    required: bool
    default: Any


_known_fields: dict[type[NativeMessage], dict[str, _Field]] = {}


def _fields(cls: type[NativeMessage]) -> dict[str, _Field]:
    known = _known_fields.get(cls)
    if known is None:
        hints = typing.get_type_hints(cls, include_extras=True)
        known = _known_fields[cls] = {
            each.name: _field(each, hints[each.name]) for each in dataclasses.fields(typing.cast("Any", cls))
        }
    return known


def _field(of: dataclasses.Field[Any], hint: Any) -> _Field:
    missing = dataclasses.MISSING
    default = of.default if of.default_factory is missing else of.default_factory()
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(each for each in typing.get_args(hint) if each is not type(None))
    check, wanted = _checker(hint)
    return _Field(check, wanted, default is missing, default)


def _checker(hint: Any) -> tuple[Callable[[Any], bool], str]:
    """Whether a value is of a type, and what the type is called."""
    if typing.get_origin(hint) is Annotated:
        _, bounds = typing.get_args(hint)
        return lambda value: type(value) is int and bounds.low <= value <= bounds.high, (
            f"an integer from {bounds.low} to {bounds.high}"
        )
    if hint is Any:
        return lambda _: True, "anything"
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        inner, name = _checker(arguments[0])
        return lambda value: type(value) is list and all(map(inner, value)), f"an array, each {name}"
    if typing.get_origin(hint) is dict:
        inner, name = _checker(arguments[1])
        return lambda value: type(value) is dict and all(map(inner, value.values())), f"a map, each value {name}"
    return lambda value: type(value) is hint, {str: "a text", int: "an integer", bool: "a boolean"}[hint]
