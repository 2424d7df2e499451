"""What a search asks for: the base of aggregation builders, and the codec between their bytes and their REST form."""

from __future__ import annotations

import re
import typing
from typing import Annotated, Any, ClassVar

from protocol.errors import UnsupportedError, WireError
from protocol.messages.aggregations.base import BucketOrder, OrderElement, read_order, write_order
from protocol.messages.fields import absent
from protocol.messages.rest import HIDDEN, RestMessage
from protocol.schema import Codec, String, codec_of, optional, wire
from protocol.values import GENERIC, HashMap, plain
from protocol.wire import Reader, Writer


def read_aggregations(reader: Reader) -> dict[str, Any]:
    """``AggregatorFactories.Builder`` as REST has it: by name, pipeline aggregations after the others. Raises WireError."""
    reader.enter()
    found: dict[str, Any] = {}
    for family, what in _FAMILIES:
        for _ in range(reader.size()):
            kind = reader.string()
            declared = typing.cast("type[Builder] | None", family._named.get(kind))
            if declared is None:
                raise UnsupportedError(f"{what} [{kind}]")
            builder = declared.read(reader)
            if builder.name in found:
                raise WireError(f"two aggregations of the name [{builder.name}]")
            found[builder.name] = builder.definition()
    reader.leave()
    return found


def write_aggregations(writer: Writer, aggregations: dict[str, Any]) -> None:
    """The same from the REST form; ``aggregations`` is allowed for ``aggs``. Raises ValueError."""
    builders = [_builder(name, definition) for name, definition in aggregations.items()]
    for family, _ in _FAMILIES:
        own = [builder for builder in builders if isinstance(builder, family)]
        writer.vint(len(own))
        for builder in own:
            writer.string(builder.wire_name)
            builder.write(writer)


AGGREGATIONS: Codec[dict[str, Any]] = Codec(read_aggregations, write_aggregations)
"""The aggregations of a request: ``{name: {type: {parameters}, "aggs": {…}, "meta": {…}}}``. A type that is not declared raises
UnsupportedError with its name."""


def _builder(name: str, definition: Any) -> Builder:
    if not isinstance(definition, dict):
        raise ValueError(f"aggregation [{name}] must be an object")
    kinds = [key for key in definition if key not in ("aggs", "aggregations", "meta")]
    if len(kinds) != 1:
        raise ValueError(f"aggregation [{name}] wants one type, not {kinds}")
    kind = kinds[0]
    for family, _ in _FAMILIES:
        declared = typing.cast("type[Builder] | None", family._named.get(kind))
        if declared is not None:
            break
    else:
        raise ValueError(f"unknown aggregation type [{kind}]")
    builder = declared.from_rest(definition[kind])
    builder.name = name
    builder.metadata = definition.get("meta")
    children = definition.get("aggs", definition.get("aggregations"))
    if children is not None:
        if not isinstance(builder, AggregationBuilder):
            raise ValueError(f"aggregation [{name}] of type [{kind}] cannot accept sub-aggregations")
        builder.aggregations = children
    return builder


def _read_plain(reader: Reader) -> Any:
    value = GENERIC.read(reader)
    try:
        return plain(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"a value without a JSON form: {error}") from None


def _parsed(value: Any) -> Any:
    """A value as Elasticsearch's JSON parser makes it: its maps have no order."""
    if isinstance(value, dict):
        return HashMap({name: _parsed(entry) for name, entry in value.items()})
    return [_parsed(entry) for entry in value] if isinstance(value, list) else value


def _read_map(reader: Reader) -> dict[str, Any] | None:
    value = _read_plain(reader)
    if value is not None and not isinstance(value, dict):
        raise WireError(f"a map wanted, not a [{type(value).__name__}]")
    return value


ParsedMap = Annotated[dict[str, Any] | None, Codec(_read_map, lambda writer, value: GENERIC.write(writer, _parsed(value)))]
"""An object of the request that is passed on as it is: ``meta``, ``after``."""

