"""``indices:data/read/field_caps``: which fields there are, and what can be done with them.

A local cluster asks with ``merge_results`` false and gets one answer per index. Indices with the same mapping hash are grouped
on the wire, and each distinct field is sent once.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from protocol.errors import WireError
from protocol.exceptions import ExceptionField
from protocol.messages.common import Request
from protocol.messages.options import IndicesOptions
from protocol.messages.queries import AnyQuery
from protocol.schema import Boolean, Byte, Codec, Long, Message, String, codec_of, enum_codec, wire
from protocol.values import GenericMap, HashMap
from protocol.versions import Feature
from protocol.wire import Reader, Writer

FIELD_CAPS = "indices:data/read/field_caps"

CLUSTER_ALIAS = Feature("field_caps_add_cluster_alias", 9073000, (8841032,))


class FieldCapsRequest(Request):
    """``fields`` may hold wildcards. ``filters`` are such as ``-metadata``, ``-nested``, ``+metadata``; ``types`` field types.
    ``now`` (milliseconds since 1970) is what date math in ``index_filter`` starts from. ``cluster_alias`` is what the asking
    cluster calls this one."""

    fields: list[String]
    indices: list[String]
    options: IndicesOptions
    merge_results: Boolean = True
    include_unmapped: Boolean = False
    index_filter: AnyQuery | None = None
    now: Long | None = None
    runtime_fields: GenericMap = wire(default_factory=HashMap)
    filters: list[String] = wire(default_factory=list)
    types: list[String] = wire(default_factory=list)
    include_empty_fields: Boolean = True
    cluster_alias: String | None = wire(since=CLUSTER_ALIAS, default=None)


class MetricType(Enum):
    """What a time series metric is."""

    GAUGE = 0
    COUNTER = 1
    POSITION = 2


class _FieldCaps(Message):
    name: String
    type: String
    metadata_field: Boolean = False
    searchable: Boolean
    aggregatable: Boolean
    dimension: Boolean = False
    metric: MetricType | None = None


class FieldCaps(_FieldCaps):
    """A field over several indices (a merged answer). A list of indices is None where it would be all, or none."""

    indices: list[String] | None = None
    non_searchable_indices: list[String] | None = None
    non_aggregatable_indices: list[String] | None = None
    non_dimension_indices: list[String] | None = None
    metric_conflicts_indices: list[String] | None = None
    meta: dict[String, list[String]] = wire(default_factory=dict)


class IndexFieldCaps(_FieldCaps):
    """A field of one index."""

    meta: dict[String, String] = wire(default_factory=dict)


class IndexMode(Enum):
    STANDARD = 0
    TIME_SERIES = 1
    LOGSDB = 2
    LOOKUP = 3


Mode = Annotated[IndexMode, enum_codec(IndexMode, codec_of(Byte))]


class IndexResponse(Message):
    """The fields of one index by name. ``mapping_hash`` is equal for indices whose answers are; None keeps the index apart.
    ``can_match`` is false where the index filter matches no document."""

    index: String
    fields: dict[String, IndexFieldCaps]
    can_match: Boolean = True
    mapping_hash: String | None = None
    mode: Mode = IndexMode.STANDARD


class _Group(Message):
    """Indices of one mapping; the fields by their place in the list of all distinct fields."""

    indices: list[String]
    mode: Mode
    mapping_hash: String
    fields: list[Annotated[int, Codec(Reader.int32, Writer.int32)]]


class _Grouped(Message):
    apart: list[IndexResponse]
    groups: list[_Group]
    fields: list[IndexFieldCaps]


def _read_responses(reader: Reader) -> list[IndexResponse]:
    grouped = _Grouped.read(reader)
    responses = grouped.apart
    for group in grouped.groups:
        if not all(0 <= place < len(grouped.fields) for place in group.fields):
            raise WireError("a field that is not in the list of fields")
        fields = {grouped.fields[place].name: grouped.fields[place] for place in group.fields}
        responses += [
            IndexResponse(index=name, fields=fields, mapping_hash=group.mapping_hash, mode=group.mode) for name in group.indices
        ]
    return responses


def _write_responses(writer: Writer, responses: list[IndexResponse]) -> None:
    grouped = _Grouped(apart=[], groups=[], fields=[])
    by_hash: dict[str, _Group] = {}
    places: dict[tuple[object, ...], int] = {}
    for response in responses:
        if not response.can_match or response.mapping_hash is None:
            grouped.apart.append(response)
        elif group := by_hash.get(response.mapping_hash):
            group.indices.append(response.index)
        else:
            group = _Group(indices=[response.index], mode=response.mode, mapping_hash=response.mapping_hash, fields=[])
            by_hash[response.mapping_hash] = group
            grouped.groups.append(group)
            for field in response.fields.values():
                identity = _identity(field)
                place = places.setdefault(identity, len(places))
                if place == len(grouped.fields):
                    grouped.fields.append(field)
                group.fields.append(place)
    grouped.write(writer)


def _identity(field: IndexFieldCaps) -> tuple[object, ...]:
    return (
        field.name,
        field.type,
        field.metadata_field,
        field.searchable,
        field.aggregatable,
        field.dimension,
        field.metric,
        tuple(sorted(field.meta.items())),
    )


class FieldCapsFailure(Message):
    """Why some indices have no part in the answer."""

    indices: list[String]
    exception: ExceptionField


class FieldCapsResponse(Message):
    """Merged (``indices``, and ``fields`` by name and type) or per index (``index_responses``), as the request asked."""

    indices: list[String] = wire(default_factory=list)
    fields: dict[String, dict[String, FieldCaps]] = wire(default_factory=dict)
    index_responses: list[IndexResponse] = wire(default_factory=list, codec=Codec(_read_responses, _write_responses))
    failures: list[FieldCapsFailure] = wire(default_factory=list)
