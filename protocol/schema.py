"""How a message is declared: one annotated line per field is its type, its codec and its place on the wire.

    class ResolveIndexRequest(Message):
        \"\"\"Which indices, aliases and data streams match the names.\"\"\"

        parent_task: TaskId
        names: list[String]
        options: IndicesOptions
        expand: VInt = wire(since=RESOLVE_EXPAND, default=0)

A subclass of :class:`Message` is a keyword-only dataclass. The fields are written in order of declaration. The codec of a field
follows from its type: the annotated aliases below (``String``, ``VInt``, …), a ``Message`` subclass, ``list[T]`` (vint count,
entries), ``dict[K, V]`` (vint count, pairs), ``T | None`` (a boolean, then the value), an ``Enum`` (its value as a vint) or
``Named[Base]`` (a name, then the body of the subclass of Base that was declared with that name). Anything else carries its codec
in the annotation: ``Annotated[int, Codec(read, write)]``.

``wire(since=FEATURE)`` leaves the field out for transport versions without the feature, ``wire(until=FEATURE)`` for those with
it, and ``wire(when=condition)`` where the condition, given the message as read so far, is false; it then has its default.

The functions that read and write a class are compiled once, on first use (:mod:`protocol.schema_compiler`). A class whose body is
polymorphic overrides ``read`` and ``write``.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, dataclass_transform, get_args, get_origin

from protocol.errors import WireError
from protocol.schema_compiler import Form, ReadMessage, Step, WriteMessage, compile_reader, compile_writer
from protocol.versions import V_8_19, Feature, TransportVersion
from protocol.wire import Reader, Writer

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How one value is read and written."""

    read: Callable[[Reader], T]
    write: Callable[[Writer, T], None]
    form: Form | None = None
    """What the codec does, where that is one of the frequent forms; ``read`` and ``write`` say the same."""
    parts: tuple[Any, ...] = ()
    """The codecs of a form's parts; for Form.MESSAGE its class."""


String = Annotated[str, Codec(Reader.string, Writer.string)]
Text = Annotated[str, Codec(Reader.text, Writer.text)]
Byte = Annotated[int, Codec(Reader.byte, Writer.byte)]
Short = Annotated[int, Codec(Reader.short, Writer.short)]
Int = Annotated[int, Codec(Reader.int32, Writer.int32)]
VInt = Annotated[int, Codec(Reader.vint, Writer.vint)]
Long = Annotated[int, Codec(Reader.int64, Writer.int64)]
VLong = Annotated[int, Codec(Reader.vlong, Writer.vlong)]
ZLong = Annotated[int, Codec(Reader.zlong, Writer.zlong)]
Float = Annotated[float, Codec(Reader.float32, Writer.float32)]
Double = Annotated[float, Codec(Reader.float64, Writer.float64)]
Boolean = Annotated[bool, Codec(Reader.boolean, Writer.boolean)]
Bytes = Annotated[bytes, Codec(Reader.bytes_reference, Writer.bytes_reference)]

_BARE: dict[Any, Codec[Any]] = {bool: Codec(Reader.boolean, Writer.boolean)}


class _NamedMarker:
    """Marks ``Named[Base]``."""


if typing.TYPE_CHECKING:
    Named = Annotated[T, _NamedMarker()]
    """A value of a class below T, preceded by its name: Elasticsearch's ``NamedWriteable``."""
else:

    class Named:
        def __class_getitem__(cls, base: Any) -> Any:
            return Annotated[base, _NamedMarker()]


@dataclasses.dataclass(frozen=True, slots=True)
class _Presence:
    since: Feature | None
    until: Feature | None
    when: Callable[[Any], bool] | None
    codec: Codec[Any] | None


