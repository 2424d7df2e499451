"""``dynamic_templates``: rules of a mapping for the fields that documents bring."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.backends.memory.values import text_of
from protocol.errors import ElasticsearchException

MATCHING_TYPES: Final = {
    "object": "object",
    "string": "text",
    "long": "long",
    "double": "float",
    "boolean": "boolean",
    "date": "date",
}
"""The types of JSON values that a template can ask for, and the field type that it makes of each by default."""
_PATTERNS: Final = ("match", "unmatch", "path_match", "path_unmatch")
_OPTIONS: Final = frozenset({*_PATTERNS, "match_pattern", "match_mapping_type", "unmatch_mapping_type", "mapping"})


def _refused(reason: str) -> ElasticsearchException:
    return ElasticsearchException("mapper_parsing_exception", reason, status=400)


@dataclass(frozen=True, slots=True)
class DynamicTemplate:
    """One rule: which fields it is for, and the mapping that they get."""

    name: str
    types: frozenset[str]
    patterns: dict[str, list[str]]
    regex: bool
    mapping: dict[str, Any]

    def definition(self, path: str, key: str, type_: str) -> dict[str, Any] | None:
        """The mapping of a new field whose value has a type of `MATCHING_TYPES`; None where the rule is not for it."""
        if type_ not in self.types:
            return None
        for option, text in (("path_match", path), ("match", key)):
            if self.patterns[option] and not any(self._matches(pattern, text) for pattern in self.patterns[option]):
                return None
        for option, text in (("path_unmatch", path), ("unmatch", key)):
            if any(self._matches(pattern, text) for pattern in self.patterns[option]):
                return None
        default = MATCHING_TYPES[type_]
        filled = _fill(self.mapping, key, default)
        return filled if "type" in filled else {"type": default, **filled}

    def _matches(self, pattern: str, text: str) -> bool:
        if self.regex:
            return re.fullmatch(pattern, text) is not None
        return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _fill(value: Any, name: str, type_: str) -> Any:
    """The mapping with ``{name}`` and ``{dynamic_type}`` put in."""
    if isinstance(value, dict):
        return {_fill(key, name, type_): _fill(item, name, type_) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, name, type_) for item in value]
    if isinstance(value, str):
        return value.replace("{name}", name).replace("{dynamic_type}", type_).replace("{dynamicType}", type_)
    return value


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
