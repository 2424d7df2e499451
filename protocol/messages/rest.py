"""Messages that have a REST form, and the query DSL's base.

The parts of a search request are JSON objects for a user and bytes between nodes. Both follow from one declaration: the codec of a
field reads and writes the value *as REST shows it* (an operator is ``"and"``, a 32-bit float the shortest decimal, a nested query a
dict), and a :class:`RestMessage` is then the object whose members are the fields that differ from their defaults.

    class PrefixQuery(Query, name="prefix", keyed=True, shows_boost=True):
        field: String
        value: String
        rewrite: String | None = None
        case_insensitive: Boolean = False

reads to ``{"prefix": {"user": {"value": "ki", "boost": 1.0}}}``, which is what Elasticsearch itself renders.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from protocol.errors import UnsupportedError, WireError
from protocol.messages.common import TimeUnit, TimeValue
from protocol.schema import Codec, Message, String
from protocol.values import shortest_single
from protocol.wire import Reader, Writer


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """Marks a field of a RestMessage: its REST name where that is not the field's own, and whether a default is shown too."""

    name: str | None = None
    always: bool = False


SHOWN = Shown(always=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Hidden:
    """Marks a field that has no REST form."""


HIDDEN = Hidden()


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    attribute: str
    name: str
    always: bool
    required: bool
    default: Any


class RestMessage(Message):
    """A message with a REST form."""

    rest_name: ClassVar[str] = ""
    """What error texts call it."""

    @classmethod
    def members(cls) -> tuple[_Member, ...]:
        """The fields that REST shows, in order of declaration."""
        known = cls.__dict__.get("_members")
        if known is None:
            hints = typing.get_type_hints(cls, include_extras=True)
            known = tuple(
                _member(field, getattr(hints[field.name], "__metadata__", ()))
                for field in dataclasses.fields(cls)
                if HIDDEN not in getattr(hints[field.name], "__metadata__", ())
            )
            cls._members = known  # type: ignore[attr-defined]
        return typing.cast("tuple[_Member, ...]", known)

    def to_rest(self) -> dict[str, Any]:
        """The JSON object. Null is never shown."""
        values = ((member, getattr(self, member.attribute)) for member in self.members())
        return {
            member.name: value
            for member, value in values
            if value is not None and (member.always or member.required or value != member.default)
        }

    @classmethod
    def from_rest(cls, body: Any) -> Self:
        """The message that a JSON object of the canonical form stands for. Raises ValueError."""
        return cls(**cls.arguments(body))

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        """The fields that the members of an object give."""
        what = cls.rest_name or cls.wire_name
        if not isinstance(body, dict):
            raise ValueError(f"[{what}] must be an object, not [{body}]")
        members = {member.name: member for member in cls.members()}
        for name in body:
            if name not in members:
                raise ValueError(f"[{what}] does not support [{name}]")
        for member in members.values():
            if member.required and member.name not in body:
                raise ValueError(f"[{what}] requires [{member.name}]")
        return {members[name].attribute: value for name, value in body.items()}


def _member(field: dataclasses.Field[Any], marks: Sequence[Any]) -> _Member:
    shown = next((mark for mark in marks if isinstance(mark, Shown)), Shown())
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    return _Member(field.name, shown.name or field.name, shown.always, required, default)


@dataclasses.dataclass(frozen=True, slots=True)
class RestCodec(Codec[dict[str, Any]]):
    """A codec that knows which message it reads and writes."""

    message: type[RestMessage] = RestMessage


def rest_codec(kind: type[RestMessage]) -> Codec[dict[str, Any]]:
    """The codec of the dict that a message's REST form is."""
    return RestCodec(
        lambda reader: kind.read(reader).to_rest(), lambda writer, body: kind.from_rest(body).write(writer), message=kind
    )


def choice(*names: str) -> Codec[str]:
    """The codec of an enum by the names that REST has for its members, in order. Always in lower case, which Elasticsearch
    documents, though it renders some in upper case."""

    def read(reader: Reader) -> str:
        number = reader.vint()
        if not 0 <= number < len(names):
            raise WireError(f"unknown ordinal [{number}], there are only {len(names)}")
        return names[number]

    def write(writer: Writer, name: str) -> None:
        if name.lower() not in names:
            raise ValueError(f"unknown value [{name}], allowed are {list(names)}")
        writer.vint(names.index(name.lower()))

    return Codec(read, write)


Float32 = Annotated[float, Codec(lambda reader: shortest_single(reader.float32()), Writer.float32)]
"""A 32-bit float as its shortest decimal."""


def _read_boost(reader: Reader) -> float:
    boost = shortest_single(reader.float32())
    if boost < 0:
        raise WireError(f"negative [boost] are not allowed in [{boost}], use a value between 0 and 1 to deboost")
    return boost


Boost = Annotated[float, Codec(_read_boost, Writer.float32)]

_SUFFIXES = dict(zip(TimeUnit, ("nanos", "micros", "ms", "s", "m", "h", "d"), strict=True))
_UNITS = {suffix: unit for unit, suffix in _SUFFIXES.items()}


def _read_time(reader: Reader) -> str:
    value = TimeValue.read(reader)
    return str(value.duration) if value.duration < 0 else f"{value.duration}{_SUFFIXES[value.unit]}"


def _write_time(writer: Writer, text: str) -> None:
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = _UNITS.get(text[len(digits) :]) or (TimeUnit.MILLISECONDS if text in ("-1", "0") else None)
    if unit is None or not digits.lstrip("-").isdigit():
        raise ValueError(f"failed to parse [{text}] as a time value: unit is missing or unrecognized")
    TimeValue(int(digits), unit).write(writer)


Time = Annotated[str, Codec(_read_time, _write_time)]
"""A duration as REST has it: ``30s``, ``-1`` for none."""


class Query(RestMessage, names=True):
    """Base of the queries. ``boost`` and ``_name`` are common to all; the subclasses' fields follow on the wire."""

    boost: Annotated[Boost, SHOWN] = 1.0
    query_name: Annotated[String | None, Shown("_name")] = None

    keyed: ClassVar[bool] = False
    """Whether the parameters stand below the name of the field: ``{"term": {"user": {…}}}``."""
    shows_boost: ClassVar[bool] = False
    """Whether Elasticsearch shows a boost of 1."""
    primary: ClassVar[str] = ""
    """The parameter that may stand in place of the object: ``{"term": {"user": "kimchy"}}``."""

    def __init_subclass__(cls, *, keyed: bool = False, shows_boost: bool = False, primary: str = "", **rest: Any) -> None:
        cls.keyed, cls.shows_boost, cls.primary = keyed, shows_boost, primary
        super().__init_subclass__(**rest)

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        if not self.shows_boost and self.boost == 1.0:
            del body["boost"]
        return {body.pop("field"): body} if self.keyed else body

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        if not cls.keyed:
            return super().arguments(body)
        if not isinstance(body, dict) or len(body) != 1:
            raise ValueError(f"[{cls.wire_name}] query wants one field")
        ((field, parameters),) = body.items()
        if cls.primary and not isinstance(parameters, dict):
            parameters = {cls.primary: parameters}
        return super().arguments({"field": field, **parameters})


def _read_query(reader: Reader) -> dict[str, Any]:
    name = reader.string()
    kind = Query._named.get(name)
    if kind is None:
        raise UnsupportedError(f"query [{name}]")
    query = typing.cast("Query", kind.read(reader))
    return {name: query.to_rest()}


def _write_query(writer: Writer, body: Any) -> None:
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError("a query is an object with one member, its type")
    ((name, parameters),) = body.items()
    kind = typing.cast("type[Query] | None", Query._named.get(name))
    if kind is None:
        raise ValueError(f"unknown query [{name}]")
    query = kind.from_rest(parameters)
    writer.string(name)
    query.write(writer)


QUERY: Codec[dict[str, Any]] = Codec(_read_query, _write_query)
"""A query, preceded by its name, as the query DSL has it. :mod:`protocol.messages.queries` declares the queries."""

AnyQuery = Annotated[dict[str, Any], QUERY]
