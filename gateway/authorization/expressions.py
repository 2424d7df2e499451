"""Index expressions under authorization: which names a request's expressions stand for, for a given role.

In order, each expression: selector off, date math, then a wildcard expands to names that the role covers and the options show, while an
explicit name stays as it is (or goes, when it is not covered and unavailable names are ignored). ``-name`` takes names away that an
earlier wildcard brought. Source: ``IndexAbstractionResolver`` and ``IndicesAndAliasesResolver`` of 8.19.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.authorization.coverage import Resource
from gateway.authorization.date_math import resolve_date_math
from gateway.authorization.hash_order import hash_order
from gateway.authorization.metadata import AbstractionType, ClusterMetadata
from gateway.authorization.privileges import Selector
from gateway.authorization.roles import Role
from gateway.globs import glob, is_simple_pattern
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions

ALL = "_all"
NO_INDICES = ("*", "-*")
"""Expressions that match nothing: what Elasticsearch puts into a request that may see no index, and sends on so."""

_SEPARATOR = "::"
_SELECTORS = {selector.value: selector for selector in Selector}


def split_selector(expression: str) -> tuple[str, str | None]:
    """``name::failures`` to its parts. Raises an invalid_index_name_exception."""
    name, separator, suffix = expression.rpartition(_SEPARATOR)
    if not separator:
        return expression, None
    if suffix not in _SELECTORS:
        raise _invalid_name(expression, f"invalid usage of :: separator, [{suffix}] is not a recognized selector")
    if _SEPARATOR in name:
        raise _invalid_name(expression, "Invalid usage of :: separator, only one :: separator is allowed per expression")
    if is_remote(name):
        raise _invalid_name(expression, "Selectors are not yet supported on remote cluster patterns")
    return name, suffix


def as_resource(expression: str, metadata: ClusterMetadata) -> Resource:
    """What a resolved expression names."""
    if _SEPARATOR not in expression:
        return Resource.of(metadata, expression)
    name, suffix = split_selector(expression)
    return Resource.of(metadata, name, Selector.DATA if suffix is None else _SELECTORS[suffix])


def matches_all(expressions: Sequence[str]) -> bool:
    """No expression at all, or just ``_all``."""
    return not expressions or (len(expressions) == 1 and split_selector(expressions[0])[0] == ALL)


def resolve(
    role: Role,
    action: str,
    expressions: Sequence[str],
    options: IndicesOptions,
    metadata: ClusterMetadata,
    now: Callable[[], datetime],
    *,
    data_streams: bool,
) -> tuple[str, ...]:
    """The names that take the place of ``expressions``; empty when nothing is left and that is allowed.

    Explicit names may still be ones that the role does not cover: that is for the caller to check. Raises index_not_found_exception,
    invalid_index_name_exception and illegal_argument_exception.
    """
    if matches_all(expressions):
        found = _expand_all(role, action, expressions, options, metadata, data_streams=data_streams)
    else:
        found = _expand(role, action, expressions, options, metadata, now, data_streams=data_streams)
        if found == [ALL] and role.allows(action, [Resource(ALL)]) == [True]:
            # ``_all`` given twice is one name by now, and that stands for every index.
            found = _expand_all(role, action, found, options, metadata, data_streams=data_streams)
    if not found and not options.allow_no_indices:
        raise index_not_found(f"[{', '.join(expressions)}]")
    return tuple(found)


def _expand_all(
    role: Role,
    action: str,
    expressions: Sequence[str],
    options: IndicesOptions,
    metadata: ClusterMetadata,
    *,
    data_streams: bool,
) -> list[str]:
    suffix = split_selector(expressions[0])[1] if expressions else None
    if suffix is not None and not options.allow_selectors:
        raise unsupported_selector(expressions[0])
    if not _expands(options):
        return []
    selector = Selector.DATA if suffix is None else _SELECTORS[suffix]
    visible = visibility("*", suffix, options, metadata, data_streams=data_streams)
    return [
        _combine(name, selector)
        for name in role.authorized_names(action, selector, metadata, data_streams=data_streams)
        if visible(name)
    ]


def _expand(
    role: Role,
    action: str,
    expressions: Sequence[str],
    options: IndicesOptions,
    metadata: ClusterMetadata,
    now: Callable[[], datetime],
    *,
    data_streams: bool,
) -> list[str]:
    names: dict[str, None] = {}
    wildcard_seen = False
    for original in expressions:
        if not original:
            raise ElasticsearchException("illegal_argument_exception", "an index name must not be empty", status=400)
        minus = wildcard_seen and original.startswith("-")
        expression, suffix = split_selector(original[1:] if minus else original)
        if suffix is not None and not options.allow_selectors:
            raise unsupported_selector(original[1:] if minus else original)
        selector = Selector.DATA if suffix is None else _SELECTORS[suffix]
        expression = resolve_date_math(expression, now)
        if _expands(options) and is_simple_pattern(expression):
            wildcard_seen = True
            authorized = role.authorized_names(action, selector, metadata, data_streams=data_streams)
            match = glob(expression).fullmatch
            visible = visibility(expression, suffix, options, metadata, data_streams=data_streams)
            chosen = [name for name in authorized if match(name) is not None and visible(name)]
            if selector is Selector.DATA and len(chosen) == len(authorized):
                matched = chosen  # they are in their order already
            else:
                matched = hash_order(_combine(name, selector) for name in chosen)
            if not matched and not options.allow_no_indices:
                raise index_not_found(expression)
        else:
            matched = [_combine(expression, selector)]
            if not minus and options.ignore_unavailable:
                resource = Resource.of(metadata, expression, selector)
                if not role.is_available(action, resource):
                    continue
        for name in matched:
            if minus:
                names.pop(name, None)
            else:
                names[name] = None
    return list(names)


def explicit(action: str, expressions: Sequence[str], now: Callable[[], datetime]) -> tuple[str, ...]:
    """Names of a request that takes no wildcards. Raises an illegal_argument_exception for no name, ``_all`` and wildcards."""
    if not expressions:
        raise _illegal(f"the action {action} requires explicit index names, but none were provided")
    if matches_all(expressions):
        raise _illegal(
            f"the action {action} does not support accessing all indices; "
            f"the provided index expression [{','.join(expressions)}] is not allowed"
        )
    names: dict[str, None] = {}
    for original in expressions:
        expression, suffix = split_selector(original)
        if is_simple_pattern(expression):
            wildcards = ",".join(one for one in expressions if is_simple_pattern(one))
            raise _illegal(
                f"the action {action} does not support wildcards; the provided index expression(s) [{wildcards}] are not allowed"
            )
        selector = Selector.DATA if suffix is None else _SELECTORS[suffix]
        names[_combine(resolve_date_math(expression, now), selector)] = None
    return tuple(names)


def is_visible(
    expression: str, suffix: str | None, name: str, options: IndicesOptions, metadata: ClusterMetadata, *, data_streams: bool
) -> bool:
    """Whether a wildcard may show a name that it matches: open or closed, hidden, aliases, as the options say."""
    return visibility(expression, suffix, options, metadata, data_streams=data_streams)(name)


def visibility(
    expression: str, suffix: str | None, options: IndicesOptions, metadata: ClusterMetadata, *, data_streams: bool
) -> Callable[[str], bool]:
    """``is_visible`` for many names."""
    shows_dots = expression.startswith(".") and is_simple_pattern(expression)
    failures = suffix == Selector.FAILURES.value

    def visible(name: str) -> bool:
        abstraction = metadata.get(name)
        if abstraction is None:
            return False
        if abstraction.hidden and not options.expand_hidden and not (shows_dots and name.startswith(".")):
            return False
        if abstraction.type is AbstractionType.CONCRETE_INDEX:
            return not failures and (options.expand_closed if abstraction.closed else options.expand_open)
        if abstraction.type is AbstractionType.DATA_STREAM:
            return data_streams
        return not options.ignore_aliases and (not failures or metadata.is_data_stream_related(abstraction))

    return visible


def _expands(options: IndicesOptions) -> bool:
    return options.expand_open or options.expand_closed


def _combine(name: str, selector: Selector) -> str:
    return name if selector is Selector.DATA else f"{name}{_SEPARATOR}{selector.value}"


def is_remote(expression: str) -> bool:
    """``cluster:index``: a colon that is neither first, nor part of date math, nor that of a selector."""
    colon = expression.find(":")
    return colon > 0 and not expression.startswith(("<", "-<")) and not expression.startswith(_SEPARATOR, colon)


def index_not_found(name: str) -> ElasticsearchException:
    return ElasticsearchException(
        "index_not_found_exception",
        f"no such index [{name}]",
        metadata={"es.index_uuid": ["_na_"], "es.index": [name]},
    )


def unsupported_selector(expression: str) -> ElasticsearchException:
    return _illegal(
        f"Index component selectors are not supported in this context but found selector in expression [{expression}]",
        "unsupported_selector_exception",
    )


def _invalid_name(name: str, problem: str) -> ElasticsearchException:
    return ElasticsearchException(
        "invalid_index_name_exception",
        f"Invalid index name [{name}], {problem}",
        metadata={"es.index_uuid": ["_na_"], "es.index": [name]},
    )


def _illegal(reason: str, kind: str = "illegal_argument_exception") -> ElasticsearchException:
    return ElasticsearchException(kind, reason, status=400)
