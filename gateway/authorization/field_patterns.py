"""Field names of field level security."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.patterns import compile_pattern
from gateway.lucene import languages, regexp
from gateway.lucene.automaton import is_subset
from gateway.lucene.languages import Language


def check_field_security(security: FieldSecurity) -> str | None:
    """What is wrong with ``grant`` and ``except``: a bad pattern, or an exception that is not within what is granted.

    ``None`` when nothing is.
    """
    if security.grant is None or not security.exclude:
        return None
    try:
        granted = languages.union(language_of(pattern) for pattern in security.grant)
        excluded = languages.union(language_of(pattern) for pattern in security.exclude)
        subset = is_subset(excluded, granted)
    except ValueError as error:
        return str(error)
    if subset:
        return None
    return (
        f"Exceptions for field permissions must be a subset of the granted fields but {','.join(security.exclude)} "
        f"is not a subset of {','.join(security.grant)}"
    )


def language_of(pattern: str) -> Language:
    """The words that a pattern of Elasticsearch's ``Automatons`` matches. Raises ``ValueError``."""
    if pattern.startswith("/"):
        if len(pattern) == 1 or not pattern.endswith("/"):
            raise ValueError(f"invalid pattern [{pattern}]")
        return regexp.parse(pattern[1:-1])
    return regexp.parse_wildcard(pattern)


class FieldMatcher:
    """The fields that any of some rules shows. Raises ``ValueError`` for a bad pattern."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Iterable[FieldSecurity]) -> None:
        self._rules = tuple((_compiled(rule.grant), _compiled(rule.exclude) or ()) for rule in rules)

    def allows(self, name: str) -> bool:
        """Metadata fields (``_id``) are granted by every rule, and may be excepted like others."""
        return any(
            (grant is None or name.startswith("_") or any(matches(name) for matches in grant))
            and not any(matches(name) for matches in exclude)
            for grant, exclude in self._rules
        )


def _compiled(patterns: tuple[str, ...] | None) -> tuple[Callable[[str], bool], ...] | None:
    return None if patterns is None else tuple(compile_pattern(pattern) for pattern in patterns)
