"""What a search sorts by. Sorting by distance or script raises UnsupportedError with its name."""

from __future__ import annotations

from typing import Annotated, Any, cast

from protocol.errors import UnsupportedError
from protocol.messages.rest import HIDDEN, SHOWN, AnyQuery, RestMessage, choice, rest_codec
from protocol.schema import Codec, String, VInt
from protocol.values import GenericValue
from protocol.wire import Reader, Writer

_ALL_CHILDREN = (1 << 31) - 1

SortOrder = Annotated[str, choice("asc", "desc")]


class NestedSort(RestMessage):
    """Which nested objects take part."""

    rest_name = "nested"

    path: String | None = None
    filter: AnyQuery | None = None
    nested: AnyNestedSort | None = None
    max_children: VInt = _ALL_CHILDREN


AnyNestedSort = Annotated[dict[str, Any], rest_codec(NestedSort)]


class Sort(RestMessage, names=True):
    """Base of the sorts; REST has ``{"price": {"order": "asc"}}``."""


class FieldSort(Sort, name="field_sort"):
    """By a field, or by ``_doc``."""

    rest_name = "sort"

    field: Annotated[String, HIDDEN]
    missing: GenericValue = None
    """``_first``, ``_last`` or a value."""
    order: Annotated[SortOrder | None, SHOWN] = "asc"
    mode: Annotated[str, choice("min", "max", "sum", "avg", "median")] | None = None
    unmapped_type: String | None = None
    nested: AnyNestedSort | None = None
    numeric_type: String | None = None
    format: String | None = None


class ScoreSort(Sort, name="_score"):
    """By score."""

    rest_name = "_score"

    order: Annotated[SortOrder, SHOWN] = "desc"


def _read_sort(reader: Reader) -> dict[str, Any]:
    name = reader.string()
    kind = Sort._named.get(name)
    if kind is None:
        raise UnsupportedError(f"sort [{name}]")
    sort = cast("Sort", kind.read(reader))
    return {sort.field if isinstance(sort, FieldSort) else name: sort.to_rest()}


def _write_sort(writer: Writer, body: Any) -> None:
    if isinstance(body, str):
        body = {body: {}}
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError("a sort is an object with one member, the field")
    ((name, parameters),) = body.items()
    if isinstance(parameters, str):
        parameters = {"order": parameters}
    sort: Sort
    if name == ScoreSort.wire_name:
        sort = ScoreSort.from_rest(parameters)
    elif name in ("_geo_distance", "_script"):
        raise UnsupportedError(f"sort [{name}]")
    else:
        sort = FieldSort(field=name, **FieldSort.arguments(parameters))
    writer.string(sort.wire_name)
    sort.write(writer)


SORT: Codec[dict[str, Any]] = Codec(_read_sort, _write_sort)
AnySort = Annotated[dict[str, Any], SORT]
"""One sort, preceded by its kind."""
