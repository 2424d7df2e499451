"""What Elasticsearch's parsers of single queries say of what is missing, of unknown names, and of numbers out of range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.rest.places import END, KEY, VALUE, Place, illegal, token_of

Json = dict[str, Any]
Fault = Callable[[Place], ElasticsearchException]


def _parsing(reason: str, token: str = END) -> Fault:
    return lambda place: place.parsing(reason, token)


def _illegal(reason: str) -> Fault:
    return lambda _: illegal(reason)


_NO_FIELD: dict[str, Fault] = {
    "match": _parsing("No text specified for text query"),
    "match_phrase": _parsing("No text specified for text query"),
    "match_phrase_prefix": _parsing("No text specified for text query"),
}
_MISSING: dict[tuple[str, str], Fault] = {
    ("match", "query"): _parsing("No text specified for text query"),
    ("term", "value"): _illegal("value cannot be null"),
    ("exists", "field"): _parsing("[exists] must be provided with a [field]"),
    ("constant_score", "filter"): _parsing("[constant_score] requires a 'filter' element"),
    ("boosting", "positive"): _parsing("[boosting] query requires 'positive' query to be set'"),
    ("boosting", "negative"): _parsing("[boosting] query requires 'negative' query to be set'"),
    ("boosting", "negative_boost"): _parsing("[boosting] query requires 'negative_boost' to be set to be a positive value'"),
    ("nested", "path"): _illegal("[nested] requires 'path' field"),
    ("nested", "query"): _illegal("[nested] requires 'query' field"),
    ("multi_match", "query"): _parsing("No text specified for multi_match query"),
    ("query_string", "query"): _parsing("[query_string] must be provided with a [query]"),
    ("simple_query_string", "query"): _parsing("[simple_query_string] query text missing"),
    ("prefix", "value"): _illegal("value cannot be null"),
    ("wildcard", "wildcard"): _illegal("value cannot be null"),
    ("regexp", "value"): _illegal("value cannot be null"),
    ("fuzzy", "value"): _illegal("query value cannot be null"),
}
_ORDER: dict[str, tuple[str, ...]] = {
    "boosting": ("positive", "negative", "negative_boost"),
    "nested": ("path", "query"),
}
"""In which order missing parameters are told, where not as declared."""

_OPERATORS = ("OR", "AND")
_TYPES = ("best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix")
_LEAST: dict[tuple[str, str], tuple[int, str]] = {
    ("match", "prefix_length"): (0, "[match] requires prefix length to be non-negative."),
    ("match", "max_expansions"): (1, "[match] requires maxExpansions to be positive."),
    ("match_phrase", "slop"): (0, "No negative slop allowed."),
    ("match_phrase_prefix", "slop"): (0, "No negative slop allowed."),
    ("match_phrase_prefix", "max_expansions"): (1, "No negative maxExpansions allowed."),
    ("multi_match", "slop"): (0, "No negative slop allowed."),
    ("multi_match", "prefix_length"): (0, "No negative prefix length allowed."),
    ("multi_match", "max_expansions"): (1, "No negative max_expansions allowed."),
    ("match_bool_prefix", "prefix_length"): (0, "[match_bool_prefix] requires prefix length to be non-negative."),
    ("match_bool_prefix", "max_expansions"): (1, "[match_bool_prefix] requires maxExpansions to be positive."),
}


def check_shape(name: str, parameters: Json, place: Place, *, keyed: bool) -> None:
    """One field where there must be one, with what it may have. Raises ElasticsearchException."""
    if name == "terms":
        _check_terms(parameters, place)
    if not keyed:
        return
    if not parameters:
        raise _NO_FIELD.get(name, _illegal("field name is null or empty"))(place)
    fields = list(parameters)
    if len(fields) > 1:
        raise place.at(fields[1]).parsing(
            f"[{name}] query doesn't support multiple fields, found [{fields[0]}] and [{fields[1]}]", KEY
        )
    given, inner = parameters[fields[0]], place.at(fields[0])
    if isinstance(given, list):
        if name == "match":
            line, column = inner.position()
            raise illegal(f"Expected text at {line}:{column} but found START_ARRAY")
        raise inner.parsing(f"[{name}] query does not support array of values")
    if name == "range" and not isinstance(given, dict):
        raise inner.parsing(f"[range] query does not support [{fields[0]}]")


def _check_terms(parameters: Json, place: Place) -> None:
    fields = [name for name in parameters if name not in ("boost", "_name")]
    for number, field in enumerate(fields):
        values, inner = parameters[field], place.at(field)
        if isinstance(values, list) and number:
            raise inner.parsing("[terms] query does not support multiple fields")
        if isinstance(values, list):
            for index, value in enumerate(values):
                if value is None:
                    raise inner.at(index).parsing("No value specified for terms query")
        elif not isinstance(values, dict):
            raise inner.parsing(f"[terms] query does not support [{field}]")
        elif number:
            raise inner.parsing(
                f"[terms] query does not support more than one field. Already got: [{fields[0]}] but also found [{field}]"
            )
        else:
            raise illegal("query [terms] with a lookup is not supported")
    if not fields:
        raise place.parsing(
            "[terms] query requires a field name, followed by array of terms or a document lookup specification", END
        )


def check_parameters(name: str, required: list[str], parameters: Json, place: Place) -> None:
    """The parameters of a query, below its field where it has one. Raises ElasticsearchException."""
    for parameter, value in parameters.items():
        inner = place.at(parameter)
        if isinstance(value, list) and parameter in ("query", "value", "wildcard") and name != "wrapper":
            if name == "term":
                raise inner.parsing(
                    "[term] query does not support arrays for value - use a bool query with multiple term clauses in the should "
                    "section or use a Terms query if scoring is not required"
                )
            raise inner.parsing(f"[{name}] unknown token [START_ARRAY] after [{parameter}]")
        if isinstance(value, str):
            _check_choice(name, parameter, value, inner)
        least = _LEAST.get((name, parameter))
        if least is not None and isinstance(value, int) and value < least[0]:
            raise illegal(least[1])
    for parameter in _ORDER.get(name, required):
        if parameter not in parameters and (fault := _MISSING.get((name, parameter))) is not None:
            raise fault(place)
    if name == "dis_max" and not parameters.get("queries"):
        if "queries" in parameters:
            raise place.at("queries").parsing("[_na] query malformed, must start with start_object", END)
        raise place.parsing("[dis_max] requires 'queries' field with at least one clause", END)


def _check_choice(name: str, parameter: str, value: str, place: Place) -> None:
    match parameter:
        case "operator" | "default_operator" if value.upper() not in _OPERATORS:
            raise illegal(f"No enum constant org.elasticsearch.index.query.Operator.{value.upper()}")
        case "zero_terms_query" if value.lower() not in ("none", "all"):
            raise place.parsing(f"Unsupported zero_terms_query value [{value}]")
        case "type" if name == "multi_match" and value not in _TYPES:
            raise ElasticsearchException("parse_exception", f"failed to parse [multi_match] query type [{value}]. unknown type.")
        case "score_mode" if value not in ("none", "avg", "max", "sum", "min"):
            raise illegal(f"No score mode for child query [{value}] found")
        case "relation" if value.lower() not in ("intersects", "contains", "within", "disjoint"):
            raise illegal(f"{value} is not a valid relation")
        case "fuzziness" if value.upper().startswith("AUTO:") and len(value.split(":")[1].split(",")) != 2:
            raise ElasticsearchException("parse_exception", "failed to find low and high distance values")


def unknown(name: str, parameter: str, value: Any, place: Place) -> ElasticsearchException:
    """A parameter that a query does not have."""
    if name == "simple_query_string":
        return place.parsing(f"[simple_query_string] unsupported field [{parameter}]")
    if name == "wrapper":
        return place.parsing(f"[wrapper] query malformed, expected `query` but was {parameter}", KEY)
    if isinstance(value, dict | list) and name in ("match", "multi_match", "query_string"):
        return place.parsing(f"[{name}] unknown token [{token_of(value)}] after [{parameter}]")
    return place.parsing(f"[{name}] query does not support [{parameter}]", VALUE)
