"""``indices:data/read/get``: one document by its id."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, ClassVar

from protocol.messages.common import Request, ShardId
from protocol.messages.fetching import SourceFilter
from protocol.messages.hits import DocumentField
from protocol.messages.options import IndicesOptions
from protocol.schema import Boolean, Byte, Bytes, Codec, Long, Message, String, VLong, ZLong, codec_of, enum_codec, wire
from protocol.wire import Reader, Writer

GET = "indices:data/read/get"

ANY_VERSION = -3
"""``Versions.MATCH_ANY``."""


class VersionType(Enum):
    """How a document's version is compared with the one that is asked for."""

    INTERNAL = 0
    EXTERNAL = 1
    EXTERNAL_GTE = 2


class GetRequest(Request):
    """``index`` may be an alias of one index. ``stored_fields`` that hold ``_source``, or None, show the source unless ``source`` says
    otherwise. A ``realtime`` get also finds what searches do not see yet."""

    internal_shard: ShardId | None = None
    index: String | None
    id: String
    routing: String | None = None
    preference: String | None = None
    refresh: Boolean = False
    stored_fields: list[String] | None = None
    realtime: Boolean = True
    version_type: Annotated[VersionType, enum_codec(VersionType, codec_of(Byte))] = VersionType.INTERNAL
    version: Long = ANY_VERSION
    source: SourceFilter | None = None
    force_synthetic_source: Boolean = False

    OPTIONS: ClassVar[IndicesOptions] = IndicesOptions(
        expand_open=False, forbid_aliases_to_multiple_indices=True, ignore_throttled=False, allow_selectors=False
    )
    """How ``index`` is resolved; the request does not carry it (``strictSingleIndexNoExpandForbidClosed``)."""


def _read_fields(reader: Reader) -> dict[str, DocumentField]:
    return {field.name: field for field in reader.list(lambda: DocumentField.read(reader))}


def _write_fields(writer: Writer, fields: dict[str, DocumentField]) -> None:
    writer.list(lambda field: field.write(writer), list(fields.values()))


DocumentFields = Annotated[dict[str, DocumentField], Codec(_read_fields, _write_fields)]
"""Fields by name; the name is not sent apart."""


def _exists(response: GetResponse) -> bool:
    return response.exists


class GetResponse(Message):
    """``version`` is -1 and ``seq_no`` -2 where there is no such document; ``source`` is empty where it is not shown."""

    index: String
    id: String
    seq_no: ZLong = -2
    primary_term: VLong = 0
    version: Long = -1
    exists: Boolean = False
    source: Bytes = wire(when=_exists, default=b"")
    fields: DocumentFields = wire(when=_exists, default_factory=dict)
    meta_fields: DocumentFields = wire(when=_exists, default_factory=dict)
    """``_routing``, ``_ignored``: what REST shows beside ``_id``."""
