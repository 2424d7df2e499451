"""What REST allows in place of a query's own parameters: older names, flags by name, tags by schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocol.rest.places import illegal

Json = dict[str, Any]

_REGEXP_FLAGS = {"INTERSECTION": 1, "COMPLEMENT": 2, "EMPTY": 4, "ANYSTRING": 8, "INTERVAL": 32, "NONE": 0, "ALL": 255}
_SIMPLE_FLAGS = {
    name: 1 << place
    for place, name in enumerate(("AND", "NOT", "OR", "PREFIX", "PHRASE", "PRECEDENCE", "ESCAPE", "WHITESPACE", "FUZZY", "NEAR"))
} | {"SLOP": 1 << 9, "ALL": -1, "NONE": 0}

_STYLED = [f'<em class="hlt{number}">' for number in range(1, 11)]
_TAGS = {"default": (["<em>"], ["</em>"]), "styled": (_STYLED, ["</em>"])}


def expanded(name: str, parameters: Json) -> Json:
    """The parameters of a query without shorthands. Raises ElasticsearchException."""
    expand = _EXPANSIONS.get(name)
    return parameters if expand is None else expand(parameters)


def regexp_flags(text: str) -> int:
    """Names parted by bars, as bits."""
    bits = 0
    for name in filter(None, text.split("|")):
        if name.upper() not in _REGEXP_FLAGS:
            raise illegal(f"Unknown regexp flag [{name}]")
        if name.upper() == "ALL":
            return _REGEXP_FLAGS["ALL"]
        bits |= _REGEXP_FLAGS[name.upper()]
    return bits if text else _REGEXP_FLAGS["ALL"]


def tags(schema: str) -> tuple[list[str], list[str]]:
    """What a ``tags_schema`` puts before and after a term."""
    if schema not in _TAGS:
        raise illegal(f"Unknown tag schema [{schema}]")
    return _TAGS[schema]


def _renamed(**names: str) -> Callable[[Json], Json]:
    return lambda parameters: {names.get(name, name): value for name, value in parameters.items()}


def _regexp(parameters: Json) -> Json:
    found = dict(parameters)
    if isinstance(found.get("flags"), str):
        found["flags_value"] = regexp_flags(found.pop("flags"))
    elif "flags" in found:
        found["flags_value"] = found.pop("flags")
    return found


def _simple_query_string(parameters: Json) -> Json:
    if not isinstance(parameters.get("flags"), str):
        return parameters
    return parameters | {"flags": _simple_flags(parameters["flags"])}


def _simple_flags(text: str) -> int:
    bits = 0
    for name in filter(None, text.split("|")):
        if name.upper() not in _SIMPLE_FLAGS:
            raise illegal(f"Unknown simple_query_string flag [{name}]")
        if name.upper() in ("ALL", "NONE"):
            return _SIMPLE_FLAGS[name.upper()]
        bits |= _SIMPLE_FLAGS[name.upper()]
    return bits if text else -1


def _range(parameters: Json) -> Json:
    found = {name: value for name, value in parameters.items() if name not in _OLD_BOUNDS}
    for old, side, flag in (("from", "gt", "include_lower"), ("to", "lt", "include_upper")):
        open_, closed = side, f"{side}e"
        if old in parameters:
            found[closed] = parameters[old]
        if flag in parameters:
            value = next((found.pop(name) for name in (closed, open_) if name in found), None)
            found[closed if parameters[flag] in (True, "true") else open_] = value
    return found


_OLD_BOUNDS = frozenset({"from", "to", "include_lower", "include_upper"})


def _nested(parameters: Json) -> Json:
    inner = parameters.get("inner_hits")
    if not isinstance(inner, Mapping):
        return parameters
    # What the query says of unmapped paths holds for its hits too.
    return parameters | {"inner_hits": {**inner, "ignore_unmapped": parameters.get("ignore_unmapped", False)}}


def _without_nulls(parameters: Json) -> Json:
    return {name: value for name, value in parameters.items() if value is not None}


_EXPANSIONS: dict[str, Callable[[Json], Json]] = {
    "bool": _without_nulls,
    "nested": _nested,
    "range": _range,
    "regexp": _regexp,
    "simple_query_string": _simple_query_string,
    "term": _renamed(term="value"),
    "wildcard": _renamed(value="wildcard"),
    "prefix": _renamed(prefix="value"),
}
