"""Exceptions as they travel between nodes.

On the wire an exception is a key, then a body. Keys 1 to 18 are exceptions of Java and Lucene, each with a form of its own; key 0
is followed by the id of a registered exception of Elasticsearch (:mod:`protocol.exceptions_kinds`). What has neither is sent as a
``NotSerializableExceptionWrapper``: it keeps the type's name and the status, and the name precedes the message.

Stack traces are skipped when read and written empty. What a subclass of a Java exception was is lost on the wire (an
``x_content_parse_exception`` arrives as ``illegal_argument_exception``), as it is between two nodes of Elasticsearch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast

from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions_fields import Field, read_status, write_status
from protocol.exceptions_kinds import KINDS, KINDS_BY_ID, OF_BLOCKS, OF_CAUSE, ON_THE_WIRE, Kind
from protocol.schema import Boolean, Codec, Int, String, codec_of
from protocol.wire import Reader, Writer

_MAX_LEVEL = 100
"""Deepest chain of causes that Elasticsearch writes; what lies below becomes one ``illegal_state_exception``."""

_MAX_WRAPPERS = 10
"""How many wrappers Elasticsearch looks through for the exception to show."""

_WRAPPER = KINDS["not_serializable_exception_wrapper"]


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    """An exception of Java or Lucene: its key, what precedes the message, and whether its cause is sent."""

    type: str
    key: int
    java_class: str
    cause: bool = False
    before: tuple[Field, ...] = ()
    message: bool = True
    status: int = 500
    subclass: int | None = None


def _before(name: str, annotation: Any, default: Any = None) -> Field:
    return Field(name, codec_of(annotation), default)


_RESOURCE = _before("resource", String | None)
_VERSIONS = tuple(_before(name, Int, 0) for name in ("version", "min_version", "max_version"))
_FILES = (_before("file", String | None), _before("other_file", String | None), _before("file_reason", String | None))


def _read_too_old(reader: Reader) -> list[int] | str | None:
    if reader.boolean():
        return [reader.int32() for _ in range(3)]
    return reader.optional(reader.string)


def _write_too_old(writer: Writer, value: list[int] | str | None) -> None:
    writer.boolean(isinstance(value, list))
    if isinstance(value, list):
        for number in value:
            writer.int32(number)
    else:
        writer.optional(writer.string, value)


_FILE_SYSTEM = (
    "NoSuchFile",
    "NotDirectory",
    "DirectoryNotEmpty",
    "AtomicMoveNotSupported",
    "FileAlreadyExists",
    "AccessDenied",
    "FileSystemLoop",
    "FileSystem",
)


def _underscore(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


_BUILT_INS = (
    _BuiltIn(
        "corrupt_index_exception",
        1,
        "org.apache.lucene.index.CorruptIndexException",
        cause=True,
        before=(_before("message", String | None), _RESOURCE),
        message=False,
    ),
    _BuiltIn(
        "index_format_too_new_exception",
        2,
        "org.apache.lucene.index.IndexFormatTooNewException",
        before=(_RESOURCE, *_VERSIONS),
        message=False,
    ),
    _BuiltIn(
        "index_format_too_old_exception",
        3,
        "org.apache.lucene.index.IndexFormatTooOldException",
        before=(_RESOURCE, Field("versions", Codec(_read_too_old, _write_too_old), None)),
        message=False,
    ),
    _BuiltIn("null_pointer_exception", 4, "java.lang.NullPointerException"),
    _BuiltIn("number_format_exception", 5, "java.lang.NumberFormatException", status=400),
    _BuiltIn("illegal_argument_exception", 6, "java.lang.IllegalArgumentException", cause=True, status=400),
    _BuiltIn("already_closed_exception", 7, "org.apache.lucene.store.AlreadyClosedException", cause=True),
    _BuiltIn("e_o_f_exception", 8, "java.io.EOFException"),
    _BuiltIn("security_exception", 9, "java.lang.SecurityException", cause=True),
    _BuiltIn("string_index_out_of_bounds_exception", 10, "java.lang.StringIndexOutOfBoundsException"),
    _BuiltIn("array_index_out_of_bounds_exception", 11, "java.lang.ArrayIndexOutOfBoundsException"),
    _BuiltIn("file_not_found_exception", 12, "java.io.FileNotFoundException"),
    *(
        _BuiltIn(f"{_underscore(name)}_exception", 13, f"java.nio.file.{name}Exception", before=_FILES, subclass=number)
        for number, name in enumerate(_FILE_SYSTEM)
    ),
    _BuiltIn("illegal_state_exception", 14, "java.lang.IllegalStateException", cause=True),
    _BuiltIn("lock_obtain_failed_exception", 15, "org.apache.lucene.store.LockObtainFailedException", cause=True),
    _BuiltIn("interrupted_exception", 16, "java.lang.InterruptedException"),
    _BuiltIn("i_o_exception", 17, "java.io.IOException", cause=True),
    _BuiltIn(
        "es_rejected_execution_exception",
        18,
        "org.elasticsearch.common.util.concurrent.EsRejectedExecutionException",
        before=(_before("executor_shutdown", Boolean, False),),
        status=429,
    ),
)

_BY_KEY = {(entry.key, entry.subclass): entry for entry in _BUILT_INS}
_BY_TYPE = {entry.type: entry for entry in _BUILT_INS if entry.type not in KINDS}

_JAVA_SECURITY = "java.lang.SecurityException"
"""``security_exception`` names two classes over REST. Java's is marked by ``details["java_class"]``."""

