"""Parts of a search's body in the one form that the declared messages have.

REST is lenient: a number may be text, a list of one its only member, a query its shorthand. What is written to the wire, and what the
backends execute, is the form that Elasticsearch itself renders. The declarations of :mod:`protocol.messages` say what a member
is; here each given value becomes that, or is refused in Elasticsearch's words.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable
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
from protocol.rest.places import AFTER, END, KEY, Place, illegal, suggestion, token_of
from protocol.rest.query_rules import check_parameters, check_shape, unknown
from protocol.rest.shorthands import expanded, tags
from protocol.schema import Boolean, Codec, Double, Float, Int, Long, Short, String, VInt, VLong, ZLong, codec_of
from protocol.schema_compiler import Form
from protocol.versions import V_8_19
from protocol.wire import Writer

Json = dict[str, Any]
Convert = Callable[[Any, Place], Any]

MAX_QUERY_DEPTH = 30
"""``indices.query.bool.max_nested_depth``"""

OBJECT_PARSERS: dict[str, str] = {
    **{name: name for name in ("bool", "ids", "match_all", "inner_hits", "collapse", "slice", "pit", "highlight", "_score")},
    "fields": "fetch_field_and_format",
    "sort": "field_sort",
    "highlight_field": "highlight_field",
}
"""Parts that Elasticsearch parses by an ``ObjectParser``, by its name: its errors are of another type. Aggregations are too."""

_REPARSED = frozenset({"match_all", "ids"})
"""Queries whose parser's errors are told within another."""


def query(body: Any, place: Place, depth: int = 0) -> Json:
    """A query. Raises ElasticsearchException."""
    if not isinstance(body, dict):
        raise place.parsing("[_na] query malformed, must start with start_object", AFTER)
    if not body:
        line, column = place.position(END)
        error = illegal(f"query malformed, empty clause found at [{line}:{column}]")
        error.details |= {"line": line, "col": column}
        raise error
    name = next(iter(body))
    parameters, inner = body[name], place.at(name)
    if not isinstance(parameters, dict):
        raise inner.parsing(f"[{name}] query malformed, no start_object after query name")
    kind = typing.cast("type[Query] | None", Query._named.get(name))
    if kind is None:
        if name in UNSUPPORTED_QUERIES:
            raise unsupported(f"query [{name}]")
        reason = f"unknown query [{name}]{suggestion(name, {*Query._named, *UNSUPPORTED_QUERIES})}"
        raise inner.parsing(reason, cause=inner.unknown_name(name))
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
    check_shape(name, parameters, place, keyed=kind.keyed)
    inside, within = parameters, place
    if kind.keyed:
        ((field, inside),) = parameters.items()
        within = place.at(field)
    if isinstance(inside, dict):
        inside = expanded(name, inside)
        parameters = {field: inside} if kind.keyed else inside
        known = {member.name for member in kind.members()} | _EXTRA.get(name, frozenset())
        if name not in OBJECT_PARSERS and name != "terms":
            for parameter, value in inside.items():
                if parameter not in known:
                    raise unknown(name, parameter, value, within.at(parameter))
            required = [member.name for member in kind.members() if member.required and member.name != "field"]
            check_parameters(name, required or (["field"] if name == "exists" else []), inside, within)
    try:
        return message(kind, parameters, place, depth)
    except ElasticsearchException as error:
        if name not in _REPARSED or error.type != "x_content_parse_exception":
            raise
        details = {key: error.details.get(key, -1) for key in ("line", "col")}
        raise ElasticsearchException("parsing_exception", error.reason, error, details=details) from None


def message(kind: type[RestMessage], body: Any, place: Place, depth: int = 0) -> Json:
    """The canonical form of what a declared message stands for. Raises ElasticsearchException."""
    what = kind.rest_name or kind.wire_name
    parser = OBJECT_PARSERS.get(what)
    if parser is not None:
        check_object(kind, parser, body, place)
    try:
        made = kind.from_rest(body)
    except UnsupportedError as error:
        raise unsupported(error.feature) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise place.parsing(str(error)) from None
    convert_fields(made, body, place, depth, parser)
    check(made, place)
    return made.to_rest()


