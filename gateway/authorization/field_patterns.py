"""Field names of field level security: what a role shows, and whether its lists fit together.

Source: ``FieldPermissions`` of x-pack core 8.19. Patterns are those of ``Automatons``: ``*``, ``?``, backslash escapes,
``/regular expression/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.name_index import of_wildcards
from gateway.authorization.patterns import parse_expression, split_wildcard
from gateway.lucene import languages, regexp
from gateway.lucene.automaton import Automaton, is_subset
from gateway.lucene.languages import Language, TooComplexError, Work
from protocol.errors import ElasticsearchException

_MAX_LANGUAGES: Final = 256
"""Of rules, to keep."""

METADATA_FIELDS: Final = languages.concat([languages.text("_"), languages.ANY_WORD])
"""Every list of granted fields has these."""


def check_field_security(security: FieldSecurity, work: Work) -> ElasticsearchException | None:
    """What is wrong with ``grant`` and ``except``: a bad pattern, or an exception that is not within what is granted.

    ``None`` when nothing is. ``work`` bounds how long that takes.
    """
    grant, exclude = security.grant, security.exclude
    try:
        for pattern in (*(grant or ()), *exclude):
            if pattern.startswith("/"):
                parse_expression(pattern, work)
        if grant is None or "*" in grant or _are_granted(exclude, grant, work):
            return None
    except ValueError as error:
        return _uncomputable(error)
    return ElasticsearchException(
        "security_exception",
        f"Exceptions for field permissions must be a subset of the granted fields but {','.join(exclude)} is not a subset of "
        f"{','.join(grant)}",
        status=500,
    )


def _are_granted(exclude: tuple[str, ...], grant: tuple[str, ...], work: Work) -> bool:
    grant, exclude = taken(grant), taken(exclude)
    unclear = [pattern for pattern in exclude if pattern not in grant]
    if not unclear:
        return True
    work.spend(len(grant) + len(unclear))
    granted = languages.union([METADATA_FIELDS, *(language_of(pattern, work) for pattern in grant)], work)
    return is_subset(languages.union((language_of(pattern, work) for pattern in unclear), work), granted, work)


def language_of(pattern: str, work: Work | None = None) -> Language:
    """The words that a pattern of Elasticsearch's ``Automatons`` matches: none for an empty one. Raises ``ValueError``."""
    if not pattern:
        return languages.NOTHING
    if pattern.startswith("/"):
        return parse_expression(pattern, work)
    return regexp.parse_wildcard(pattern)


@lru_cache(_MAX_LANGUAGES)
def language_of_rule(rule: FieldSecurity) -> Language:
    """The field names that a rule shows. Raises ``ValueError``."""
    granted = languages.ANY_WORD
    if rule.grant is not None and "*" not in rule.grant:
        granted = languages.union([METADATA_FIELDS, *map(language_of, taken(rule.grant))])
    return languages.intersection([granted, languages.complement(languages.union(map(language_of, taken(rule.exclude))))])


