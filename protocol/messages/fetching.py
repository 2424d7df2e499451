"""What is fetched of each hit: ``_source``, ``fields``, ``docvalue_fields``, ``stored_fields``."""

from __future__ import annotations

from typing import Annotated, Any

from protocol.errors import WireError
from protocol.messages.fields import OptionalBoolean
from protocol.messages.rest import HIDDEN, SHOWN, RestMessage, rest_codec
from protocol.schema import Boolean, Codec, String, wire
from protocol.values import read_generic, write_generic
from protocol.versions import SOURCE_EXCLUDES_VECTORS
from protocol.wire import Reader, Writer


class FetchSource(RestMessage):
    """Source filtering: ``false``, or an object."""

    rest_name = "_source"

    fetch: Annotated[Boolean, HIDDEN] = True
    exclude_vectors: OptionalBoolean = wire(since=SOURCE_EXCLUDES_VECTORS, default=None)
    includes: Annotated[list[String], SHOWN] = wire(default_factory=list)
    excludes: Annotated[list[String], SHOWN] = wire(default_factory=list)


def _read_source(reader: Reader) -> dict[str, Any] | bool:
    source = FetchSource.read(reader)
    return source.to_rest() if source.fetch else False


def _write_source(writer: Writer, body: Any) -> None:
    match body:
        case bool():
            source = FetchSource(fetch=body)
        case str():
            source = FetchSource(includes=[body])
        case list():
            source = FetchSource(includes=body)
        case _:
            source = FetchSource.from_rest(body)
    source.write(writer)


SourceFilter = Annotated[dict[str, Any] | bool, Codec(_read_source, _write_source)]


class FieldAndFormat(RestMessage):
    """A field (or a pattern) whose values are fetched, and the format of its dates."""

    rest_name = "fields"

    field: String
    format: String | None = None
    include_unmapped: OptionalBoolean = None


def _write_field(writer: Writer, body: Any) -> None:
    FieldAndFormat.from_rest({"field": body} if isinstance(body, str) else body).write(writer)


FetchedField = Annotated[dict[str, Any], Codec(rest_codec(FieldAndFormat).read, _write_field)]

_NONE = "_none_"


def _read_stored(reader: Reader) -> list[str] | str:
    if not reader.boolean():
        return _NONE
    names = read_generic(reader)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise WireError("the names of stored fields are not a list of strings")
    return names[0] if len(names) == 1 else names


def _write_stored(writer: Writer, names: list[str] | str) -> None:
    writer.boolean(names != _NONE)
    if names != _NONE:
        write_generic(writer, [names] if isinstance(names, str) else names)


StoredFields = Annotated[list[str] | str, Codec(_read_stored, _write_stored)]
"""Names; one stands by itself, ``_none_`` also turns off ``_id`` and ``_source``."""