def wire(
    *,
    since: Feature | None = None,
    until: Feature | None = None,
    when: Callable[[Any], bool] | None = None,
    codec: Codec[Any] | None = None,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
) -> Any:
    """A field that is not always there, or whose codec does not follow from its type."""
    metadata = {"wire": _Presence(since, until, when, codec)}
    if default is not dataclasses.MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(metadata=metadata)


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    name: str
    codec: Codec[Any]
    presence: _Presence | None
    default: Callable[[], Any]

    def gates(self) -> list[Feature]:
        rule = self.presence
        return [gate for gate in (rule.since, rule.until) if gate is not None] if rule is not None else []

    def known_to(self, version: TransportVersion) -> bool:
        """Whether the field exists for a version at all; its ``when`` may still leave it out."""
        rule = self.presence
        return rule is None or (
            (rule.since is None or version.supports(rule.since)) and (rule.until is None or not version.supports(rule.until))
        )


class _Plan:
    """How a class is read and written for the versions that agree about all its gates."""

    __slots__ = ("read", "write")

    def __init__(self, kind: type[Message], steps: tuple[_Step, ...], version: TransportVersion) -> None:
        known = [
            Step(
                step.name,
                step.codec if step.known_to(version) else None,
                step.presence.when if step.presence else None,
                step.default,
            )
            for step in steps
        ]
        self.read: ReadMessage = compile_reader(kind, known, vars(Message)["read"].__func__)
        self.write: WriteMessage = compile_writer(kind, known, Message.write)


class _Plans:
    """The plans of one class, by what a version says to the class's gates: there are few, whatever versions others make up."""

    __slots__ = ("_gates", "_kind", "_made", "_steps", "only")

    def __init__(self, kind: type[Message], steps: tuple[_Step, ...]) -> None:
        self._kind = kind
        self._steps = steps
        self._gates = tuple(gate for step in steps for gate in step.gates())
        self._made: dict[tuple[bool, ...], _Plan] = {}
        self.only: _Plan | None = None if self._gates else _Plan(kind, steps, V_8_19)
        """The plan for every version, where there are no gates."""

    def plan(self, version: TransportVersion) -> _Plan:
        if self.only is not None:
            return self.only
        place = tuple(version.supports(gate) for gate in self._gates)
        plan = self._made.get(place)
        if plan is None:
            plan = self._made[place] = _Plan(self._kind, self._steps, version)
        return plan


@dataclass_transform(kw_only_default=True, field_specifiers=(wire, dataclasses.field))
class Message:
    """Base of everything that is declared field by field. See the module's text."""

    wire_name: ClassVar[str] = ""
    """The name that precedes the body where a ``Named`` field holds the message."""

    _named: ClassVar[dict[str, type[Message]]] = {}
    _plans: ClassVar[_Plans | None] = None
    _overrides: ClassVar[frozenset[str]] = frozenset()
    """Which of ``read`` and ``write`` the class, or one above it, has of its own."""

    def __init_subclass__(cls, *, name: str | None = None, names: bool = False, **rest: Any) -> None:
        """``names=True`` starts a family of named messages; ``name`` puts the class into the nearest family above it."""
        super().__init_subclass__(**rest)
        dataclasses.dataclass(kw_only=True)(cls)
        cls._plans = None
        cls._overrides |= {"read", "write"} & vars(cls).keys()
        if names:
            cls._named = {}
        if name is not None:
            if name in cls._named:
                raise TypeError(f"{name} is declared twice")
            cls.wire_name = name
            cls._named[name] = cls

    @classmethod
    def _plan(cls, version: TransportVersion) -> _Plan:
        plans = cls._plans
        if plans is None:
            hints = typing.get_type_hints(cls, include_extras=True)
            steps = tuple(
                _step(field, hints[field.name])
                for field in dataclasses.fields(cls)  # type: ignore[arg-type]
            )
            plans = cls._plans = _Plans(cls, steps)
            if plans.only is not None:
                cls._shorten(plans.only)
        return plans.plan(version)

    @classmethod
    def _shorten(cls, plan: _Plan) -> None:
        """Put the compiled functions where the next call finds them without asking for a plan."""
        if "read" not in cls._overrides:
            cls.read = classmethod(plan.read)  # type: ignore[method-assign, assignment]
        if "write" not in cls._overrides:
            cls.write = plan.write  # type: ignore[method-assign, assignment]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the message off the reader. Raises WireError and nothing else."""
        message: Self = cls._plan(reader.version).read(cls, reader)
        return message

    def write(self, writer: Writer) -> None:
        """Put the message at the end of the writer."""
        self._plan(writer.version).write(self, writer)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview, version: TransportVersion) -> Self:
        """The message that these bytes are, all of them. Raises WireError."""
        reader = Reader(data, version)
        message = cls.read(reader)
        reader.expect_end(cls.__name__)
        return message

    def encode(self, version: TransportVersion) -> bytes:
        """The message as bytes for that transport version."""
        writer = Writer(version)
        self.write(writer)
        return writer.getvalue()


