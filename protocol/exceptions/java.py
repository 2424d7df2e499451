"""The exceptions of Java and Lucene that have a form of their own on the wire (keys 1 to 18 of ``StreamOutput.writeException``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import Field
from protocol.exceptions.kinds import KINDS
from protocol.schema import Boolean, Codec, Int, String, codec_of
from protocol.wire import Reader, Writer


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An exception of Java or Lucene: its key, what precedes the message, and whether its cause is sent."""

    type: str
    key: int
    java_class: str
    cause: bool = False
    before: tuple[Field, ...] = ()
    message: bool = True
    status: int = 500
    subclass: int | None = None


def _field(name: str, annotation: Any, default: Any = None) -> Field:
    return Field(name, codec_of(annotation), default)


_RESOURCE = _field("resource", String | None)
_VERSIONS = tuple(_field(name, Int, 0) for name in ("version", "min_version", "max_version"))
_FILES = (_field("file", String | None), _field("other_file", String | None), _field("file_reason", String | None))


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
    BuiltIn(
        "corrupt_index_exception",
        1,
        "org.apache.lucene.index.CorruptIndexException",
        cause=True,
        before=(_field("message", String | None), _RESOURCE),
        message=False,
    ),
    BuiltIn(
        "index_format_too_new_exception",
        2,
        "org.apache.lucene.index.IndexFormatTooNewException",
        before=(_RESOURCE, *_VERSIONS),
        message=False,
    ),
    BuiltIn(
        "index_format_too_old_exception",
        3,
        "org.apache.lucene.index.IndexFormatTooOldException",
        before=(_RESOURCE, Field("versions", Codec(_read_too_old, _write_too_old), None)),
        message=False,
    ),
    BuiltIn("null_pointer_exception", 4, "java.lang.NullPointerException"),
    BuiltIn("number_format_exception", 5, "java.lang.NumberFormatException", status=400),
    BuiltIn("illegal_argument_exception", 6, "java.lang.IllegalArgumentException", cause=True, status=400),
    BuiltIn("already_closed_exception", 7, "org.apache.lucene.store.AlreadyClosedException", cause=True),
    BuiltIn("e_o_f_exception", 8, "java.io.EOFException"),
    BuiltIn("security_exception", 9, "java.lang.SecurityException", cause=True),
    BuiltIn("string_index_out_of_bounds_exception", 10, "java.lang.StringIndexOutOfBoundsException"),
    BuiltIn("array_index_out_of_bounds_exception", 11, "java.lang.ArrayIndexOutOfBoundsException"),
    BuiltIn("file_not_found_exception", 12, "java.io.FileNotFoundException"),
    *(
        BuiltIn(f"{_underscore(name)}_exception", 13, f"java.nio.file.{name}Exception", before=_FILES, subclass=number)
        for number, name in enumerate(_FILE_SYSTEM)
    ),
    BuiltIn("illegal_state_exception", 14, "java.lang.IllegalStateException", cause=True),
    BuiltIn("lock_obtain_failed_exception", 15, "org.apache.lucene.store.LockObtainFailedException", cause=True),
    BuiltIn("interrupted_exception", 16, "java.lang.InterruptedException"),
    BuiltIn("i_o_exception", 17, "java.io.IOException", cause=True),
    BuiltIn(
        "es_rejected_execution_exception",
        18,
        "org.elasticsearch.common.util.concurrent.EsRejectedExecutionException",
        before=(_field("executor_shutdown", Boolean, False),),
        status=429,
    ),
)

BY_KEY = {(entry.key, entry.subclass): entry for entry in _BUILT_INS}
_BY_TYPE = {entry.type: entry for entry in _BUILT_INS if entry.type not in KINDS}

JAVA_SECURITY = "java.lang.SecurityException"
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


def built_in(exception: ElasticsearchException) -> BuiltIn | None:
    """The built-in exception that this one is sent as, or None for an exception of Elasticsearch."""
    if exception.details.get("wrapped"):
        return None
    if exception.details.get("java_class") == JAVA_SECURITY:
        return BY_KEY[9, None]
    return _BY_TYPE.get(_SENT_AS.get(exception.type, exception.type))


_LUCENE_SUPPORTS = ". This version of Lucene only supports indexes created with release 8.0 and later"
"""The end of Lucene 9's message, which the release that reads it composes."""


def lucene_message(type_name: str, details: dict[str, object]) -> str:
    """The message of an exception whose parts are sent instead of it."""
    resource = details["resource"]
    if type_name == "corrupt_index_exception":
        return f"{details['message']} (resource={resource})"
    start = f"Format version is not supported (resource {resource}): "
    if type_name == "index_format_too_new_exception":
        return f"{start}{details['version']} (needs to be between {details['min_version']} and {details['max_version']})"
    versions = details["versions"]
    if isinstance(versions, list):
        return f"{start}{versions[0]} (needs to be between {versions[1]} and {versions[2]}){_LUCENE_SUPPORTS}."
    return f"{start}{versions}{_LUCENE_SUPPORTS} by default."
