"""Queries for parts of terms: prefix, wildcard, regexp, fuzzy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.compiler import Context, field_query, flag, illegal, parsing, whole
from gateway.backends.memory.queries.fields import check_metadata, check_searchable, index_matches, wrong_type
from gateway.backends.memory.queries.nodes import ONE, Bool, Boost, Node
from gateway.backends.memory.queries.regexp import parse_flags, regexp_language, term_automaton
from gateway.backends.memory.queries.text import KeywordTerm, TextTerm
from gateway.backends.memory.values import java_float, normalizer, text_of
from gateway.lucene.automaton import MAX_STATES
from gateway.lucene.languages import ANY_WORD, Language, concat
from gateway.lucene.languages import text as literal
from gateway.lucene.regexp import parse_wildcard, regexp_prefix, wildcard_prefix

MAX_EXPANSIONS: Final = 50
"""How many terms a fuzzy query expands to by default."""
MAX_REGEX_LENGTH: Final = 1000
"""index.max_regex_length."""
_CONSTANT_REWRITES: Final = frozenset(
    {"constant_score", "constant_score_auto", "constant_score_blended", "constant_score_boolean"}
)
_AUTO: Final = re.compile(r"AUTO(?::(\d+),(\d+))?", re.ASCII | re.IGNORECASE)


def check_rewrite(params: dict[str, Any], option: str = "rewrite") -> None:
    """Lets through the rewrites that score all matches the same, which is what is done here."""
    rewrite = params.get(option)
    if rewrite is not None and str(rewrite) not in _CONSTANT_REWRITES:
        raise illegal(f"[{option}] [{rewrite}] is not supported by the in-memory cluster")


def automaton_node(
    context: Context,
    field: FieldType,
    language: Callable[[], Language],
    prefix: str = "",
    states: int = MAX_STATES,
    pattern: str = "automaton",
) -> Node:
    """Rows with a term in a language (made when needed); ``prefix`` is what all its texts begin with, ``pattern`` its name."""
    if not context.here(field):
        return context.nothing()
    source = context.postings(field) if field.is_text else context.column(field)
    automaton = term_automaton(language(), states, pattern)
    return context.any_of(source, lambda: source.dictionary.accepted(automaton, prefix))


def prefix_node(context: Context, field: FieldType, value: str, ignore_case: bool = False) -> Node:
    """Rows with a term that begins with a text."""
    if field.type == "constant_keyword":
        return _constant(context, field, concat([literal(value, ignore_case), ANY_WORD]))
    if not (field.is_text or field.is_keyword):
        raise context.refused(wrong_type("prefix", "keyword, text and wildcard", field))
    _check_terms(field)
    normalize = normalizer(field.normalizer) or str
    text = normalize(value)
    if not context.here(field):
        return context.nothing()
    if ignore_case:
        return automaton_node(context, field, lambda: concat([literal(text, True), ANY_WORD]))
    source = context.postings(field) if field.is_text else context.column(field)
    return context.any_of(source, lambda: source.dictionary.prefixed(text))


def wildcard_node(context: Context, field: FieldType, value: str, ignore_case: bool = False) -> Node:
    """Rows with a term that a wildcard matches."""
    if field.type == "constant_keyword":
        return _constant(context, field, parse_wildcard(value, ignore_case))
    if not (field.is_text or field.is_keyword):
        raise context.refused(wrong_type("wildcard", "keyword, text and wildcard", field))
    _check_terms(field)
    value = (normalizer(field.normalizer) or str)(value)
    prefix = "" if ignore_case else wildcard_prefix(value)
    return automaton_node(context, field, lambda: parse_wildcard(value, ignore_case), prefix)


def regexp_node(
    context: Context, field: FieldType, value: str, *, flags: str = "ALL", ignore_case: bool = False, states: int = MAX_STATES
) -> Node:
    """Rows with a term that a regular expression matches."""
    if len(value) > MAX_REGEX_LENGTH:
        raise illegal(
            f"The length of regex [{len(value)}] used in the Regexp Query request has exceeded the allowed maximum of "
            f"[{MAX_REGEX_LENGTH}]. This maximum can be set by changing the [index.max_regex_length] index level setting."
        )
    found = parse_flags(flags)
    if field.type == "constant_keyword":
        return _constant(context, field, regexp_language(value, found, ignore_case))
    if not (field.is_text or field.is_keyword):
        raise context.refused(wrong_type("regexp", "keyword and text", field))
    _check_terms(field)
    prefix = "" if ignore_case else regexp_prefix(value)
    return automaton_node(context, field, lambda: regexp_language(value, found, ignore_case), prefix, states, value)


def term_node_ignoring_case(context: Context, field: FieldType, value: Any) -> Node:
    """Rows that hold one value in any case (of ASCII letters)."""
    if field.type == "constant_keyword":
        return _constant(context, field, literal(text_of(value), True))
    if not (field.is_text or field.is_keyword):
        raise context.refused(
            f"[{field.name}] field which is of type [{field.type}], does not support case insensitive term queries"
        )
    check_searchable(field)
    return automaton_node(context, field, lambda: literal(text_of(value), True))


def edits_of(fuzziness: Any, text: str) -> int:
    """How many edits a fuzziness allows for a text: a number up to 2, or AUTO (with its two lengths). Raises ElasticsearchException."""
    spec = "AUTO" if fuzziness is None else text_of(fuzziness)
    auto = _AUTO.fullmatch(spec)
    if auto is not None:
        low, high = (int(auto[1]), int(auto[2])) if auto[1] else (3, 6)
        if low > high:
            raise illegal(f"fuzziness wrongly configured, must be: lowDistance <= highDistance, got [{low}] and [{high}]")
        return 0 if len(text) < low else 1 if len(text) < high else 2
    edits = java_float(spec)
    if edits not in (0, 1, 2):
        raise illegal(f"Valid edits are [0, 1, 2] but was [{spec}]")
    return int(edits)


def fuzzy_node(
    context: Context,
    field: FieldType,
    value: Any,
    *,
    fuzziness: Any = None,
    prefix_length: int = 0,
    max_expansions: int = MAX_EXPANSIONS,
    transpositions: bool = True,
) -> Node:
    """Rows with a term near a text. The nearest terms score by their nearness, with the frequency of the most frequent of them."""
    text = text_of(value)
    if not (field.is_text or field.type == "keyword"):
        raise illegal(wrong_type("fuzzy", "keyword and text", field))
    _check_terms(field)
    edits = edits_of(fuzziness, text)
    text = (normalizer(field.normalizer) or str)(text)
    if not context.here(field):
        return context.nothing()
    source = context.postings(field) if field.is_text else context.column(field)
    near = source.dictionary.near(text, edits, prefix_length, transpositions)
    ranked = sorted((_nearness(text, source.terms[found], distance), found) for found, distance in near)
    ranked = sorted(ranked, key=lambda item: (-item[0], item[1]))[:max_expansions]
    if field.is_text:
        postings = context.postings(field)
        doc_freq = max((postings.doc_freq(found) for _, found in ranked), default=0)
        terms: list[tuple[np.float32, Node]] = [
            (nearness, TextTerm(postings, postings.terms[found], field.norms, doc_freq)) for nearness, found in ranked
        ]
    else:
        column = context.column(field)
        doc_freq = max((int(column.term_counts[found]) for _, found in ranked), default=0)
        terms = [(nearness, KeywordTerm(column, column.terms[found], doc_freq)) for nearness, found in ranked]
    return Bool(context.size, should=[node if nearness == ONE else Boost(node, nearness) for nearness, node in terms])


def _nearness(text: str, term: str, distance: int) -> np.float32:
    if distance == 0:
        return ONE
    shorter = min(len(text), len(term))
    return np.float32(max(0.0, 1 - distance / shorter)) if shorter else np.float32(0)


def _check_terms(field: FieldType) -> None:
    """Refuses patterns on a field without indexed terms."""
    if not field.indexed:
        if field.is_text or not field.doc_values:
            check_searchable(field)
        return


def _constant(context: Context, field: FieldType, language: Language) -> Node:
    """All rows or none, by the value of a constant_keyword."""
    if field.value is None:
        return context.nothing()
    codes = np.array([ord(letter) for letter in field.value], np.uint32)
    accepted = term_automaton(language).accepts(codes, np.zeros(1, np.int64), np.array([len(codes)]))
    return context.everything() if accepted[0] else context.nothing()


def _metadata(context: Context, name: str, kind: str, pattern: str, ignore_case: bool) -> Node | None:
    """The answer of ``_index`` and ``_id``, or None for other fields. ``pattern`` is what an index's name matches."""
    if name == "_index" and kind != "regexp":
        return index_matches(context, pattern, ignore_case)
    if name in ("_id", "_index", "_source"):
        fields = "keyword and text" if kind == "regexp" else "keyword, text and wildcard"
        raise context.refused(f"Can only use {kind} queries on {fields} fields - not on [{name}] which is of type [{name}]")
    check_metadata(context, name)
    return None