Missing = Annotated[Any, Codec(_read_plain, GENERIC.write)]
"""The value that documents without one get."""


class WithAlternatives(RestMessage):
    """A message of which some members of the REST form are one field."""

    alternatives: ClassVar[dict[str, tuple[str, ...]]] = {}
    """A field that REST has no member for: its value is an object, whose members REST shows beside the other parameters."""

    def __init_subclass__(cls, *, alternatives: dict[str, tuple[str, ...]] | None = None, **rest: Any) -> None:
        cls.alternatives = alternatives or cls.alternatives
        super().__init_subclass__(**rest)

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        for attribute in self.alternatives:
            body.update(body.pop(attribute, None) or {})
        return body

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        if not cls.alternatives or not isinstance(body, dict):
            return super().arguments(body)
        body = dict(body)
        for attribute, names in cls.alternatives.items():
            chosen = {name: body.pop(name) for name in names if name in body}
            if chosen:
                body[attribute] = chosen
        return super().arguments(body)


class Builder(WithAlternatives):
    """Base of both families. Fields hold values in their REST form, see :mod:`protocol.messages.rest`."""

    name: Annotated[String, HIDDEN] = ""

    if typing.TYPE_CHECKING:  # the two families have it at different places
        metadata: Annotated[ParsedMap, HIDDEN] = None

    def definition(self) -> dict[str, Any]:
        """``{type: {parameters}, "meta": {…}}``"""
        shown: dict[str, Any] = {self.wire_name: self.to_rest()}
        if self.metadata is not None:
            shown["meta"] = self.metadata
        return shown


class AggregationBuilder(Builder, names=True):
    """Base of the aggregations; sub-aggregations stand before an aggregation's own parameters."""

    aggregations: Annotated[dict[str, Any], AGGREGATIONS, HIDDEN] = wire(default_factory=dict)
    metadata: Annotated[ParsedMap, HIDDEN] = None

    def definition(self) -> dict[str, Any]:
        shown = super().definition()
        if self.aggregations:
            shown["aggs"] = self.aggregations
        return shown


class PipelineAggregationBuilder(Builder, names=True):
    """Base of the aggregations over the results of others. They run after the final reduction, and nowhere else."""


_FAMILIES: tuple[tuple[type[Builder], str], ...] = (
    (AggregationBuilder, "aggregation"),
    (PipelineAggregationBuilder, "pipeline aggregation"),
)

_VALUE_TYPES = ("string", "long", "double", "number", "date", "ip", "numeric", "geo_point", "boolean", "range")
_VALUE_TYPE_SYNONYMS = {"float": "double", **dict.fromkeys(("number", "numeric", "integer", "short", "byte"), "long")}


def _read_value_type(reader: Reader) -> str:
    number = reader.byte()
    if not 1 <= number <= len(_VALUE_TYPES):
        raise WireError(f"no value type of id [{number}]")
    return _VALUE_TYPES[number - 1]


def _write_value_type(writer: Writer, name: str) -> None:
    name = _VALUE_TYPE_SYNONYMS.get(name, name)
    if name not in _VALUE_TYPES:
        raise ValueError(f"Unknown value type [{name}]")
    writer.byte(_VALUE_TYPES.index(name) + 1)


ValueType = Annotated[str, Codec(_read_value_type, _write_value_type)]
"""What a field's values are to be taken for where the mapping does not say."""

_HOURS = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?")


def _write_zone(writer: Writer, zone: str | int) -> None:
    text = f"{zone:+d}" if isinstance(zone, int) else zone
    offset = _HOURS.fullmatch(text)
    if offset:
        sign, hours, minutes = offset.group(1), int(offset.group(2)), int(offset.group(3) or 0)
        text = f"{sign}{hours:02d}:{minutes:02d}" if hours or minutes else "Z"
    writer.string(text)


TimeZone = Annotated[str, Codec(Reader.string, _write_zone)]
"""A zone's id, or an offset in Java's canonical form: ``+01:00``, ``Z``."""

