"""The leaves of a query string: words, phrases, ranges and patterns on the fields that they are asked of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gateway.backends.memory import analysis
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.bounds import Bounds, range_node
from gateway.backends.memory.queries.compiler import Context
from gateway.backends.memory.queries.fields import check_searchable, exists_node, index_matches
from gateway.backends.memory.queries.lucene_syntax import Token
from gateway.backends.memory.queries.matching import MatchOptions
from gateway.backends.memory.queries.multi_match import Boosts, combined
from gateway.backends.memory.queries.nodes import ONE, Absent, Bool, Boost, DisMax, Node
from gateway.backends.memory.queries.patterns import edits_of, fuzzy_node, prefix_node, regexp_node, wildcard_node
from gateway.backends.memory.queries.text import TextTerm
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a query string."""

    boosts: Boosts
    """The default fields."""
    default_field: str | None
    and_: bool
    kind: str
    tie: float
    options: MatchOptions
    fuzziness: Any
    """Of a word with a tilde and no number; other words are not fuzzy."""
    quote_analyzer: str | None
    quote_suffix: str | None
    phrase_slop: int
    leading_wildcard: bool
    analyze_wildcard: bool
    time_zone: str | None


class Leaves:
    """Makes the queries for the leaves. A field of None stands for the default fields; its name may be a pattern."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context = context
        self._settings = settings

    def _fields(self, field: str | None, quoted: bool = False) -> Boosts:
        if field is None or (field == "*" and self._settings.default_field == "*"):
            boosts = self._settings.boosts
        elif "*" in field:
            boosts = dict.fromkeys(self._context.held_names(field), ONE)
        else:
            boosts = {field: ONE} if self._context.field(field) is not None else {}
        suffix = self._settings.quote_suffix
        if quoted and suffix:
            return {name + suffix if self._context.field(name + suffix) else name: boost for name, boost in boosts.items()}
        return boosts

    def _each(self, field: str | None, make: Callable[[FieldType], Node]) -> Node | None:
        """A query on each field, the best of which counts."""
        boosts = self._fields(field)
        nodes: list[Node] = []
        for name, boost in boosts.items():
            found = self._context.field(name)
            try:
                node = self._context.nothing() if found is None else make(found)
            except (ElasticsearchException, MalformedValueError):
                if not self._settings.options.lenient:
                    raise
                node = self._context.nothing()
            nodes.append(node if boost == 1 else Boost(node, boost))
        if not boosts:
            return self._context.nothing()
        return nodes[0] if len(nodes) == 1 else DisMax(self._context.size, nodes, self._settings.tie)

    def words(self, field: str | None, text: str) -> Node | None:
        """Plain text, matched as match does; None when nothing of it is left after analysis."""
        if field == "_exists_":
            return self._exists(text)
        if field is not None and len(text) > 1:
            for sign, include in ((">=", True), (">", False), ("<=", True), ("<", False)):
                if text.startswith(sign) and len(text) > len(sign):
                    bound = text[len(sign) :]
                    low, high = (bound, None) if sign[0] == ">" else (None, bound)
                    return self._between(
                        field, low, high, include if sign[0] == ">" else True, include if sign[0] == "<" else True
                    )
            found = self._context.field(field)
            if found is not None and found.is_date and self._settings.time_zone is not None:
                return self._between(field, text, text, True, True)
        if field == "_index":
            return index_matches(self._context, text)
        boosts = self._fields(field)
        if not boosts:
            return self._context.nothing()
        node = combined(self._context, boosts, text, self._settings.kind, self._settings.options, self._settings.tie)
        return None if isinstance(node, Absent) else node

    def phrase(self, field: str | None, text: str, slop: int) -> Node | None:
        """A quoted text."""
        if field == "_exists_":
            return self._exists(text)
        if field == "_index":
            return index_matches(self._context, text)
        boosts = self._fields(field, quoted=True)
        if not boosts:
            return self._context.nothing()
        analyzer = self._settings.quote_analyzer or self._settings.options.analyzer
        options = replace(self._settings.options, slop=slop, analyzer=analyzer)
        node = combined(self._context, boosts, text, "phrase", options, self._settings.tie)
        return None if isinstance(node, Absent) else node

    def range(self, field: str | None, token: Token) -> Node | None:
        """A range in brackets."""
        low = None if token.low == "*" else token.low
        high = None if token.high == "*" else token.high
        return self._between(field, low, high, token.text[0] == "[", token.text[-1] == "]")

    def _between(
        self, field: str | None, low: str | None, high: str | None, include_low: bool, include_high: bool
    ) -> Node | None:
        def make(found: FieldType) -> Node:
            check_searchable(found)
            ends = [end if end is None else self._normalized(found, end) for end in (low, high)]
            return range_node(
                self._context, found, Bounds(ends[0], ends[1], include_low, include_high, time_zone=self._settings.time_zone)
            )

        return self._each(field, make)

    def _normalized(self, field: FieldType, text: str) -> str:
        if not field.is_text:
            return text
        return analysis.analyzer(self._settings.options.analyzer or field.search_analyzer).normalize(text)

    def _exists(self, name: str) -> Node:
        return self._context.compile({"exists": {"field": name}})

    def wildcard(self, field: str | None, pattern: str) -> Node | None:
        """A term with stars and question marks; a star alone asks whether the field exists."""
        actual = field if field is not None else self._settings.default_field
        if pattern == "*" and actual is not None:
            return self._context.everything() if actual == "*" else self._exists(actual)
        if not self._settings.leading_wildcard and pattern[0] in "*?":
            raise ElasticsearchException(
                "parse_exception",
                f"Cannot parse '{pattern}': '*' or '?' not allowed as first character in WildcardQuery",
                status=400,
            )
        if pattern == "*":
            return self._each(field, lambda found: exists_node(self._context, [found]))
        return self._each(field, lambda found: wildcard_node(self._context, found, self._normalized(found, pattern)))

    def prefix(self, field: str | None, text: str) -> Node | None:
        """A term that ends in a star."""
        return self._each(field, lambda found: self._prefix(found, text))

    def regexp(self, field: str | None, pattern: str) -> Node | None:
        """An expression between slashes."""
        return self._each(field, lambda found: regexp_node(self._context, found, pattern))

    def _prefix(self, field: FieldType, text: str) -> Node:
        if not field.is_text or not self._settings.analyze_wildcard:
            return prefix_node(self._context, field, self._normalized(field, text))
        terms = analysis.analyzer(self._settings.options.analyzer or field.search_analyzer).tokens(text)
        if not terms:
            return self._context.nothing()
        last = prefix_node(self._context, field, terms[-1])
        if len(terms) == 1:
            return last
        nodes: list[Node] = [TextTerm(self._context.postings(field), term, field.norms) for term in terms[:-1]]
        nodes.append(last)
        return Bool(self._context.size, must=nodes) if self._settings.and_ else Bool(self._context.size, should=nodes)

    def fuzzy(self, field: str | None, text: str, token: Token) -> Node | None:
        """A term with a tilde and perhaps the number of edits."""
        fuzziness = self._settings.fuzziness if len(token.text) == 1 else token.text[1:]
        edits = edits_of(fuzziness, text)
        options = self._settings.options
        return self._each(
            field,
            lambda found: fuzzy_node(
                self._context,
                found,
                self._normalized(found, text),
                fuzziness=edits,
                prefix_length=options.prefix_length,
                max_expansions=options.max_expansions,
                transpositions=options.transpositions,
            ),
        )
