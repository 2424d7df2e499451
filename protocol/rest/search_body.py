"""The body of a search: what ``POST /_search`` takes, in the form that :class:`protocol.messages.search_source.SearchSource` has."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from protocol.errors import ElasticsearchException, UnsupportedError, WireError
from protocol.messages.fetching import FieldAndFormat
from protocol.messages.inner_hits import Collapse
from protocol.messages.search_source import SEARCH_SOURCE, PointInTime, Slice
from protocol.messages.suggest import suggester_of
from protocol.rest import canonical, scalars
from protocol.rest.aggregation_requests import aggregations
from protocol.rest.canonical import unsupported
from protocol.rest.places import Body, Place, illegal, token_of
from protocol.rest.shorthands import regexp_flags
from protocol.versions import V_8_19
from protocol.wire import Reader, Writer

Json = dict[str, Any]
Parse = Callable[[Any, Place], Any]


def search_source(body: typing.Mapping[str, Any], place: Place) -> Json:
    """Raises ElasticsearchException as the parser of a search does, for the first thing that is wrong."""
    source: Json = {}
    for name, value in body.items():
        token = token_of(value)
        family = _FAMILY.get(token)
        parse = None if family is None else _MEMBERS[family].get(name)
        if parse is None:
            raise place.at(name).parsing(f"Unknown key for a {token} in [{name}].")
        source[_NAMES.get(name, name)] = parse(value, place.at(name))
    return _read_back({name: value for name, value in source.items() if value is not None})


def _read_back(source: Json) -> Json:
    """The body as the other side reads it: fields in the order of their names, weights of 32 bits, and the like."""
    writer = Writer(V_8_19)
    try:
        SEARCH_SOURCE.write(writer, source)
        return SEARCH_SOURCE.read(Reader(writer.getvalue(), V_8_19))
    except UnsupportedError as error:
        raise unsupported(error.feature) from None
    except WireError as error:
        raise illegal(str(error)) from None


def query_of(body: Json) -> Json:
    """A query that was made of parameters."""
    return canonical.query(body, Place(Body(body)))


def sort_of(body: str | Json) -> Json:
    """A sort that was made of parameters."""
    return canonical.sort(body, Place(Body({"sort": body})))


def suggest_of(body: Json) -> Json:
    """Suggesters that were made of parameters."""
    return _suggest(body, Place(Body(body)))


def _from(value: Any, place: Place) -> int:
    return check_from(scalars.whole(value, place))


def check_from(offset: int) -> int:
    if offset < 0:
        raise illegal(f"[from] parameter cannot be negative but was [{offset}]")
    return offset


def _size(value: Any, place: Place) -> int:
    return check_size(scalars.whole(value, place))


def check_size(size: int) -> int:
    if size < 0:
        raise illegal(f"[size] parameter cannot be negative, found [{size}]")
    return size


def _terminate_after(value: Any, place: Place) -> int:
    return check_terminate_after(scalars.whole(value, place))


def check_terminate_after(limit: int) -> int:
    if limit < 0:
        raise illegal("terminateAfter must be > 0")
    return limit


def _timeout(value: Any, place: Place) -> str:
    return timeout(scalars.text(value, place))


def timeout(text: str) -> str:
    return scalars.time(text, "timeout")


def _track_total_hits(value: Any, place: Place) -> bool | int:
    if isinstance(value, bool) or value in ("true", "false"):
        return scalars.boolean(value, place)
    return check_track_total_hits(scalars.whole(value, place))


def check_track_total_hits(limit: int) -> bool | int:
    if limit < -1:
        raise illegal(f"[track_total_hits] parameter must be positive or equals to -1, got {limit}")
    return False if limit == -1 else True if limit == (1 << 31) - 1 else limit


def fetch_source(value: Any, place: Place) -> bool | Json:
    """``_source``: a boolean, a pattern, a list of them, or an object."""
    if isinstance(value, bool):
        return value if not value else {"includes": [], "excludes": []}
    if isinstance(value, str):
        return {"includes": [value], "excludes": []}
    if isinstance(value, list):
        return {"includes": [scalars.text(each, place.at(index)) for index, each in enumerate(value)], "excludes": []}
    if not isinstance(value, dict):
        raise place.parsing(
            f"Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [{token_of(value)}]"
        )
    shown: Json = {"includes": [], "excludes": []}
    for key, given in value.items():
        inner, name = place.at(key), {"include": "includes", "exclude": "excludes"}.get(key, key)
        if name in shown and isinstance(given, list):
            shown[name] = [_pattern(each, key, inner.at(index)) for index, each in enumerate(given)]
        elif name in shown and isinstance(given, str):
            shown[name] = [given]
        elif key == "exclude_vectors" and isinstance(given, bool | str):
            shown["exclude_vectors"] = scalars.boolean(given, inner)
        else:
            raise inner.parsing(f"Unknown key for a {token_of(given)} in [{key}].")
    return shown


def _pattern(value: Any, name: str, place: Place) -> str:
    if not isinstance(value, str):
        raise place.parsing(f"Unknown key for a {token_of(value)} in [{name}].")
    return value


def _stored_fields(value: Any, place: Place) -> str | list[str]:
    if not isinstance(value, str | list):
        raise place.parsing(f"Expected [VALUE_STRING] or [START_ARRAY] in [stored_fields] but found [{token_of(value)}]")
    names = [value] if isinstance(value, str) else [scalars.text(each, place.at(at)) for at, each in enumerate(value)]
    return stored_fields(names)


def stored_fields(names: list[str]) -> str | list[str]:
    """``_none_`` stands alone."""
    if "_none_" in names and len(names) > 1:
        raise illegal("cannot combine _none_ with other fields")
    return names[0] if len(names) == 1 else names


def _field_list(value: Any, place: Place) -> list[Json]:
    return [
        canonical.message(FieldAndFormat, _with_field(each), place.at(index))
        if isinstance(each, dict)
        else {"field": scalars.text(each, place.at(index))}
        for index, each in enumerate(value)
    ]


def _with_field(each: Json) -> Json:
    if not each:
        raise illegal("Required [field]")
    return each


def _collapse(value: Any, place: Place) -> Json:
    return canonical.message(Collapse, value, place)


def _slice(value: Any, place: Place) -> Json:
    return canonical.message(Slice, value, place)


def _pit(value: Any, place: Place) -> Json:
    if isinstance(value, dict) and "id" not in value:
        raise illegal("point in time id is not provided")
    return canonical.message(PointInTime, value, place)


def _suggest(value: Any, place: Place) -> Json:
    found: Json = {}
    for name, given in value.items():
        if name == "text" and isinstance(given, str):
            found[name] = given
            continue
        _check_suggester(name, given, place.at(name))
        try:
            suggester = suggester_of(_with_flags(given))
        except ValueError as error:
            raise illegal(str(error)) from None
        canonical.check(suggester, place.at(name))
        found[name] = suggester.to_rest()
    return found


def _check_suggester(name: str, given: Any, place: Place) -> None:
    if not isinstance(given, dict):
        raise illegal(f"[suggest] does not support [{name}]")
    kinds = [key for key, value in given.items() if isinstance(value, dict)]
    if not kinds:
        raise ElasticsearchException("parse_exception", "missing suggestion object")
    if kinds[0] not in ("term", "phrase", "completion"):
        raise place.at(kinds[0]).unknown_name(kinds[0])


def _with_flags(suggester: Any) -> Any:
    """The flags of a completion's regular expression may be named."""
    match suggester:
        case {"completion": {"regex": {"flags": str()} as regex} as completion}:
            pass
        case _:
            return suggester
    return {**suggester, "completion": {**completion, "regex": {**regex, "flags": regexp_flags(regex["flags"])}}}


