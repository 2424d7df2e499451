"""Turns the declaration of a message into Python functions that read and write it.

An answer of a search holds thousands of values, and walking a plan costs more per value than the value itself. So the steps of a class
become straight-line source once, on first use, with the frequent short forms (small numbers, ASCII strings, lists, optional values) in
place and everything else as a call of the field's codec. The source is made from the declaration alone, never from data; field names
are identifiers, and all else reaches it as a variable. What was generated for two strings and an optional list of numbers:

    def write(message, writer):
        out = writer._out
        ...
        a1 = message.indices
        if a1 is None:
            out.append(0)
        else:
            out.append(1)
            n2 = len(a1)
            ...
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from protocol.wire import Reader, Writer

if TYPE_CHECKING:
    from protocol.schema import Codec

ReadMessage = Callable[[Any, Reader], Any]
"""Given the class and a reader, the message."""
WriteMessage = Callable[[Any, Writer], None]


class Form(Enum):
    """What a codec that was made of others does, where the compiler can do it in place."""

    LIST = 1
    MAP = 2
    OPTIONAL = 3
    MESSAGE = 4
    NAMED = 5
    ENUM = 6


class Step(NamedTuple):
    """One field of a message."""

    name: str
    codec: Codec[Any] | None
    """None where the version does not know the field."""
    when: Callable[[Any], bool] | None
    default: Callable[[], Any]


_FIXED = {Writer.short: ">h", Writer.int32: ">i", Writer.int64: ">q", Writer.float32: ">f", Writer.float64: ">d"}
_METHODS = {
    function: name
    for name, function in vars(Reader).items()
    if name in ("byte", "boolean", "short", "int32", "int64", "float32", "float64", "vint", "vlong", "zlong", "string", "text")
}


class _Source:
    """Lines of a function, and the variables that it refers to."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._count = 0

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def refer(self, value: Any) -> str:
        """The name of a variable that holds the value."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = self.fresh("x")
            self.names[name] = value
        return name

    def function(self, name: str, file: str) -> Callable[..., Any]:
        exec(compile("\n".join(self.lines), file, "exec"), self.names)  # noqa: S102 - made from declarations alone
        function: Callable[..., Any] = self.names[name]
        return function


def compile_writer(kind: type, steps: Iterable[Step], general: WriteMessage) -> WriteMessage:
    """A function that puts the fields of a message of the class ``kind`` at the end of a Writer. ``general`` is called for messages of
    other classes, which are those below ``kind`` that inherited the function."""
    source = _Source("def write(message, writer):")
    source.line(1, f"if message.__class__ is not {source.refer(kind)}:")
    source.line(1, f"    return {source.refer(general)}(message, writer)")
    source.line(1, "out = writer._out")
    for step in steps:
        if step.codec is None:
            continue
        depth = 1
        if step.when is not None:
            source.line(1, f"if {source.refer(step.when)}(message):")
            depth = 2
        value = source.fresh("a")
        source.line(depth, f"{value} = message.{step.name}")
        _write(source, depth, step.codec, value)
    return source.function("write", f"<write {kind.__qualname__}>")


def _write(source: _Source, depth: int, codec: Codec[Any], value: str) -> None:
    """Lines that write the variable ``value``."""
    line, write = source.line, codec.write
    if codec.form is Form.OPTIONAL:
        line(depth, f"if {value} is None:")
        line(depth, "    out.append(0)")
        line(depth, "else:")
        line(depth, "    out.append(1)")
        _write(source, depth + 1, codec.parts[0], value)
    elif codec.form is Form.LIST:
        _write_size(source, depth, value)
        each = source.fresh("a")
        line(depth, f"for {each} in {value}:")
        _write(source, depth + 1, codec.parts[0], each)
    elif codec.form is Form.MAP:
        _write_size(source, depth, value)
        key, entry = source.fresh("a"), source.fresh("a")
        line(depth, f"for {key}, {entry} in {value}.items():")
        _write(source, depth + 1, codec.parts[0], key)
        _write(source, depth + 1, codec.parts[1], entry)
    elif codec.form is Form.MESSAGE:
        line(depth, f"{value}.write(writer)")
    elif codec.form is Form.NAMED:
        name = source.fresh("a")
        line(depth, f"{name} = {value}.wire_name")
        _write_string(source, depth, name)
        line(depth, f"{value}.write(writer)")
    elif codec.form is Form.ENUM:
        number = source.fresh("a")
        line(depth, f"{number} = {value}._value_")
        _write(source, depth, codec.parts[0], number)
    elif write is Writer.boolean:
        line(depth, f"out.append(1 if {value} else 0)")
    elif write is Writer.byte:
        line(depth, f"out.append({value} & 255)")
    elif write in (Writer.vint, Writer.vlong):
        line(depth, f"if 0 <= {value} < 128:")
        line(depth, f"    out.append({value})")
        line(depth, f"elif 128 <= {value} < 16384:")
        line(depth, f"    out.append({value} & 127 | 128)")
        line(depth, f"    out.append({value} >> 7)")
        if write is Writer.vint:
            # What many fields have that nobody asked for.
            line(depth, f"elif {value} == -1:")
            line(depth, "    out += b'\\xff\\xff\\xff\\xff\\x0f'")
        line(depth, "else:")
        line(depth, f"    {source.refer(write)}(writer, {value})")
    elif write is Writer.zlong:
        line(depth, f"{value} = {value} << 1 ^ {value} >> 63")
        line(depth, f"if {value} < 128:")
        line(depth, f"    out.append({value})")
        line(depth, "else:")
        line(depth, f"    writer.variable({value})")
    elif write in _FIXED:
        line(depth, f"out += {source.refer(struct.Struct(_FIXED[write]).pack)}({value})")
    elif write is Writer.string:
        _write_string(source, depth, value)
    elif write is Writer.bytes_reference:
        _write_size(source, depth, value)
        line(depth, f"out += {value}")
    else:
        line(depth, f"{source.refer(write)}(writer, {value})")


def _write_string(source: _Source, depth: int, value: str) -> None:
    source.line(depth, f"if {value}.isascii() and len({value}) < 128:")
    source.line(depth, f"    out.append(len({value}))")
    source.line(depth, f"    out += {value}.encode()")
    source.line(depth, "else:")
    source.line(depth, f"    writer.string({value})")


def _write_size(source: _Source, depth: int, value: str) -> None:
    size = source.fresh("n")
    source.line(depth, f"{size} = len({value})")
    source.line(depth, f"if {size} < 128:")
    source.line(depth, f"    out.append({size})")
    source.line(depth, "else:")
    source.line(depth, f"    writer.vint({size})")


def compile_reader(kind: type, steps: Iterable[Step], general: ReadMessage) -> ReadMessage:
    """A function that takes a message of the class ``kind`` off a Reader; ``general`` as in `compile_writer`. It raises what the
    fields' codecs raise: WireError and nothing else."""
    source = _Source("def read(cls, reader):")
    source.line(1, f"if cls is not {source.refer(kind)}:")
    source.line(1, f"    return {source.refer(general)}(cls, reader)")
    source.line(1, "reader.enter()")
    source.line(1, "message = cls.__new__(cls)")
    for step in steps:
        default = f"message.{step.name} = {source.refer(step.default)}()"
        if step.codec is None:
            source.line(1, default)
            continue
        value = f"message.{step.name} = {_read(source, step.codec)}"
        if step.when is None:
            source.line(1, value)
        else:
            source.line(1, f"if {source.refer(step.when)}(message):")
            source.line(2, value)
            source.line(1, "else:")
            source.line(2, default)
    source.line(1, "reader.leave()")
    source.line(1, "return message")
    return source.function("read", f"<read {kind.__qualname__}>")


def _read(source: _Source, codec: Codec[Any]) -> str:
    """An expression that reads a value."""
    if codec.form is Form.MESSAGE:
        return f"{source.refer(codec.parts[0])}.read(reader)"
    inner = [_read(source, part) for part in codec.parts]
    if codec.form is Form.OPTIONAL:
        return f"({inner[0]} if reader.boolean() else None)"
    if codec.form is Form.LIST:
        return f"[{inner[0]} for _ in range(reader.size())]"
    if codec.form is Form.MAP:
        return f"{{{inner[0]}: {inner[1]} for _ in range(reader.size())}}"
    method = _METHODS.get(codec.read)
    return f"{source.refer(codec.read)}(reader)" if method is None else f"reader.{method}()"