Script = Annotated[None, absent("[script]"), HIDDEN]
"""A script, which is refused."""


class ValuesSourceBuilder(AggregationBuilder):
    """Base of aggregations over the values of one field."""

    has_target_type: ClassVar[bool] = False
    """Whether an empty place of an old parameter is on the wire (``serializeTargetValueType``)."""

    target_value_type: Annotated[None, absent("[target_value_type]"), HIDDEN] = wire(
        when=lambda builder: builder.has_target_type, default=None
    )
    field: String | None = None
    script: Script = None
    value_type: ValueType | None = None
    format: String | None = None
    missing: Missing = None
    time_zone: TimeZone | None = None


def _order_to_rest(order: BucketOrder) -> Any:
    shown = [{element.key: "asc" if element.ascending else "desc"} for element in order]
    return shown if len(shown) > 1 else shown[0]


def _order_element(body: Any) -> OrderElement:
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError(f"an order wants one member, not [{body}]")
    ((key, direction),) = body.items()
    if not isinstance(direction, str) or direction.lower() not in ("asc", "desc"):
        raise ValueError(f"Unknown order direction [{direction}]")
    return OrderElement(key, direction.lower() == "asc")


def order_from_rest(body: Any) -> BucketOrder:
    """An order of a request, ended by the key as Elasticsearch does it. Raises ValueError."""
    order = tuple(_order_element(element) for element in (body if isinstance(body, list) else [body]))
    if not order:
        raise ValueError("Must specify at least one field for [order]")
    return order if order[-1].key == "_key" else (*order, OrderElement("_key", True))


RestOrder = Annotated[
    Any, Codec(lambda reader: _order_to_rest(read_order(reader)), lambda writer, body: write_order(writer, order_from_rest(body)))
]
"""``{"_key": "asc"}``, or a list of such, the first decides."""

BY_KEY = {"_key": "asc"}
BY_COUNT = [{"_count": "desc"}, {"_key": "asc"}]

_PATTERN: Codec[str | None] = codec_of(String | None)
_VALUES: Codec[list[bytes] | None] = optional(
    Codec(lambda reader: reader.list(reader.bytes_reference), lambda w, v: w.list(w.bytes_reference, v))
)


def _read_include_exclude(reader: Reader) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if reader.boolean():
        shown["include"], shown["exclude"] = _PATTERN.read(reader), _PATTERN.read(reader)
    for name in ("include", "exclude"):
        values = _VALUES.read(reader)
        if values is not None:
            shown[name] = [value.decode("utf-8", "replace") for value in values]
    partitions, partition = reader.vint(), reader.vint()
    if partitions:
        shown["include"] = {"partition": partition, "num_partitions": partitions}
    return {name: value for name, value in shown.items() if value is not None}


def _write_include_exclude(writer: Writer, body: dict[str, Any]) -> None:
    partition = body["include"] if isinstance(body.get("include"), dict) else None
    if partition and "exclude" in body:
        raise ValueError("Cannot specify any excludes when using a partition-based include")
    patterns = {name: value for name, value in body.items() if isinstance(value, str)}
    writer.boolean(bool(patterns))
    if patterns:
        _PATTERN.write(writer, patterns.get("include"))
        _PATTERN.write(writer, patterns.get("exclude"))
    for name in ("include", "exclude"):
        values = body.get(name)
        _VALUES.write(writer, sorted({_term(value) for value in values}) if isinstance(values, list) else None)
    writer.vint(partition["num_partitions"] if partition else 0)
    writer.vint(partition["partition"] if partition else 0)


def _term(value: Any) -> bytes:
    return (value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)).encode()


IncludeExclude = Annotated[dict[str, Any], Codec(_read_include_exclude, _write_include_exclude)]
"""``include`` and ``exclude``: a regular expression or a list of values each; ``include`` may be a partition."""

INCLUDE_EXCLUDE = ("include", "exclude")
