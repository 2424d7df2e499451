"""Reads the ``dynamic_templates`` of a mapping."""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.backends.memory.dynamic_templates import MATCHING_TYPES, DynamicTemplate
from gateway.backends.memory.values import text_of
from protocol.errors import ElasticsearchException

_PATTERNS: Final = ("match", "unmatch", "path_match", "path_unmatch")
_OPTIONS: Final = frozenset({*_PATTERNS, "match_pattern", "match_mapping_type", "unmatch_mapping_type", "mapping"})


def parse_templates(templates: Any) -> tuple[DynamicTemplate, ...]:
    """The rules of a mapping, in order. Raises ElasticsearchException (mapper_parsing_exception)."""
    if not isinstance(templates, list):
        raise _refused("Dynamic template syntax error. An array of named objects is expected.")
    found = []
    for entry in templates:
        if not (isinstance(entry, dict) and len(entry) == 1 and isinstance(next(iter(entry.values())), dict)):
            raise _refused("A dynamic template must be defined with a name")
        ((name, body),) = entry.items()
        found.append(_template(name, body))
    return tuple(found)


def _template(name: str, body: dict[str, Any]) -> DynamicTemplate:
    for option in body:
        if option not in _OPTIONS:
            raise _refused(f"[{option}] of the dynamic template [{name}] is not supported")
    if not isinstance(body.get("mapping"), dict):
        raise _refused(f"template [{name}] must have either mapping or runtime set")
    patterns = {option: _texts(body.get(option)) for option in _PATTERNS}
    wanted, unwanted = _texts(body.get("match_mapping_type")), _texts(body.get("unmatch_mapping_type"))
    if not wanted and not any(patterns.values()):
        raise _refused(f"template [{name}] must have match, path_match or match_mapping_type set")
    for type_ in (*wanted, *unwanted):
        if type_ not in MATCHING_TYPES and type_ not in ("*", "binary"):
            raise _refused(f"No field type matched on [{type_}], possible values are {sorted(MATCHING_TYPES)}")
    regex = body.get("match_pattern", "simple") == "regex"
    if regex:
        for pattern in (pattern for option in patterns.values() for pattern in option):
            try:
                re.compile(pattern)
            except re.error as error:
                raise _refused(f"Pattern [{pattern}] of type [regex] is invalid: {error}") from None
    types = frozenset(MATCHING_TYPES) if not wanted or "*" in wanted else frozenset(wanted)
    return DynamicTemplate(name, types - frozenset(unwanted), patterns, regex, body["mapping"])


def _texts(value: Any) -> list[str]:
    return [] if value is None else [text_of(item) for item in value] if isinstance(value, list) else [text_of(value)]


def _refused(reason: str) -> ElasticsearchException:
    return ElasticsearchException("mapper_parsing_exception", reason, status=400)
