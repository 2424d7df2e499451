"""``indices:data/read/xpack/termsenum/list``: the terms of a field that begin with a string (``_terms_enum``)."""

from __future__ import annotations

from protocol.exceptions import ExceptionField
from protocol.exceptions.fields import Status
from protocol.messages.common import Request, TimeUnit, TimeValue, TimeValueField
from protocol.messages.options import IndicesOptions
from protocol.messages.queries import AnyQuery
from protocol.schema import Boolean, Message, String, VInt, wire

TERMS_ENUM = "indices:data/read/xpack/termsenum/list"

DEFAULT_TIMEOUT = TimeValue(1000, TimeUnit.MILLISECONDS)


class TermsEnumRequest(Request):
    """``string`` is what the terms begin with, ``search_after`` the term that they come after. Indices that ``index_filter`` surely
    does not match are left out."""

    indices: list[String]
    options: IndicesOptions = wire(default_factory=IndicesOptions)
    timeout: TimeValueField | None = DEFAULT_TIMEOUT
    field: String
    string: String | None = None
    search_after: String | None = None
    case_insensitive: Boolean = False
    size: VInt = 10
    index_filter: AnyQuery | None = None


class ShardOperationFailure(Message):
    """A shard's part of a broadcast that failed (``DefaultShardOperationFailedException``)."""

    index: String | None
    shard: VInt
    cause: ExceptionField
    status: Status


class TermsEnumResponse(Message):
    """``complete`` says that no term was left out for want of time, or because a shard failed."""

    total_shards: VInt = 0
    successful_shards: VInt = 0
    failed_shards: VInt = 0
    failures: list[ShardOperationFailure] = wire(default_factory=list)
    terms: list[String] = wire(default_factory=list)
    complete: Boolean = True
