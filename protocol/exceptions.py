"""Exceptions as they travel between nodes.

On the wire an exception is a key, then a body. Keys 1 to 18 are exceptions of Java and Lucene, each with a form of its own; key 0
is followed by the id of a registered exception of Elasticsearch (:mod:`protocol.exceptions_kinds`). What has neither is sent as a
``NotSerializableExceptionWrapper``: it keeps the type's name and the status, and the name precedes the message.

Stack traces are skipped when read and written empty. What a subclass of a Java exception was is lost on the wire (an
``x_content_parse_exception`` arrives as ``illegal_argument_exception``), as it is between two nodes of Elasticsearch.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions_fields import PHASE, Field, ShardSearchFailure, read_status, write_status
from protocol.exceptions_java import BY_KEY, JAVA_SECURITY, BuiltIn, built_in, lucene_message
from protocol.exceptions_kinds import KINDS, KINDS_BY_ID, OF_BLOCKS, OF_CAUSE, ON_THE_WIRE, Kind
from protocol.schema import Codec
from protocol.wire import Reader, Writer

_MAX_LEVEL = 100
"""Deepest chain of causes that Elasticsearch writes; what lies below becomes one ``illegal_state_exception``."""

_MAX_WRAPPERS = 10
"""How many wrappers Elasticsearch looks through for the exception to show."""

_WRAPPER = KINDS["not_serializable_exception_wrapper"]


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
    if kind is _WRAPPER:
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
    if level > _MAX_LEVEL:
        exception, level = ElasticsearchException("illegal_state_exception", "too many nested exceptions"), 0
    writer.boolean(exception is not None)
    if exception is None:
        return
    entry = built_in(exception)
    if entry is not None:
        _write_built_in(writer, entry, exception, level)
    else:
        _write_registered(writer, registered(exception, writer), exception, level)


def registered(exception: ElasticsearchException, writer: Writer | None = None) -> Kind:
    kind = _WRAPPER if exception.details.get("wrapped") else KINDS.get(exception.type, _WRAPPER)
    if writer is not None and kind.since is not None and not writer.version.supports(kind.since):
        return _WRAPPER
    return kind


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
    if kind is _WRAPPER and not exception.details.get("wrapped"):
        reason = f"{exception.type}: {'null' if reason is None else reason}"
    writer.vint(0)
    writer.vint(kind.id)
    writer.optional(writer.string, reason)
    cause = exception.cause
    if cause is None and kind.fields is PHASE:
        cause = next(iter(_causes_of_failures(exception)), None)
    _write(writer, cause, level + 1)
    _write_traces(writer, exception, level)
    for lists in (exception.headers, exception.metadata):
        writer.map(writer.string, lambda values: writer.list(writer.string, values), lists)
    if kind is _WRAPPER:
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


def sent_by(node: str, address: str, action: str, exception: ElasticsearchException) -> ElasticsearchException:
    """The exception as a node answers a request with it: within one that says which node, at which address (``127.0.0.1:9443``,
    ``[::1]:9443``), failed which action. REST looks through it; the logs of the asking node show it."""
    return ElasticsearchException("remote_transport_exception", f"[{node}][{address}][{action}]", exception)


def unwrap(exception: ElasticsearchException) -> ElasticsearchException:
    """The exception that is shown: wrappers such as ``remote_transport_exception`` give way to their cause."""
    for _ in range(_MAX_WRAPPERS + 1):
        if exception.cause is None or built_in(exception) is not None or not registered(exception).wrapper:
            break
        exception = exception.cause
    return exception


def root_causes(exception: ElasticsearchException) -> list[ElasticsearchException]:
    """What REST lists as ``root_cause``: the deepest exceptions of Elasticsearch, one per group of shard failures."""
    shown = unwrap(exception)
    if built_in(shown) is not None:
        # Elasticsearch puts an anonymous class around it: REST shows the name of its cause, and the wire carries none.
        return [ElasticsearchException("", shown.reason, shown)]
    if registered(shown).fields is PHASE:
        return _causes_of_failures(shown)
    cause = shown.cause
    return root_causes(cause) if cause is not None and built_in(cause) is None else [shown]


def shard_failures(exception: ElasticsearchException) -> list[ShardSearchFailure]:
    """The shard failures of a ``search_phase_execution_exception``, one for each index, class and message."""
    groups: dict[tuple[object, ...], ShardSearchFailure] = {}
    for failure in cast("list[ShardSearchFailure]", exception.details.get("failures", [])):
        cause = failure.cause
        index = failure.index
        if index is None and cause is not None and cause.metadata.get("es.index"):
            index = cause.metadata["es.index"][0]
        groups.setdefault((cause and cause.reason, index, cause and java_class(cause)), failure)
    return list(groups.values())


def _causes_of_failures(exception: ElasticsearchException) -> list[ElasticsearchException]:
    return [root for failure in shard_failures(exception) if failure.cause is not None for root in root_causes(failure.cause)]


def status_of(exception: ElasticsearchException) -> int:
    """The HTTP status that a node which receives the exception answers with.

    It follows from the type. Only types that carry a status on the wire (``security_exception``, ``status_exception`` and what is
    wrapped) have the one that ``exception.status`` says; 500 otherwise.
    """
    shown = unwrap(exception)
    entry = built_in(shown)
    if entry is not None:
        return entry.status
    kind = registered(shown)
    rule = kind.status
    if isinstance(rule, int):
        return rule
    if rule is ON_THE_WIRE:
        return shown.status or 500
    if rule is OF_CAUSE:
        return status_of(shown.cause) if shown.cause is not None else 500
    if rule is OF_BLOCKS:
        return _status_of_blocks([block.status for block in cast("list[Any]", shown.details.get("blocks", []))])
    failures = [failure.status for failure in cast("list[Any]", shown.details.get("failures", []))]
    if failures:
        return _status_of_failures(failures)
    if shown.cause is not None:
        return status_of(shown.cause)
    return 503 if shown.type == "search_phase_execution_exception" else 500


def _status_of_failures(statuses: list[int]) -> int:
    """What can be retried comes first, then other server errors, then the first."""
    status = None
    for candidate in statuses:
        if 502 <= candidate <= 504:
            return candidate
        if candidate >= 500:
            status = candidate
    return statuses[0] if status is None else status


def _status_of_blocks(statuses: list[int]) -> int:
    """The highest but for 429, which only counts where there is nothing else."""
    return max((status for status in statuses if status != 429), default=429)


def java_class(exception: ElasticsearchException) -> str:
    """The full name of the Java class that the exception has on the other side."""
    entry = built_in(exception)
    return entry.java_class if entry is not None else f"org.elasticsearch.{registered(exception).java_class}"


def stack_trace(exception: ElasticsearchException) -> str:
    """What stands for a stack trace where a message carries one as text (``ShardSearchFailure.reason``): classes and messages."""
    lines: list[str] = []
    cause: ElasticsearchException | None = exception
    while cause is not None and len(lines) <= _MAX_LEVEL:
        text = java_class(cause) if cause.reason is None else f"{java_class(cause)}: {cause.reason}"
        lines.append(f"Caused by: {text}" if lines else text)
        cause = cause.cause
    return "\n".join(lines) + "\n"


ExceptionField = Annotated[ElasticsearchException, Codec(read_exception, write_exception)]
"""A field of a message that holds an exception."""

OptionalExceptionField = Annotated[ElasticsearchException | None, Codec(read_optional_exception, write_optional_exception)]
"""A field of a message that holds an exception or null, as ``writeException`` puts it."""