_SENT_AS = {
    "x_content_parse_exception": "illegal_argument_exception",
    "x_content_e_o_f_exception": "illegal_argument_exception",
    "invalid_selector_exception": "illegal_argument_exception",
    "unsupported_selector_exception": "illegal_argument_exception",
    "named_object_not_found_exception": "illegal_argument_exception",
    "validation_exception": "illegal_argument_exception",
    "action_request_validation_exception": "illegal_argument_exception",
    "pattern_syntax_exception": "illegal_argument_exception",
    "invalid_path_exception": "illegal_argument_exception",
    "x_content_generation_exception": "i_o_exception",
    "json_parse_exception": "i_o_exception",
    "json_e_o_f_exception": "i_o_exception",
}
"""Subclasses of Java's exceptions; the wire has the exception above them."""


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
    entry = _BY_KEY.get((key, subclass))
    if entry is None:
        raise WireError(f"no such exception for id: {key}")
    details: dict[str, object] = {field.name: field.codec.read(reader) for field in entry.before}
    message = reader.optional(reader.string) if entry.message else _lucene_message(entry.type, details)
    if entry.java_class == _JAVA_SECURITY:
        details["java_class"] = _JAVA_SECURITY
    cause = read_optional_exception(reader) if entry.cause else None
    return ElasticsearchException(entry.type, message, cause, details=details, suppressed=_read_traces(reader))


def _lucene_message(type_name: str, details: dict[str, object]) -> str | None:
    """Lucene composes these messages from the parts that are sent."""
    resource = details["resource"]
    if type_name == "corrupt_index_exception":
        return f"{details['message']} (resource={resource})"
    if type_name == "index_format_too_new_exception":
        found: object = details["version"]
        between = f"{details['min_version']} and {details['max_version']}"
    else:
        versions = details["versions"]
        if not isinstance(versions, list):
            return f"Format version is not supported (resource {resource}): {versions}"
        found, between = versions[0], f"{versions[1]} and {versions[2]}"
    return f"Format version is not supported (resource {resource}): {found} (needs to be between {between})"


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
    entry = _built_in(exception)
    if entry is not None:
        _write_built_in(writer, entry, exception, level)
    else:
        _write_registered(writer, _registered(exception, writer), exception, level)


def _built_in(exception: ElasticsearchException) -> _BuiltIn | None:
    if exception.details.get("wrapped"):
        return None
    if exception.details.get("java_class") == _JAVA_SECURITY:
        return _BY_KEY[9, None]
    return _BY_TYPE.get(_SENT_AS.get(exception.type, exception.type))


def _registered(exception: ElasticsearchException, writer: Writer | None = None) -> Kind:
    kind = _WRAPPER if exception.details.get("wrapped") else KINDS.get(exception.type, _WRAPPER)
    if writer is not None and kind.since is not None and not writer.version.supports(kind.since):
        return _WRAPPER
    return kind


def _write_built_in(writer: Writer, entry: _BuiltIn, exception: ElasticsearchException, level: int) -> None:
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
    _write(writer, exception.cause, level + 1)
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


def unwrap(exception: ElasticsearchException) -> ElasticsearchException:
    """The exception that is shown: wrappers such as ``remote_transport_exception`` give way to their cause."""
    for _ in range(_MAX_WRAPPERS + 1):
        if exception.cause is None or _built_in(exception) is not None or not _registered(exception).wrapper:
            break
        exception = exception.cause
    return exception


def status_of(exception: ElasticsearchException) -> int:
    """The HTTP status that a node which receives the exception answers with.

    It follows from the type. Only types that carry a status on the wire (``security_exception``, ``status_exception`` and what is
    wrapped) have the one that ``exception.status`` says; 500 otherwise.
    """
    shown = unwrap(exception)
    entry = _built_in(shown)
    if entry is not None:
        return entry.status
    kind = _registered(shown)
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
    entry = _built_in(exception)
    return entry.java_class if entry is not None else f"org.elasticsearch.{_registered(exception).java_class}"


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
