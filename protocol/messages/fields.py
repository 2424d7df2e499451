"""Codecs of fields that may be missing in a way of their own."""

from __future__ import annotations

from typing import Annotated

from protocol.errors import UnsupportedError, WireError
from protocol.schema import Codec
from protocol.wire import Reader, Writer


def absent(feature: str) -> Codec[None]:
    """The codec of an optional value or a flag that is never there; reading one raises UnsupportedError with its name."""

    def read(reader: Reader) -> None:
        if reader.boolean():
            raise UnsupportedError(feature)

    return Codec(read, lambda writer, _: writer.boolean(False))


def none_of(feature: str) -> Codec[None]:
    """The same for a list that is always empty."""

    def read(reader: Reader) -> None:
        if reader.vint():
            raise UnsupportedError(feature)

    return Codec(read, lambda writer, _: writer.vint(0))


def _read_boolean(reader: Reader) -> bool | None:
    value = reader.byte()
    if value > 2:
        raise WireError(f"unexpected byte [0x{value:02x}] for an optional boolean")
    return None if value == 2 else value == 1


def _write_boolean(writer: Writer, value: bool | None) -> None:
    writer.byte(2 if value is None else int(value))


OptionalBoolean = Annotated[bool | None, Codec(_read_boolean, _write_boolean)]
"""One byte: 0, 1, or 2 for None."""


def _read_text(reader: Reader) -> str | None:
    size = reader.int32()
    if size == -1:
        return None
    try:
        return reader.raw(size).decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"malformed text: {error.reason}") from None


def _write_text(writer: Writer, value: str | None) -> None:
    if value is None:
        writer.int32(-1)
    else:
        writer.text(value)


OptionalText = Annotated[str | None, Codec(_read_text, _write_text)]
"""A ``Text`` whose length is -1 where there is none."""


def _read_bytes(reader: Reader) -> bytes | None:
    size = reader.vint()
    return reader.raw(size - 1) if size else None


def _write_bytes(writer: Writer, value: bytes | None) -> None:
    writer.vint(0 if value is None else len(value) + 1)
    writer.raw(value or b"")


OptionalBytes = Annotated[bytes | None, Codec(_read_bytes, _write_bytes)]
"""A BytesReference whose length is sent plus one, 0 where there is none."""
