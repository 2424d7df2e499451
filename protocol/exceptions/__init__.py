"""Exceptions as they travel between nodes.

On the wire an exception is a key, then a body. Keys 1 to 18 are exceptions of Java and Lucene, each with a form of its own; key 0
is followed by the id of a registered exception of Elasticsearch (:mod:`protocol.exceptions.kinds`). What has neither is sent as a
``NotSerializableExceptionWrapper``: it keeps the type's name and the status, and the name precedes the message.

Stack traces are skipped when read and written empty. What a subclass of a Java exception was is lost on the wire (an
``x_content_parse_exception`` arrives as ``illegal_argument_exception``), as it is between two nodes of Elasticsearch.
"""

from protocol.exceptions.codec import (
    ExceptionField,
    OptionalExceptionField,
    read_exception,
    read_optional_exception,
    write_exception,
    write_optional_exception,
)
from protocol.exceptions.fields import ShardSearchFailure
from protocol.exceptions.meaning import (
    java_class,
    registered,
    root_causes,
    sent_by,
    shard_failures,
    stack_trace,
    status_of,
    unwrap,
)

__all__ = [
    "ExceptionField",
    "OptionalExceptionField",
    "ShardSearchFailure",
    "java_class",
    "read_exception",
    "read_optional_exception",
    "registered",
    "root_causes",
    "sent_by",
    "shard_failures",
    "stack_trace",
    "status_of",
    "unwrap",
    "write_exception",
    "write_optional_exception",
]