def check_object(
    kind: type[RestMessage], parser: str, body: Any, place: Place, also: Iterable[str] = (), without: Iterable[str] = ()
) -> None:
    """What an ``ObjectParser`` refuses: no object, unknown members, tokens that a member does not take."""
    if not isinstance(body, dict):
        raise place.x_content(f"[{parser}] Expected START_OBJECT but was: {token_of(body)}")
    known = ({member.name for member in kind.members()} | set(also) | _EXTRA.get(parser, frozenset())) - set(without)
    tokens = _tokens(kind)
    for name, value in body.items():
        inner = place.at(name)
        if name not in known:
            raise inner.x_content(f"[{parser}] unknown field [{name}]{suggestion(name, known)}", KEY)
        allowed = tokens.get(name)
        if allowed is not None and token_of(value) not in allowed:
            raise inner.x_content(f"[{parser}] {name} doesn't support values of type: {token_of(value)}")


def convert_fields(made: RestMessage, body: Any, place: Place, depth: int = 0, parser: str | None = None) -> None:
    """Make each field what its codec writes. ``parser`` is the ObjectParser that tells of what fails. Raises ElasticsearchException."""
    for attribute, name, convert in _converters(type(made)):
        value = getattr(made, attribute)
        if value is None:
            continue
        inner = _inner(place, body, name)
        try:
            setattr(made, attribute, convert(value, inner, depth))
        except ElasticsearchException as error:
            raise (error if parser is None else inner.failed(parser, name, error)) from None


def check(arguments: RestMessage, place: Place) -> None:
    """That it can be written. Raises ElasticsearchException."""
    try:
        arguments.write(Writer(V_8_19))
    except UnsupportedError as error:
        raise unsupported(error.feature) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise place.parsing(str(error)) from None


_EXTRA: dict[str, frozenset[str]] = {
    "range": frozenset({"gt", "gte", "lt", "lte"}),
    "highlight": frozenset({"fields", "tags_schema"}),
}

_TOKENS: dict[Form | str, frozenset[str]] = {
    "text": frozenset({"VALUE_STRING"}),
    "number": frozenset({"VALUE_NUMBER", "VALUE_STRING"}),
    "boolean": frozenset({"VALUE_BOOLEAN", "VALUE_STRING"}),
    "objects": frozenset({"START_OBJECT", "START_ARRAY"}),
    "object": frozenset({"START_OBJECT"}),
}
_TOKENS_KNOWN: dict[type[RestMessage], dict[str, frozenset[str]]] = {}
_ANY_TEXT = frozenset({"minimum_should_match", "missing"})
"""Members that take other scalars for text."""


def _tokens(kind: type[RestMessage]) -> dict[str, frozenset[str]]:
    """By member, the tokens that it takes; those that take any are left out."""
    known = _TOKENS_KNOWN.get(kind)
    if known is None:
        known = {}
        for shown, codec in _codecs(kind):
            family = _token_family(codec)
            if family is not None and shown not in _ANY_TEXT:
                known[shown] = _TOKENS[family]
        _TOKENS_KNOWN[kind] = known
    return known


def _token_family(codec: Codec[Any]) -> str | None:
    if codec.form is Form.OPTIONAL:
        return _token_family(codec.parts[0])
    if codec.form is Form.LIST:
        return "objects" if codec.parts[0] == QUERY else None
    if codec == QUERY:
        return "object"
    convert = next((convert for known, convert in _SCALARS if codec == known), None)
    families = {scalars.boolean: "boolean", scalars.whole: "number", scalars.decimal: "number", _long: "number"}
    return "text" if convert is scalars.text else families.get(convert) if convert is not None else None


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
        found = []
        for field, (shown, codec) in zip(dataclasses.fields(kind), _codecs(kind), strict=True):
            convert = converter(codec)
            if convert is not None:
                found.append((field.name, shown, convert))
        known = _CONVERTERS[kind] = tuple(found)
    return known


