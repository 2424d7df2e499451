"""Parts of a search's body in the one form that the declared messages have.

REST is lenient: a number may be text, a list of one its only member, a query its shorthand. What is written to the wire, and what the
backends execute, is the form that Elasticsearch itself renders. The declarations of :mod:`protocol.messages` say what a member
is; here each given value becomes that, or is refused in Elasticsearch's words.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from protocol.errors import ElasticsearchException, UnsupportedError
from protocol.messages.fields import OptionalBoolean
from protocol.messages.highlight import Highlight, HighlightField
from protocol.messages.queries import QUERY
from protocol.messages.queries.parts import Fields
from protocol.messages.queries.text import SimpleQueryStringQuery
from protocol.messages.rest import Boost, Float32, Query, RestCodec, RestMessage, Shown, Time
from protocol.messages.sorts import SORT, FieldSort, ScoreSort
from protocol.rest import scalars
from protocol.rest.places import END, KEY, Place, illegal, suggestion, token_of
from protocol.rest.shorthands import expanded, tags
from protocol.schema import Boolean, Codec, Double, Float, Int, Long, Short, String, VInt, VLong, ZLong, codec_of
from protocol.schema_compiler import Form
from protocol.versions import V_8_19
from protocol.wire import Writer

Json = dict[str, Any]
Convert = Callable[[Any, Place], Any]

MAX_QUERY_DEPTH = 30
"""``indices.query.bool.max_nested_depth``"""

OBJECT_PARSERS = frozenset({"bool", "ids", "match_all", "inner_hits", "collapse", "slice", "fields", "sort", "_score"})
"""Parts that Elasticsearch parses by an ``ObjectParser``, whose errors are of another type."""


def query(body: Any, place: Place, depth: int = 0) -> Json:
    """A query. Raises ElasticsearchException."""
    if not isinstance(body, dict):
        raise place.parsing("[_na] query malformed, must start with start_object")
    if not body:
        line, column = place.position(END)
        raise illegal(f"query malformed, empty clause found at [{line}:{column}]")
    name = next(iter(body))
    parameters, inner = body[name], place.at(name)
    if not isinstance(parameters, dict):
        raise inner.parsing(f"[{name}] query malformed, no start_object after query name")
    kind = typing.cast("type[Query] | None", Query._named.get(name))
    if kind is None:
        if name in UNSUPPORTED_QUERIES:
            raise unsupported(f"query [{name}]")
        raise inner.parsing(f"unknown query [{name}]{suggestion(name, {*Query._named, *UNSUPPORTED_QUERIES})}")
    if depth >= MAX_QUERY_DEPTH:
        raise illegal(
            "The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]"
        )
    found = {name: _query(kind, parameters, inner, depth + 1)}
    if len(body) > 1:
        other = list(body)[1]
        raise place.at(other).parsing(f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]", KEY)
    return found


def _query(kind: type[Query], parameters: Json, place: Place, depth: int) -> Json:
    name = kind.wire_name
    if kind.keyed:
        if len(parameters) > 1:
            first, second = list(parameters)[:2]
            raise place.at(second).parsing(f"[{name}] query doesn't support multiple fields, found [{first}] and [{second}]", KEY)
        for field, given in parameters.items():
            if isinstance(given, dict):
                parameters = {field: expanded(name, given)}
            elif isinstance(given, list):
                raise place.at(field).parsing(f"[{name}] query does not support array of values")
        if not parameters:
            raise place.parsing(f"[{name}] query malformed, no field", END)
    else:
        parameters = expanded(name, parameters)
    return message(kind, parameters, place, depth)


def message(kind: type[RestMessage], body: Any, place: Place, depth: int = 0) -> Json:
    """The canonical form of what a declared message stands for. Raises ElasticsearchException."""
    what = kind.rest_name or kind.wire_name
    check_members(kind, what, body, place)
    try:
        arguments = kind.from_rest(body)
    except UnsupportedError as error:
        raise unsupported(error.feature) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise place.parsing(str(error)) from None
    convert_fields(arguments, body, place, depth)
    check(arguments, place)
    return arguments.to_rest()


def convert_fields(made: RestMessage, body: Any, place: Place, depth: int = 0) -> None:
    """Make each field what its codec writes. Raises ElasticsearchException."""
    what = made.rest_name or made.wire_name
    for attribute, name, convert in _converters(type(made)):
        value = getattr(made, attribute)
        if value is None:
            continue
        try:
            setattr(made, attribute, convert(value, _inner(place, body, name), depth))
        except ElasticsearchException as error:
            raise (place.failed(what, name, error) if what in OBJECT_PARSERS else error) from None


def check(arguments: RestMessage, place: Place) -> None:
    """That it can be written. Raises ElasticsearchException."""
    try:
        arguments.write(Writer(V_8_19))
    except UnsupportedError as error:
        raise unsupported(error.feature) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise place.parsing(str(error)) from None


def check_members(kind: type[RestMessage], what: str, body: Any, place: Place) -> None:
    if not isinstance(body, dict):
        if what in OBJECT_PARSERS:
            raise place.x_content(f"[{what}] Expected START_OBJECT but was: {token_of(body)}")
        return
    inside = body
    if issubclass(kind, Query) and kind.keyed:
        ((field, inside),) = body.items()
        place = place.at(field)
        if not isinstance(inside, dict):
            return
    known = {member.name for member in kind.members()} | _EXTRA.get(what, frozenset())
    if what in _OPEN:
        return
    for name in inside:
        if name not in known:
            if what in OBJECT_PARSERS:
                raise place.at(name).x_content(f"[{what}] unknown field [{name}]{suggestion(name, known)}", KEY)
            raise place.at(name).parsing(f"[{what}] query does not support [{name}]")


_EXTRA: dict[str, frozenset[str]] = {"range": frozenset({"gt", "gte", "lt", "lte"})}
_OPEN = frozenset({"terms"})
"""Parts whose members are not all declared: they check them themselves."""


def _inner(place: Place, body: Any, name: str) -> Place:
    if isinstance(body, dict) and name in body:
        return place.at(name)
    if isinstance(body, dict) and len(body) == 1:
        ((field, inside),) = body.items()
        return place.at(field, name) if isinstance(inside, dict) else place.at(field)
    return place


Converter = Callable[[Any, Place, int], Any]
_CONVERTERS: dict[type[RestMessage], tuple[tuple[str, str, Converter], ...]] = {}


def _converters(kind: type[RestMessage]) -> tuple[tuple[str, str, Converter], ...]:
    known = _CONVERTERS.get(kind)
    if known is None:
        hints = typing.get_type_hints(kind, include_extras=True)
        found = []
        for field in dataclasses.fields(kind):
            marks = getattr(hints[field.name], "__metadata__", ())
            shown = next((mark.name for mark in marks if isinstance(mark, Shown) and mark.name), field.name)
            presence = field.metadata.get("wire")
            codec = presence.codec if presence is not None and presence.codec is not None else codec_of(hints[field.name])
            convert = converter(codec)
            if convert is not None:
                found.append((field.name, shown, convert))
        known = _CONVERTERS[kind] = tuple(found)
    return known


def converter(codec: Codec[Any]) -> Converter | None:
    """How values of a codec are made of what REST gives; None where they are what they are."""
    if codec.form is Form.OPTIONAL:
        return converter(codec.parts[0])
    if codec.form is Form.LIST:
        inner = converter(codec.parts[0])
        return None if inner is None else _each(inner)
    if codec == QUERY:
        return query
    if codec == SORT:
        return lambda value, place, _: sort(value, place)
    if isinstance(codec, RestCodec):
        kind = codec.message
        if kind is Highlight:
            return lambda value, place, _: highlight(value, place)
        return lambda value, place, depth: message(kind, value, place, depth)
    if codec in _WEIGHTED:
        return lambda value, place, _: weighted_fields(value, place)
    scalar = next((convert for known, convert in _SCALARS if codec == known), None)
    return None if scalar is None else _scalar(scalar)


def _scalar(convert: Convert) -> Converter:
    return lambda value, place, _: convert(value, place)


def _each(inner: Converter) -> Converter:
    def convert(values: Any, place: Place, depth: int) -> list[Any]:
        if not isinstance(values, list):
            return [inner(values, place, depth)]
        return [inner(value, place.at(index), depth) for index, value in enumerate(values)]

    return convert


def weighted_fields(value: Any, place: Place) -> list[str]:
    """Fields with their weights, in the order of their names; the last weight of a name holds."""
    names = [value] if isinstance(value, str) else [scalars.text(each, place.at(at)) for at, each in enumerate(value)]
    weights: dict[str, str] = {}
    for each in names:
        name, caret, weight = each.rpartition("^")
        weights[name if caret else each] = weight if caret else "1.0"
    return [f"{name}^{weight}" for name, weight in sorted(weights.items())]


def _long(value: Any, place: Place) -> int:
    return scalars.whole(value, place, long=True)


def _time(value: Any, place: Place) -> str:
    return scalars.time(scalars.text(value, place), str(place.path[-1]) if place.path else "")


_WEIGHTED = (codec_of(Fields), codec_of(typing.get_type_hints(SimpleQueryStringQuery, include_extras=True)["fields"]))

_SCALARS: tuple[tuple[Codec[Any], Convert], ...] = (
    *((codec_of(kind), scalars.boolean) for kind in (Boolean, OptionalBoolean)),
    *((codec_of(kind), scalars.whole) for kind in (VInt, Int, Short)),
    *((codec_of(kind), _long) for kind in (Long, VLong, ZLong)),
    *((codec_of(kind), scalars.decimal) for kind in (Float32, Boost, Double, Float)),
    (codec_of(String), scalars.text),
    (codec_of(Time), _time),
)


def sort(body: Any, place: Place) -> Json:
    """One sort of the list. Raises ElasticsearchException."""

    if isinstance(body, str):
        body = {body: {}}
    if not isinstance(body, dict):
        raise illegal("malformed sort format, within the sort array, an object, or an actual string are allowed")
    ((name, parameters),) = body.items()
    inner = place.at(name)
    if name in ("_geo_distance", "_geoDistance", "_script"):
        raise unsupported(f"sort [{name}]")
    if isinstance(parameters, str):
        parameters = {"order": parameters}
    if isinstance(parameters, dict) and isinstance(parameters.get("order"), str):
        order = parameters["order"]
        if order.upper() not in ("ASC", "DESC"):
            raise illegal(f"No enum constant org.elasticsearch.search.sort.SortOrder.{order.upper()}")
    if name == ScoreSort.wire_name:
        return {name: message(ScoreSort, parameters, inner)}
    check_members(FieldSort, "sort", parameters, inner)
    try:
        made = FieldSort(field=name, **FieldSort.arguments(parameters))
    except ValueError as error:
        raise inner.parsing(str(error)) from None
    convert_fields(made, parameters, inner)
    check(made, inner)
    return {name: made.to_rest()}


def sorts(body: Any, place: Place) -> list[Json]:
    """``sort``: a name, an object with one member for each, or a list of such."""
    if isinstance(body, str):
        return [sort(body, place)]
    if isinstance(body, dict):
        return [sort({name: parameters}, place) for name, parameters in body.items()]
    found: list[Json] = []
    for index, each in enumerate(body):
        inner = place.at(index)
        if isinstance(each, dict):
            found += [sort({name: parameters}, inner) for name, parameters in each.items()]
        else:
            found.append(sort(each, inner))
    return found


def highlight(value: Any, place: Place) -> Json:
    """``highlight``; its fields are an object, or a list of objects of one field each."""
    if not isinstance(value, dict):
        return message(Highlight, value, place)
    fields, inner = value.get("fields", {}), place.at("fields")
    if "tags_schema" in value:
        before, after = tags(scalars.text(value["tags_schema"], place.at("tags_schema")))
        value = {
            "pre_tags": before,
            "post_tags": after,
            **{name: given for name, given in value.items() if name != "tags_schema"},
        }
    shown = message(Highlight, {name: given for name, given in value.items() if name != "fields"}, place)
    if isinstance(fields, list):
        for index, one in enumerate(fields):
            if not isinstance(one, dict) or len(one) != 1:
                raise illegal(
                    "highlighter object array fields must contain exactly one field"
                    if isinstance(one, dict)
                    else "[fields] array must contain objects"
                )
            for name, options in one.items():
                shown.setdefault("fields", []).append({name: _highlighted(name, options, inner.at(index, name))})
    elif fields:
        shown["fields"] = {name: _highlighted(name, options, inner.at(name)) for name, options in fields.items()}
    return shown


def _highlighted(name: str, options: Any, place: Place) -> Json:
    check_members(HighlightField, "highlight_field", options, place)
    try:
        made = HighlightField(name=name, **HighlightField.arguments(options))
    except ValueError as error:
        raise place.parsing(str(error)) from None
    convert_fields(made, options, place)
    check(made, place)
    return made.to_rest()


def unsupported(feature: str) -> ElasticsearchException:
    """What the messages cannot carry."""
    return illegal(f"{feature} is not supported")


UNSUPPORTED_QUERIES = frozenset(
    {
        *("combined_fields", "distance_feature", "function_score", "fuzzy", "geo_bounding_box", "geo_distance", "geo_grid"),
        *("geo_polygon", "geo_shape", "has_child", "has_parent", "intervals", "knn", "more_like_this", "parent_id", "percolate"),
        *("pinned", "rank_feature", "rule", "script", "script_score", "semantic", "shape", "span_containing", "span_first"),
        *("span_multi", "span_near", "span_not", "span_or", "span_term", "span_within", "span_field_masking", "sparse_vector"),
        *("terms_set", "text_expansion", "weighted_tokens", "field_masking_span", "random_sampler", "rank_doc"),
    }
)
"""Queries of Elasticsearch that are not declared here."""