def codec_of(annotation: Any) -> Codec[Any]:
    """The codec that follows from a type, as a field's would."""
    if get_origin(annotation) is Annotated:
        base, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, Codec):
                return mark
            if isinstance(mark, _NamedMarker):
                return _named(base)
        return codec_of(base)
    if annotation in _BARE:
        return _BARE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return Codec(annotation.read, lambda writer, value: value.write(writer), Form.MESSAGE, (annotation,))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return enum_codec(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return _list(codec_of(arguments[0]))
    if origin is dict:
        return _map(codec_of(arguments[0]), codec_of(arguments[1]))
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and arguments[1] is types.NoneType:
        return optional(codec_of(arguments[0]))
    raise TypeError(f"no codec follows from {annotation!r}")


def optional(inner: Codec[T]) -> Codec[T | None]:
    """A boolean, then the value where it is true."""

    def write(writer: Writer, value: T | None) -> None:
        writer.boolean(value is not None)
        if value is not None:
            inner.write(writer, value)

    return Codec(lambda reader: inner.read(reader) if reader.boolean() else None, write, Form.OPTIONAL, (inner,))


def enum_codec(kind: type[Enum], number: Codec[int] | None = None) -> Codec[Any]:
    """An enum by its value, as a vint or by another codec of ints."""
    number = number or Codec(Reader.vint, Writer.vint)
    members = {member.value: member for member in kind}

    def read(reader: Reader) -> Any:
        value = number.read(reader)
        try:
            return members[value]
        except KeyError:
            raise WireError(f"unknown {kind.__name__} [{value}]") from None

    return Codec(read, lambda writer, value: number.write(writer, value.value), Form.ENUM, (number,))


def _list(inner: Codec[Any]) -> Codec[list[Any]]:
    put = inner.write

    def write(writer: Writer, values: list[Any]) -> None:
        writer.vint(len(values))
        for value in values:
            put(writer, value)

    return Codec(lambda reader: [inner.read(reader) for _ in range(reader.size())], write, Form.LIST, (inner,))


def _map(key: Codec[Any], value: Codec[Any]) -> Codec[dict[Any, Any]]:
    def write(writer: Writer, values: dict[Any, Any]) -> None:
        writer.vint(len(values))
        for name, entry in values.items():
            key.write(writer, name)
            value.write(writer, entry)

    return Codec(
        lambda reader: {key.read(reader): value.read(reader) for _ in range(reader.size())}, write, Form.MAP, (key, value)
    )


def _named(base: type[Message]) -> Codec[Any]:
    def read(reader: Reader) -> Any:
        name = reader.string()
        kind = base._named.get(name)
        if kind is None:
            raise WireError(f"unknown {base.__name__} [{name}]")
        return kind.read(reader)

    def write(writer: Writer, value: Message) -> None:
        writer.string(value.wire_name)
        value.write(writer)

    return Codec(read, write, Form.NAMED)


def _step(field: dataclasses.Field[Any], annotation: Any) -> _Step:
    presence: _Presence | None = field.metadata.get("wire")
    codec = presence.codec if presence is not None and presence.codec is not None else codec_of(annotation)
    if presence is not None and presence.since is None and presence.until is None and presence.when is None:
        presence = None
    if field.default is not dataclasses.MISSING:
        value = field.default
        default: Callable[[], Any] = lambda: value  # noqa: E731
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory
    else:
        default = lambda: None  # noqa: E731
    return _Step(field.name, codec, presence, default)
