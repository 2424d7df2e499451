"""``dynamic_templates``: rules of a mapping for the fields that documents bring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.globs import simple_match

MATCHING_TYPES: Final = {
    "object": "object",
    "string": "text",
    "long": "long",
    "double": "float",
    "boolean": "boolean",
    "date": "date",
}
"""The types of JSON values that a template can ask for, and the field type that it makes of each by default."""


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
        return simple_match(pattern, text)


def _fill(value: Any, name: str, type_: str) -> Any:
    """The mapping with ``{name}`` and ``{dynamic_type}`` put in."""
    if isinstance(value, dict):
        return {_fill(key, name, type_): _fill(item, name, type_) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, name, type_) for item in value]
    if isinstance(value, str):
        return value.replace("{name}", name).replace("{dynamic_type}", type_).replace("{dynamicType}", type_)
    return value