def _indices_boost(value: Any, place: Place) -> list[dict[str, float]]:
    boosts: list[dict[str, float]] = []
    for index, entry in enumerate(value):
        inner = place.at(index)
        if not isinstance(entry, dict):
            raise inner.parsing(f"Expected [START_OBJECT] in [null] but found [{token_of(entry)}]")
        if not entry:
            raise inner.parsing("Expected [FIELD_NAME] in [indices_boost] but found [END_OBJECT]", "end")
        name, boost = next(iter(entry.items()))
        if token_of(boost) != "VALUE_NUMBER":
            raise inner.at(name).parsing(f"Expected [VALUE_NUMBER] in [indices_boost] but found [{token_of(boost)}]")
        if len(entry) > 1:
            raise inner.at(list(entry)[1]).parsing("Expected [END_OBJECT] in [indices_boost] but found [FIELD_NAME]", "key")
        boosts.append({name: float(boost)})
    return boosts


def _stats(value: Any, place: Place) -> list[str]:
    for index, group in enumerate(value):
        if not isinstance(group, str):
            raise place.at(index).parsing(f"Expected [VALUE_STRING] in [stats] but found [{token_of(group)}]")
    return list(value)


def _search_after(value: Any, place: Place) -> list[Any]:
    values: list[Any] = []
    for index, each in enumerate(value):
        if isinstance(each, list | dict):
            raise place.at(index).parsing(
                "Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found "
                f"[{token_of(each)}] inside search_after."
            )
        is_big = type(each) is int and not -(1 << 63) <= each < 1 << 63
        values.append(str(each) if is_big else each)
    if not values:
        raise illegal("Values must contains at least one value.")
    return values


