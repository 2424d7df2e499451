"""Exceptions on the wire: a key, then a body.

Keys 1 to 18 are exceptions of Java and Lucene, each with a form of its own; key 0 is followed by the id of a registered exception
(:mod:`protocol.exceptions.kinds`).
"""

from __future__ import annotations

from typing import Annotated

from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions.fields import PHASE, Field, nested, read_status, write_status
from protocol.exceptions.java import BY_KEY, JAVA_SECURITY, BuiltIn, built_in, lucene_message
from protocol.exceptions.kinds import KINDS_BY_ID, ON_THE_WIRE, WRAPPER, Kind
from protocol.exceptions.meaning import MAX_LEVEL, causes_of_failures, registered, status_of
from protocol.schema import Codec
from protocol.wire import Reader, Writer


def read_exception(reader: Reader) -> ElasticsearchException:
    """The exception that is next, as ``StreamOutput.writeException`` wrote it. Raises WireError, also where it is null."""
    exception = read_optional_exception(reader)
    if exception is None:
        raise WireError("an exception was expected and there is none")
    return exception


def read_optional_exception(reader: Reader) -> ElasticsearchException | None:
    """Like `read_exception`, but None where the other side wrote null."""
    if not reader.boolean():
        return None
    reader.enter()
    key = reader.vint()
    exception = _read_registered(reader) if key == 0 else _read_built_in(reader, key)
    reader.leave()
    return exception


def _read_registered(reader: Reader) -> ElasticsearchException:
    number = reader.vint()
    kind = KINDS_BY_ID.get(number)
    if kind is None:
        raise WireError(f"unknown exception for id: {number}")
    exception = ElasticsearchException(kind.type, reader.optional(reader.string), read_optional_exception(reader))
    exception.suppressed = _read_traces(reader)
    exception.headers = _read_lists(reader)
    exception.metadata = _read_lists(reader)
    if kind is WRAPPER:
        exception.type = reader.string()
        exception.details["wrapped"] = True
    if kind.status is ON_THE_WIRE:
        exception.status = read_status(reader)
    for field in kind.fields:
        exception.details[field.name] = field.codec.read(reader)
    return exception


def _read_built_in(reader: Reader, key: int) -> ElasticsearchException:
    subclass = reader.vint() if key == 13 else None
    entry = BY_KEY.get((key, subclass))
    if entry is None:
        raise WireError(f"no such exception for id: {key}")
    details: dict[str, object] = {field.name: field.codec.read(reader) for field in entry.before}
    message = reader.optional(reader.string) if entry.message else lucene_message(entry.type, details)
    if entry.java_class == JAVA_SECURITY:
        details["java_class"] = JAVA_SECURITY
    cause = read_optional_exception(reader) if entry.cause else None
    return ElasticsearchException(entry.type, message, cause, details=details, suppressed=_read_traces(reader))


def _read_traces(reader: Reader) -> list[ElasticsearchException]:
    for _ in range(reader.size()):
        reader.string()
        reader.optional(reader.string)
        reader.string()
        reader.vint()
    return reader.list(lambda: read_exception(reader))


def _read_lists(reader: Reader) -> dict[str, list[str]]:
    return reader.map(reader.string, lambda: reader.list(reader.string))


def write_exception(writer: Writer, exception: ElasticsearchException) -> None:
    """Write the exception as a node would: ``StreamInput.readException`` reads it.

    ``details`` that the type needs and that are not given have Elasticsearch's neutral values. A type that is neither registered
    nor one of Java's is wrapped: the reason that other nodes show is then ``type: reason``.
    """
    _write(writer, exception, 0)


def write_optional_exception(writer: Writer, exception: ElasticsearchException | None) -> None:
    """Like `write_exception`; None is written as null."""
    _write(writer, exception, 0)


def _write(writer: Writer, exception: ElasticsearchException | None, level: int) -> None:
    if level > MAX_LEVEL:
        exception, level = ElasticsearchException("illegal_state_exception", "too many nested exceptions"), 0
    writer.boolean(exception is not None)
    if exception is None:
        return
    entry = built_in(exception)
    if entry is not None:
        _write_built_in(writer, entry, exception, level)
    else:
        _write_registered(writer, registered(exception, writer), exception, level)


def _write_built_in(writer: Writer, entry: BuiltIn, exception: ElasticsearchException, level: int) -> None:
    writer.vint(entry.key)
    if entry.subclass is not None:
        writer.vint(entry.subclass)
    details = exception.details
    if entry.key == 1 and "message" not in details:
        details = {"message": exception.reason} | details
    _write_fields(writer, entry.before, details)
    if entry.message:
        writer.optional(writer.string, exception.reason)
    if entry.cause:
        _write(writer, exception.cause, level + 1)
    _write_traces(writer, exception, level)


def _write_registered(writer: Writer, kind: Kind, exception: ElasticsearchException, level: int) -> None:
    reason = exception.reason
    if kind is WRAPPER and not exception.details.get("wrapped"):
        reason = f"{exception.type}: {'null' if reason is None else reason}"
    writer.vint(0)
    writer.vint(kind.id)
    writer.optional(writer.string, reason)
    cause = exception.cause
    if cause is None and kind.fields is PHASE:
        cause = next(iter(causes_of_failures(exception)), None)
    _write(writer, cause, level + 1)
    _write_traces(writer, exception, level)
    for lists in (exception.headers, exception.metadata):
        writer.map(writer.string, lambda values: writer.list(writer.string, values), lists)
    if kind is WRAPPER:
        writer.string(exception.type)
    if kind.status is ON_THE_WIRE:
        write_status(writer, status_of(exception))
    _write_fields(writer, kind.fields, exception.details)


def _write_fields(writer: Writer, fields: tuple[Field, ...], details: dict[str, object]) -> None:
    for field in fields:
        field.codec.write(writer, details.get(field.name, field.default))


def _write_traces(writer: Writer, exception: ElasticsearchException, level: int) -> None:
    writer.vint(0)
    writer.list(lambda suppressed: _write(writer, suppressed, level + 1), exception.suppressed)


ExceptionField = Annotated[ElasticsearchException, Codec(read_exception, write_exception)]
"""A field of a message that holds an exception."""

OptionalExceptionField = Annotated[ElasticsearchException | None, Codec(read_optional_exception, write_optional_exception)]
"""A field of a message that holds an exception or null, as ``writeException`` puts it."""

nested.read, nested.write = read_optional_exception, write_optional_exception
