"""The exceptions with which the in-memory cluster refuses, in Elasticsearch's types and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocol.errors import ElasticsearchException
from protocol.exceptions.fields import BlockLevel, ClusterBlock

if TYPE_CHECKING:
    from gateway.backends.memory.index import Index
    from gateway.backends.memory.mapping import FieldType

_EXCLUSION_HINT: Final = (
    " and if you intended to exclude this index, ensure that you use wildcards that include it before explicitly excluding it"
)


def illegal(reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    """``illegal_argument_exception``."""
    return ElasticsearchException("illegal_argument_exception", reason, cause=cause)


def invalid(reason: str) -> ElasticsearchException:
    """A request that fails its validation (``action_request_validation_exception``)."""
    return ElasticsearchException("action_request_validation_exception", f"Validation Failed: 1: {reason};")


def unsupported(what: str) -> ElasticsearchException:
    """A feature that the in-memory cluster does not have."""
    return illegal(f"[{what}] is not supported")


def index_not_found(*expressions: str) -> ElasticsearchException:
    """``index_not_found_exception`` for a name in a request, or for all that were asked for."""
    metadata = {
        "es.resource.type": ["index_or_alias" if len(expressions) == 1 else "index_expression"],
        "es.resource.id": list(expressions),
    }
    name = expressions[0] if len(expressions) == 1 else None
    if name is None:
        return ElasticsearchException("index_not_found_exception", "no such index [null]", metadata=metadata)
    hint = _EXCLUSION_HINT if name.startswith("-") else ""
    metadata |= {"es.index_uuid": ["_na_"], "es.index": [name]}
    return ElasticsearchException("index_not_found_exception", f"no such index [{name}]{hint}", metadata=metadata)


def invalid_name(name: str, problem: str) -> ElasticsearchException:
    """``invalid_index_name_exception``."""
    return ElasticsearchException(
        "invalid_index_name_exception",
        f"Invalid index name [{name}], {problem}",
        metadata={"es.index_uuid": ["_na_"], "es.index": [name]},
    )


def index_closed(index: Index) -> ElasticsearchException:
    """``index_closed_exception``: a request that forbids closed indices."""
    return ElasticsearchException(
        "index_closed_exception", "closed", metadata={"es.index_uuid": [index.uuid], "es.index": [index.name]}
    )


def index_blocked(index: Index) -> ElasticsearchException:
    """``cluster_block_exception``: a closed index, where the request itself does not forbid it."""
    block = ClusterBlock(
        id=4,
        uuid=None,
        description="index closed",
        levels=[BlockLevel.READ, BlockLevel.WRITE],
        retryable=False,
        disable_state_persistence=False,
        status=403,
        allow_release_resources=False,
    )
    return ElasticsearchException(
        "cluster_block_exception",
        f"index [{index.name}] blocked by: [FORBIDDEN/4/index closed];",
        details={"blocks": [block]},
    )


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