def taken(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns of a list as Elasticsearch takes them.

    ``Automatons`` cuts an asterisk off the ends of a pattern that is in a list with others, words aside. So ``**`` stands for nothing
    there, and an asterisk that a backslash should escape is special and leaves the backslash.
    """
    every = dict.fromkeys(patterns)
    words = [pattern for pattern in every if pattern and not pattern.startswith("/") and not _is_special(pattern)]
    if len(every) - (len(words) if len(words) > 1 else 0) == 1:
        return tuple(every)
    return tuple(_cut(pattern) for pattern in every if pattern != "**")


def _cut(pattern: str) -> str:
    if not pattern.endswith("\\*") or pattern.startswith("/") or pattern.index("*") == len(pattern) - 1:
        return pattern
    before = pattern[:-1]
    escaped = (len(before) - len(before.rstrip("\\"))) % 2
    return f"{before}\\*" if escaped else pattern


def _is_special(pattern: str) -> bool:
    return any(char in pattern for char in "*?\\")


_MAX_MATCHING: Final = 100_000
"""Steps of the expressions of one rule."""
_MAX_RULES: Final = 1_000
"""To keep. They hold what was made of their patterns."""
_MAX_PROVING: Final = 10_000
_MAX_NAME: Final = 100_000
"""Steps that the wildcards of one list may take for one name: only a name of megabytes needs so many."""


class _Rule:
    """Whether a name is granted, and not excepted."""

    __slots__ = ("_exclude", "_grant", "work")

    def __init__(self, rule: FieldSecurity) -> None:
        self.work = Work(_MAX_MATCHING)
        self._grant = None if rule.grant is None else _Names(rule.grant, self.work)
        self._exclude = _Names(rule.exclude, self.work)

    def allows(self, name: str) -> bool:
        granted = self._grant is None or name.startswith("_") or self._grant.match(name)
        return granted and not self._exclude.match(name)


_rule = lru_cache(_MAX_RULES)(_Rule)


class FieldMatcher:
    """The fields that any of some rules shows. Raises a security_exception for a bad pattern."""

    __slots__ = ("_rules", "rules")

    def __init__(self, rules: Iterable[FieldSecurity]) -> None:
        self.rules = tuple(rules)
        try:
            self._rules = tuple([_rule(rule) for rule in self.rules])
        except ValueError as error:
            raise _uncomputable(error) from error

    def allows(self, name: str) -> bool:
        """Metadata fields (``_id``) are granted by every rule, and may be excepted like others. Raises a security_exception when the
        patterns are too complex."""
        try:
            return any(rule.allows(name) for rule in self._rules)
        except TooComplexError as error:
            raise _uncomputable(error) from error

    def shows_everything(self, work: Work) -> bool:
        """Whether the rules take nothing away together, as ``a*`` with ``*`` but ``a*`` does. False where that is hard to tell, or half of
        ``work`` is spent, which is no harm: what ``allows`` says is right in any case. Raises TooComplexError when no work is left."""
        work.spend(5 * len(self.rules))
        if 2 * work.spent > work.limit:
            return False
        before = sum([rule.work.spent for rule in self._rules])
        proving = Work(_MAX_PROVING)
        try:
            return all(map(self.allows, _PROBES)) and is_subset(
                languages.ANY_WORD, languages.union(map(language_of_rule, self.rules), proving), proving
            )
        except TooComplexError:
            return False
        finally:
            work.spend(proving.spent + sum([rule.work.spent for rule in self._rules]) - before)


_PROBES: Final = ("", "a", "\U0010ffff")
"""Names that hardly any list of patterns has all of."""


class _Names:
    """Whether a name matches any of some patterns: words by look-up, regular expressions all at once, and many wildcards as well."""

    __slots__ = ("_expressions", "_wildcards", "_words", "_work")

    def __init__(self, patterns: tuple[str, ...], work: Work) -> None:
        patterns = taken(patterns)
        expressions = [pattern for pattern in patterns if pattern.startswith("/")]
        special = [pattern for pattern in patterns if _is_special(pattern) and not pattern.startswith("/")]
        self._words = frozenset(patterns).difference(expressions, special, ("",))
        self._wildcards = of_wildcards({(1, pattern): split_wildcard(pattern) for pattern in special}) if special else None
        self._work = Work(_MAX_NAME)
        self._expressions = Automaton(languages.union(map(language_of, expressions), work), work=work) if expressions else None

    def match(self, name: str) -> bool:
        if name in self._words:
            return True
        if self._wildcards is not None:
            self._work.refill()
            if self._wildcards(name, self._work):
                return True
        return self._expressions is not None and self._expressions.matches(name)


def _uncomputable(error: ValueError) -> ElasticsearchException:
    if isinstance(error, TooComplexError):
        java, kind = "org.apache.lucene.util.automaton.TooComplexToDeterminizeException", "too_complex_to_determinize_exception"
    else:
        java, kind = "java.lang.IllegalArgumentException", "illegal_argument_exception"
    cause = ElasticsearchException(kind, str(error), status=500 if isinstance(error, TooComplexError) else 400)
    execution = ElasticsearchException("execution_exception", f"{java}: {error}", cause, status=500)
    return ElasticsearchException("security_exception", "unable to compute field permissions", execution, status=500)