def _refused(value: Any, place: Place) -> ElasticsearchException:  # noqa: ARG001 - the form of a parser
    raise unsupported(f"[{place.path[-1]}]")


def _empty_or_refused(value: Any, place: Place) -> None:
    if value:
        raise _refused(value, place)


_FAMILY = {
    **dict.fromkeys(("VALUE_BOOLEAN", "VALUE_NUMBER", "VALUE_STRING"), "value"),
    "START_OBJECT": "object",
    "START_ARRAY": "array",
}

_MEMBERS: dict[str, dict[str, Parse]] = {
    "value": {
        "from": _from,
        "size": _size,
        "timeout": _timeout,
        "terminate_after": _terminate_after,
        "min_score": scalars.decimal,
        "version": scalars.boolean,
        "seq_no_primary_term": scalars.boolean,
        "explain": scalars.boolean,
        "track_scores": scalars.boolean,
        "track_total_hits": _track_total_hits,
        "_source": fetch_source,
        "stored_fields": _stored_fields,
        "sort": canonical.sorts,
        "profile": scalars.boolean,
    },
    "object": {
        "query": canonical.query,
        "post_filter": canonical.query,
        "_source": fetch_source,
        "aggs": aggregations,
        "aggregations": aggregations,
        "highlight": canonical.highlight,
        "suggest": _suggest,
        "sort": canonical.sorts,
        "slice": _slice,
        "collapse": _collapse,
        "pit": _pit,
        "runtime_mappings": _empty_or_refused,
        "script_fields": _empty_or_refused,
        "ext": _empty_or_refused,
        **dict.fromkeys(("retriever", "knn", "rank", "rescore"), _refused),
    },
    "array": {
        "stored_fields": _stored_fields,
        "docvalue_fields": _field_list,
        "fields": _field_list,
        "indices_boost": _indices_boost,
        "sort": canonical.sorts,
        "stats": _stats,
        "_source": fetch_source,
        "search_after": _search_after,
        "rescore": _empty_or_refused,
        "knn": _empty_or_refused,
        "sub_searches": _refused,
    },
}

_NAMES = {"aggregations": "aggs"}
