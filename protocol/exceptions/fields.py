"""What the bodies of some exceptions add to the message, cause, headers and metadata that all have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from protocol.errors import ElasticsearchException, WireError
from protocol.messages.common import SearchShardTarget
from protocol.schema import Boolean, Codec, Int, Long, Message, String, VInt, ZLong, codec_of
from protocol.wire import Reader, Writer

REST_STATUS: dict[str, int] = {
    "CONTINUE": 100,
    "SWITCHING_PROTOCOLS": 101,
    "OK": 200,
    "CREATED": 201,
    "ACCEPTED": 202,
    "NON_AUTHORITATIVE_INFORMATION": 203,
    "NO_CONTENT": 204,
    "RESET_CONTENT": 205,
    "PARTIAL_CONTENT": 206,
    "MULTI_STATUS": 207,
    "MULTIPLE_CHOICES": 300,
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "NOT_MODIFIED": 304,
    "USE_PROXY": 305,
    "TEMPORARY_REDIRECT": 307,
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "PAYMENT_REQUIRED": 402,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "PROXY_AUTHENTICATION": 407,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "GONE": 410,
    "LENGTH_REQUIRED": 411,
    "PRECONDITION_FAILED": 412,
    "REQUEST_ENTITY_TOO_LARGE": 413,
    "REQUEST_URI_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "REQUESTED_RANGE_NOT_SATISFIED": 416,
    "EXPECTATION_FAILED": 417,
    "UNPROCESSABLE_ENTITY": 422,
    "LOCKED": 423,
    "FAILED_DEPENDENCY": 424,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_SERVER_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503,
    "GATEWAY_TIMEOUT": 504,
    "HTTP_VERSION_NOT_SUPPORTED": 505,
    "INSUFFICIENT_STORAGE": 507,
}
"""Elasticsearch's ``RestStatus``: the wire has the name, this project the number."""

_STATUS_NAMES = {number: name for name, number in REST_STATUS.items()}


def read_status(reader: Reader) -> int:
    name = reader.string()
    try:
        return REST_STATUS[name]
    except KeyError:
        raise WireError(f"unknown RestStatus [{name}]") from None


def write_status(writer: Writer, status: int) -> None:
    writer.string(_STATUS_NAMES[status])


Status = Annotated[int, Codec(read_status, write_status)]
"""An HTTP status, by Elasticsearch's name for it."""


class Nested:
    """Reads and writes exceptions in the fields of exceptions: filled in by :mod:`protocol.exceptions.codec`, which needs the fields."""

    read: Callable[[Reader], ElasticsearchException | None]
    write: Callable[[Writer, ElasticsearchException | None], None]


nested = Nested()

Cause = Annotated[
    ElasticsearchException | None, Codec(lambda reader: nested.read(reader), lambda writer, cause: nested.write(writer, cause))
]
"""A field that holds an exception, or none."""


class ShardSearchFailure(Message):
    """A shard's part of a search that failed. ``reason`` is Java's stack trace as text; REST shows the cause."""

    target: SearchShardTarget | None = None
    reason: String
    status: Status
    cause: Cause

    @property
    def index(self) -> str | None:
        """The index, after the alias of the cluster where there is one."""
        if self.target is None:
            return None
        alias, index = self.target.cluster_alias, self.target.shard_id.index
        return f"{alias}:{index}" if alias else index


class BlockLevel(Enum):
    """What a cluster block blocks."""

    READ = 0
    WRITE = 1
    METADATA_READ = 2
    METADATA_WRITE = 3
    REFRESH = 4


class ClusterBlock(Message):
    id: VInt
    uuid: String | None
    description: String
    levels: list[BlockLevel]
    retryable: Boolean
    disable_state_persistence: Boolean
    status: Status
    allow_release_resources: Boolean


class ShardSearchContextId(Message):
    id: Long
    session_id: String
    searcher_id: String | None


class ScriptPosition(Message):
    offset: Int
    start: Int
    end: Int


class ByteSize(Message):
    """A size and its unit: 0 bytes, 1 KB, … 5 PB."""

    size: ZLong
    unit: VInt


class Durability(Enum):
    """Whether a tripped circuit breaker is likely to recover by itself."""

    TRANSIENT = 0
    PERMANENT = 1


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an exception's body, in ``ElasticsearchException.details`` by its name."""

    name: str
    codec: Codec[Any]
    default: Any
    shown: bool = False
    """Whether REST shows it, by the same name."""


def _field(name: str, annotation: Any, default: Any = None, *, shown: bool = False) -> Field:
    return Field(name, codec_of(annotation), default, shown)


def _refuse(*_: object) -> None:
    raise WireError("the shard routing of an illegal_shard_routing_state_exception is not known here")


TARGET = (_field("target", SearchShardTarget | None),)
PHASE = (_field("phase", String | None), _field("failures", list[ShardSearchFailure], ()))
SHARD_ROUTING = (Field("shard", Codec(_refuse, _refuse), None),)
SHARD_STATE = (_field("state", Annotated[int, Codec(Reader.byte, Writer.byte)], 5),)
CONTEXT_ID = (_field("context_id", ShardSearchContextId, ShardSearchContextId(id=0, session_id="", searcher_id=None)),)
SNAPSHOT = (_field("repository", String | None), _field("snapshot", String | None))
LINE_AND_COLUMN = (_field("line", Int, -1, shown=True), _field("col", Int, -1, shown=True))
RECOVER_FILES = (_field("number_of_files", Int, 0), _field("total_files_size", ByteSize, ByteSize(size=0, unit=0)))
BLOCKS = (_field("blocks", list[ClusterBlock], ()),)
NODE = (_field("node_id", String | None, shown=True),)
NAME = (_field("name", String | None),)
RECOVERY_PHASE = (_field("phase", Int, 0),)
TIMESTAMP = (_field("timestamp", String | None),)
DOCUMENT_ID = (_field("id", String, ""),)
REPOSITORY = (_field("repository", String | None),)
REPOSITORY_CONFLICT = (*REPOSITORY, _field("backward_compatible_message", String, ""))
ACTION = (_field("action", String | None),)
BREAKER = (
    _field("bytes_limit", Long, 0, shown=True),
    _field("bytes_wanted", Long, 0, shown=True),
    _field("durability", Durability, Durability.TRANSIENT, shown=True),
)
SCRIPT = (
    _field("script_stack", list[String], (), shown=True),
    _field("script", String, "", shown=True),
    _field("lang", String, "", shown=True),
    _field("position", ScriptPosition | None, shown=True),
)
MAX_BUCKETS = (_field("max_buckets", Int, 0, shown=True),)
FAILURE_STORE = (_field("failure_store", Annotated[int, Codec(Reader.byte, Writer.byte)], 0),)
MISSING_NODES = (_field("context_type", String, "scroll", shown=True), _field("missing_nodes", list[String], (), shown=True))
