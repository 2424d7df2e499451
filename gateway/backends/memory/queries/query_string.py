"""query_string: Lucene's query language over one or several fields."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np

from gateway.backends.memory import analysis
from gateway.backends.memory.queries.compiler import Context, flag, illegal, number, parsing, query, whole
from gateway.backends.memory.queries.lucene_syntax import Kind, Token, failure, tokenize, unescape
from gateway.backends.memory.queries.matching import MatchOptions, operator
from gateway.backends.memory.queries.minimum import with_minimum
from gateway.backends.memory.queries.multi_match import TIES, check_type, resolve_fields
from gateway.backends.memory.queries.nodes import Absent, Bool, Boost, Node
from gateway.backends.memory.queries.patterns import (
    MAX_EXPANSIONS,
    check_rewrite,
)
from gateway.backends.memory.queries.query_string_leaves import Leaves, Settings
from gateway.backends.memory.queries.text import KeywordTerm, TextTerm
from protocol.errors import ElasticsearchException

Occur = Literal["must", "should", "must_not"]
Clause = tuple[Occur, Node]
MAX_DEPTH: Final = 100
"""How deep groups may nest, so that parsing cannot exhaust the stack."""

_AFTER_WORDS: Final = frozenset({Kind.COLON, Kind.STAR, Kind.FUZZY, Kind.BOOST, Kind.AND, Kind.OR})
"""A term before one of these stands for itself, rather than being matched together with the terms before it."""
_ESCAPED: Final = frozenset('\\+-!():^[]"{}~*?|&/')


@query(
    "query_string",
    "query",
    "fields",
    "default_field",
    "default_operator",
    "analyzer",
    "quote_analyzer",
    "quote_field_suffix",
    "allow_leading_wildcard",
    "analyze_wildcard",
    "auto_generate_synonyms_phrase_query",
    "enable_position_increments",
    "escape",
    "fuzziness",
    "fuzzy_max_expansions",
    "fuzzy_prefix_length",
    "fuzzy_rewrite",
    "fuzzy_transpositions",
    "lenient",
    "max_determinized_states",
    "minimum_should_match",
    "phrase_slop",
    "rewrite",
    "tie_breaker",
    "time_zone",
    "type",
)
def query_string(context: Context, params: dict[str, Any]) -> Node:
    text = params.get("query")
    if text is None:
        raise parsing("query_string must be provided with a [query]")
    text = str(text)
    written = text
    if flag(params, "escape", False):
        written = "".join("\\" + letter if letter in _ESCAPED else letter for letter in text)
    settings = _settings(context, params)
    try:
        node = Parser(context, settings, written).parse()
    except ElasticsearchException as error:
        if error.type == "parse_exception" and (error.reason or "").startswith("Cannot parse '"):
            raise context.refused(f"Failed to parse query [{text}]", error) from None
        raise
    if node is None:
        return context.nothing()
    factors = []
    while isinstance(node, Boost):
        factors.append(node.factor)
        node = node.inner
    node = with_minimum(node, params.get("minimum_should_match"))
    for factor in reversed(factors):
        node = Boost(node, factor)
    return node


def _settings(context: Context, params: dict[str, Any]) -> Settings:
    check_rewrite(params)
    default_field, fields = params.get("default_field"), params.get("fields")
    if default_field is not None and fields:
        raise illegal("cannot use [fields] parameter in conjunction with [default_field]")
    boosts, everything = resolve_fields(context, [default_field] if default_field is not None else fields)
    kind = check_type("query_string", params.get("type", "best_fields"))
    for option in ("analyzer", "quote_analyzer"):
        if params.get(option) is not None and params[option] not in analysis.NAMES:
            raise context.refused(f"[query_string] {option} [{params[option]}] not found")
    all_terms = operator(params.get("default_operator", "or")) == "and"
    options = MatchOptions(
        must=all_terms,
        analyzer=params.get("analyzer"),
        prefix_length=whole(params, "fuzzy_prefix_length", 0),
        max_expansions=whole(params, "fuzzy_max_expansions", MAX_EXPANSIONS),
        transpositions=flag(params, "fuzzy_transpositions", True),
        lenient=flag(params, "lenient", everything),
        zero_terms="null",
    )
    tie = params.get("tie_breaker")
    return Settings(
        boosts=boosts,
        default_field="*" if everything and not fields else default_field,
        and_=all_terms,
        kind=kind,
        tie=TIES[kind] if tie is None else number(tie, "query_string", "tie_breaker"),
        options=options,
        fuzziness=params.get("fuzziness"),
        quote_analyzer=params.get("quote_analyzer"),
        quote_suffix=params.get("quote_field_suffix"),
        phrase_slop=whole(params, "phrase_slop", 0),
        leading_wildcard=flag(params, "allow_leading_wildcard", True),
        analyze_wildcard=flag(params, "analyze_wildcard", False),
        time_zone=params.get("time_zone"),
    )


class Parser:
    """Recursive descent over the tokens; clauses combine as in Lucene's classic parser."""

    def __init__(self, context: Context, settings: Settings, text: str) -> None:
        self._context = context
        self._settings = settings
        self._leaves = Leaves(context, settings)
        self._text = text
        self._tokens = tokenize(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Node | None:
        """The query; None when nothing of the text is left after analysis."""
        if not self._text.strip():
            return self._context.nothing()
        node = self._query(None)
        if self._peek().kind is not Kind.END:
            raise self._unexpected()
        return node

    # Tokens

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, *kinds: Kind) -> Token | None:
        return self._next() if self._peek().kind in kinds else None

    def _unexpected(self) -> ElasticsearchException:
        token = self._peek()
        return failure(self._text, token.at, token.text)

    # Clauses

    def _query(self, field: str | None) -> Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._context.refused(f"Failed to parse query [{self._text[:1024]}]: query is too deeply nested")
        clauses: list[Clause] = []
        only: Node | None = None
        while True:
            begins = not clauses
            if self._words_follow():
                self._add_words(clauses, field)
                only = None
            else:
                conjunction = None if begins else self._take(Kind.AND, Kind.OR)
                modifier = self._take(Kind.PLUS, Kind.MINUS, Kind.NOT)
                node = self._clause(field)
                only = node if begins and (modifier is None or modifier.kind is Kind.PLUS) else None
                self._add(clauses, conjunction, modifier, node)
            if self._peek().kind in (Kind.END, Kind.CLOSE):
                break
        self._depth -= 1
        if len(clauses) == 1 and only is not None:
            return only
        return self._combine(clauses)

    def _words_follow(self) -> bool:
        """Whether two or more plain terms follow that are matched together, as one text."""
        return self._peek().kind is Kind.TERM and self._is_word(1)

    def _is_word(self, ahead: int) -> bool:
        return self._peek(ahead).kind is Kind.TERM and self._peek(ahead + 1).kind not in _AFTER_WORDS

    def _add_words(self, clauses: list[Clause], field: str | None) -> None:
        words = [unescape(self._next().text)]
        while self._is_word(0):
            words.append(unescape(self._next().text))
        node = self._leaves.words(field, " ".join(words))
        if node is None:
            return
        occur: Occur = "must" if self._settings.and_ else "should"
        if not isinstance(node, Bool):
            clauses.append((occur, node))
        elif all(isinstance(inner, TextTerm | KeywordTerm) for inner in (*node.must, *node.should)):
            clauses.extend([("must", inner) for inner in node.must] + [("should", inner) for inner in node.should])
        else:
            clauses.extend([(occur, inner) for inner in (*node.must, *node.should)])
            clauses.extend([("must_not", inner) for inner in node.must_not])

    def _add(self, clauses: list[Clause], conjunction: Token | None, modifier: Token | None, node: Node | None) -> None:
        joins = None if conjunction is None else conjunction.kind
        if clauses and clauses[-1][0] != "must_not":
            if joins is Kind.AND:
                clauses[-1] = ("must", clauses[-1][1])
            elif joins is Kind.OR and self._settings.and_:
                clauses[-1] = ("should", clauses[-1][1])
        if node is None:
            return
        if modifier is not None and modifier.kind in (Kind.MINUS, Kind.NOT):
            clauses.append(("must_not", node))
        elif self._settings.and_:
            clauses.append(("should" if joins is Kind.OR else "must", node))
        else:
            required = joins is Kind.AND or (modifier is not None and modifier.kind is Kind.PLUS)
            clauses.append(("must" if required else "should", node))

    def _combine(self, clauses: list[Clause]) -> Node | None:
        if not clauses:
            return None
        node = Bool(self._context.size)
        for occur, inner in clauses:
            {"must": node.must, "should": node.should, "must_not": node.must_not}[occur].append(inner)
        if len(node.must_not) == len(clauses):
            node.filters.append(self._context.everything())
        return node

    def _clause(self, field: str | None) -> Node | None:
        if self._peek().kind in (Kind.TERM, Kind.STAR, Kind.PREFIX, Kind.WILD) and self._peek(1).kind is Kind.COLON:
            name = self._next()
            field = "*" if name.kind is Kind.STAR else unescape(name.text)
            self._at += 1
        if self._take(Kind.OPEN):
            node = self._query(field)
            if not self._take(Kind.CLOSE):
                raise self._unexpected()
        else:
            node = self._term(field)
        boost = self._take(Kind.BOOST)
        if boost is not None and node is not None and not isinstance(node, Absent):
            factor = np.float32(float(boost.text[1:]))
            node = node if factor == 1 else Boost(node, factor)
        return node

    def _term(self, field: str | None) -> Node | None:
        token = self._next()
        if token.kind is Kind.QUOTED:
            slop = self._take(Kind.FUZZY)
            return self._leaves.phrase(field, unescape(token.text[1:-1]), self._slop(slop))
        if token.kind is Kind.RANGE:
            return self._leaves.range(field, token)
        boost = self._take(Kind.BOOST) if self._peek(1).kind is Kind.FUZZY else None
        fuzzy = self._take(Kind.FUZZY)
        if boost is not None:
            # term^2~ is the same as term~^2: the boost is read after the term by the caller.
            self._tokens.insert(self._at, boost)
        if token.kind is Kind.STAR:
            return self._leaves.wildcard(field, "*")
        if token.kind is Kind.PREFIX:
            return self._leaves.prefix(field, unescape(token.text[:-1]))
        if token.kind is Kind.WILD:
            return self._leaves.wildcard(field, token.text)
        if token.kind is Kind.REGEXP:
            return self._leaves.regexp(field, token.text[1:-1])
        if token.kind is Kind.BARE:
            return self._leaves.words(field, token.text[0])
        if token.kind is not Kind.TERM:
            self._at -= 1
            raise self._unexpected()
        text = unescape(token.text)
        if fuzzy is not None:
            return self._leaves.fuzzy(field, text, fuzzy)
        return self._leaves.words(field, text)

    def _slop(self, token: Token | None) -> int:
        if token is None or len(token.text) == 1:
            return self._settings.phrase_slop
        try:
            return int(float(token.text[1:]))
        except ValueError:
            raise failure(self._text, token.at, token.text) from None