def _codecs(kind: type[RestMessage]) -> list[tuple[str, Codec[Any]]]:
    """Each field's name in REST and its codec."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):
        marks = getattr(hints[field.name], "__metadata__", ())
        shown = next((mark.name for mark in marks if isinstance(mark, Shown) and mark.name), field.name)
        presence = field.metadata.get("wire")
        codec = presence.codec if presence is not None and presence.codec is not None else codec_of(hints[field.name])
        found.append((shown, codec))
    return found


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
        _check_order(parameters)
        parameters = {"order": parameters}
    if name == ScoreSort.wire_name:
        return {name: message(ScoreSort, parameters, inner)}
    check_object(FieldSort, "field_sort", parameters, inner)
    for member, check_text in (("order", _check_order), ("mode", _check_mode)):
        if isinstance(parameters.get(member), str):
            try:
                check_text(parameters[member])
            except ElasticsearchException as error:
                raise inner.at(member).failed("field_sort", member, error) from None
    try:
        made = FieldSort(field=name, **FieldSort.arguments(parameters))
    except ValueError as error:
        raise inner.parsing(str(error)) from None
    convert_fields(made, parameters, inner, parser="field_sort")
    check(made, inner)
    return {name: made.to_rest()}


def _check_order(order: str) -> None:
    if order.upper() not in ("ASC", "DESC"):
        raise illegal(f"No enum constant org.elasticsearch.search.sort.SortOrder.{order.upper()}")


def _check_mode(mode: str) -> None:
    if mode.lower() not in ("min", "max", "sum", "avg", "median"):
        raise illegal(f"Unknown SortMode [{mode}]")


def sorts(body: Any, place: Place) -> list[Json]:
    """``sort``: a name, an object with one member for each, or a list of such."""
    if isinstance(body, str):
        return [sort(body, place)]
    if isinstance(body, dict):
        return [sort({name: parameters}, place) for name, parameters in body.items()]
    found: list[Json] = []
    if not isinstance(body, list):
        return [sort(scalars.text(body, place), place)]
    for index, each in enumerate(body):
        inner = place.at(index)
        if isinstance(each, dict):
            found += [sort({name: parameters}, inner) for name, parameters in each.items()]
        else:
            found.append(sort(each, inner))
    return found


def highlight(value: Any, place: Place) -> Json:
    """``highlight``; its fields are an object, or a list of objects of one field each."""
    check_object(Highlight, "highlight", value, place)
    fields, inner = value.get("fields", {}), place.at("fields")
    if "tags_schema" in value:
        schema = place.at("tags_schema")
        try:
            before, after = tags(scalars.text(value["tags_schema"], schema))
        except ElasticsearchException as error:
            raise schema.failed("highlight", "tags_schema", error) from None
        value = {
            "pre_tags": before,
            "post_tags": after,
            **{name: given for name, given in value.items() if name != "tags_schema"},
        }
    value = _with_order(value)
    shown = message(Highlight, {name: given for name, given in value.items() if name != "fields"}, place)
    try:
        listed = _highlighted_fields(fields, inner)
    except ElasticsearchException as error:
        raise inner.failed("highlight", "fields", error) from None
    if listed:
        shown["fields"] = listed if isinstance(fields, list) else {name: each for one in listed for name, each in one.items()}
    return shown


_FIELDS = (
    "[fields] can be a single object with any number of fields or an array where each entry is an object with a single field"
)


def _with_order(options: Json) -> Json:
    """Any order but ``score`` is none."""
    order = options.get("order")
    return options | {"order": "score" if order.lower() == "score" else "none"} if isinstance(order, str) else options


def _highlighted_fields(fields: Any, place: Place) -> list[Json]:
    if isinstance(fields, dict):
        return [{name: _highlighted(name, options, place.at(name))} for name, options in fields.items()]
    if not isinstance(fields, list):
        raise place.x_content(_FIELDS)
    found = []
    for index, one in enumerate(fields):
        if not isinstance(one, dict) or len(one) != 1:
            raise place.at(index).x_content(_FIELDS)
        found += [{name: _highlighted(name, options, place.at(index, name))} for name, options in one.items()]
    return found


def _highlighted(name: str, options: Any, place: Place) -> Json:
    try:
        check_object(HighlightField, "highlight_field", options, place)
        made = HighlightField(name=name, **HighlightField.arguments(_with_order(options)))
        convert_fields(made, options, place, parser="highlight_field")
    except ValueError as error:
        raise place.parsing(str(error)) from None
    except ElasticsearchException as error:
        raise place.failed("fields", name, error) from None
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
