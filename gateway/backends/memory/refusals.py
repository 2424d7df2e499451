"""The exceptions with which the in-memory cluster refuses, in Elasticsearch's types and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.errors import ElasticsearchException

if TYPE_CHECKING:
    from gateway.backends.memory.index import Index
    from gateway.backends.memory.mapping import FieldType


def illegal(reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    """``illegal_argument_exception``."""
    return ElasticsearchException("illegal_argument_exception", reason, cause=cause)


def invalid(reason: str) -> ElasticsearchException:
    """A request that fails its validation (``action_request_validation_exception``)."""
    return ElasticsearchException("action_request_validation_exception", f"Validation Failed: 1: {reason};")


def unsupported(what: str) -> ElasticsearchException:
    """A feature that the in-memory cluster does not have."""
    return illegal(f"[{what}] is not supported")


def query_shard(index: Index, reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    """``query_shard_exception``, which names its index."""
    return ElasticsearchException(
        "query_shard_exception", reason, cause=cause, metadata={"es.index": [index.qualified_name], "es.index_uuid": [index.uuid]}
    )


def text_fielddata(field: str, index: str) -> ElasticsearchException:
    """A text field where doc values are needed."""
    return illegal(
        f"Fielddata is disabled on [{field}] in [{index}]. Text fields are not optimised for operations that require per-document field "
        f"data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. "
        f"Alternatively, set fielddata=true on [{field}] in order to load field data by uninverting the inverted index. "
        f"Note that this can use significant memory."
    )


def fielddata_unsupported(field: FieldType) -> ElasticsearchException:
    """A field whose doc values are switched off."""
    return illegal(
        f"Can't load fielddata on [{field.name}] because fielddata is unsupported on fields of type [{field.type}]. "
        f"Use doc values instead."
    )