@field_query("prefix", "rewrite", "case_insensitive", short="value")
def prefix(context: Context, name: str, params: dict[str, Any]) -> Node:
    check_rewrite(params)
    value, ignore_case = text_of(params["value"]), flag(params, "case_insensitive", False)
    answer = _metadata(context, name, "prefix", f"{value}*", ignore_case)
    if answer is not None:
        return answer
    field = context.field(name)
    return context.nothing() if field is None else prefix_node(context, field, value, ignore_case)


@field_query("wildcard", "rewrite", "case_insensitive", short="value")
def wildcard(context: Context, name: str, params: dict[str, Any]) -> Node:
    check_rewrite(params)
    value, ignore_case = text_of(params["value"]), flag(params, "case_insensitive", False)
    answer = _metadata(context, name, "wildcard", value, ignore_case)
    if answer is not None:
        return answer
    field = context.field(name)
    return context.nothing() if field is None else wildcard_node(context, field, value, ignore_case)


@field_query("regexp", "rewrite", "case_insensitive", "flags", "flags_value", "max_determinized_states", short="value")
def regexp(context: Context, name: str, params: dict[str, Any]) -> Node:
    check_rewrite(params)
    value, ignore_case = text_of(params["value"]), flag(params, "case_insensitive", False)
    flags = str(params.get("flags", "ALL"))
    states = whole(params, "max_determinized_states", MAX_STATES)
    answer = _metadata(context, name, "regexp", value, ignore_case)
    if answer is not None:
        return answer
    field = context.field(name)
    if field is None:
        return context.nothing()
    return regexp_node(context, field, value, flags=flags, ignore_case=ignore_case, states=states)


@field_query("fuzzy", "fuzziness", "prefix_length", "max_expansions", "transpositions", "rewrite", short="value")
def fuzzy(context: Context, name: str, params: dict[str, Any]) -> Node:
    rewrite = params.get("rewrite")
    if rewrite is not None and not str(rewrite).startswith("top_terms_blended_freqs_"):
        raise illegal(f"[rewrite] [{rewrite}] is not supported by the in-memory cluster")
    if isinstance(params["value"], dict | list):
        raise parsing("[fuzzy] query does not support arrays or objects as value")
    if name in ("_id", "_index", "_source"):
        raise illegal(f"Can only use fuzzy queries on keyword and text fields - not on [{name}] which is of type [{name}]")
    check_metadata(context, name)
    field = context.field(name)
    if field is None:
        return context.nothing()
    return fuzzy_node(
        context,
        field,
        params["value"],
        fuzziness=params.get("fuzziness"),
        prefix_length=whole(params, "prefix_length", 0),
        max_expansions=whole(params, "max_expansions", MAX_EXPANSIONS),
        transpositions=flag(params, "transpositions", True),
    )
