"""Text matched against a field: what match, match_phrase, multi_match and the query strings have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.backends.memory import analysis
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.compiler import Context, flag, illegal, whole
from gateway.backends.memory.queries.fields import check_searchable, term_node, wrong_type
from gateway.backends.memory.queries.nodes import Absent, Bool, Node
from gateway.backends.memory.queries.patterns import MAX_EXPANSIONS, fuzzy_node, prefix_node
from gateway.backends.memory.queries.text import Phrase, TextTerm
from gateway.backends.memory.values import MalformedValueError, text_of
from protocol.errors import ElasticsearchException

Mode = Literal["boolean", "boolean_prefix", "phrase", "phrase_prefix"]
ZeroTerms = Literal["none", "all", "null"]
"""What a text without terms matches; null leaves the clause out (`Absent`)."""
_TEXT_FIELDS: Final = "text"


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """How a text is matched. ``must`` asks for all terms (the operator AND)."""

    must: bool = False
    analyzer: str | None = None
    fuzziness: Any = None
    prefix_length: int = 0
    max_expansions: int = MAX_EXPANSIONS
    transpositions: bool = True
    lenient: bool = False
    slop: int = 0
    zero_terms: ZeroTerms = "none"


def options_of(context: Context, name: str, params: dict[str, Any], *, lenient: bool = False) -> MatchOptions:
    """The options of a match query's parameters. Raises ElasticsearchException."""
    analyzer = params.get("analyzer")
    if analyzer is not None and analyzer not in analysis.NAMES:
        raise context.refused(f"[{name}] analyzer [{analyzer}] not found")
    rewrite = params.get("fuzzy_rewrite")
    if rewrite is not None and not str(rewrite).startswith("top_terms_blended_freqs_"):
        raise illegal(f"[fuzzy_rewrite] [{rewrite}] is not supported by the in-memory cluster")
    expansions = whole(params, "max_expansions", MAX_EXPANSIONS)
    if expansions == 0:
        raise illegal(f"[{name}] requires maxExpansions to be positive.")
    return MatchOptions(
        must=operator(params.get("operator", "or")) == "and",
        analyzer=analyzer,
        fuzziness=params.get("fuzziness"),
        prefix_length=whole(params, "prefix_length", 0),
        max_expansions=expansions,
        transpositions=flag(params, "fuzzy_transpositions", True),
        lenient=flag(params, "lenient", lenient),
        slop=whole(params, "slop", 0),
        zero_terms=_zero_terms(params.get("zero_terms_query", "none")),
    )


def operator(value: Any) -> str:
    """``and`` or ``or``. Raises ElasticsearchException."""
    text = str(value).lower()
    if text not in ("and", "or"):
        raise illegal(f"No enum constant org.elasticsearch.index.query.Operator.{str(value).upper()}")
    return text


def _zero_terms(value: Any) -> ZeroTerms:
    text = str(value).lower()
    if text == "all":
        return "all"
    if text != "none":
        raise illegal(f"unknown ZeroTermsQuery [{value}]")
    return "none"


def zero_terms_node(context: Context, options: MatchOptions) -> Node:
    """What a text without terms matches."""
    if options.zero_terms == "null":
        return Absent(context.size)
    return context.everything() if options.zero_terms == "all" else context.nothing()


def match_node(context: Context, field: FieldType | None, value: Any, mode: Mode, options: MatchOptions) -> Node:
    """A text matched against a field; an unmapped one matches nothing."""
    if field is None:
        return context.nothing()
    text = text_of(value)
    quoted = mode in ("phrase", "phrase_prefix")
    name = options.analyzer or (analyzer_name(field, quoted) if field.is_text else None)
    if name in (None, "keyword") and mode != "phrase_prefix":
        if mode == "boolean_prefix" and (field.is_text or field.type == "keyword"):
            return _lenient(context, options, lambda: prefix_node(context, field, text))
        return _term(context, field, text, options)
    terms = analysis.analyzer(name or "keyword").tokens(text)
    if not terms:
        return zero_terms_node(context, options)
    if mode == "phrase_prefix":
        return _lenient(context, options, lambda: _phrase_prefix(context, field, terms, options))
    if len(terms) == 1:
        if mode == "boolean_prefix" and _ends_with_term(name or "", text):
            return _lenient(context, options, lambda: prefix_node(context, field, terms[0]))
        return _term(context, field, terms[0], options)
    if mode == "phrase":
        return _lenient(context, options, lambda: _phrase(context, field, terms, options))
    nodes = [_term(context, field, term, options) for term in terms[:-1]]
    if mode == "boolean_prefix" and _ends_with_term(name or "", text):
        nodes.append(_lenient(context, options, lambda: prefix_node(context, field, terms[-1])))
    else:
        nodes.append(_term(context, field, terms[-1], options))
    return Bool(context.size, must=nodes) if options.must else Bool(context.size, should=nodes)


def analyzer_name(field: FieldType, quoted: bool) -> str:
    """The analyzer that a text field is searched with."""
    return field.search_quote_analyzer if quoted else field.search_analyzer


def _ends_with_term(analyzer: str, text: str) -> bool:
    """Whether the last term ends where the text ends: only then is it taken for a prefix."""
    return analysis.analyzer(analyzer).analyze(text)[-1].end == len(text)


def _lenient(context: Context, options: MatchOptions, make: Callable[[], Node]) -> Node:
    """With ``lenient``, a field that cannot take the text matches nothing."""
    if not options.lenient:
        return make()
    try:
        return make()
    except (ElasticsearchException, MalformedValueError):
        return context.nothing()


def _term(context: Context, field: FieldType, term: str, options: MatchOptions) -> Node:
    if options.fuzziness is None:
        return _lenient(context, options, lambda: term_node(context, field, term))
    return _lenient(
        context,
        options,
        lambda: fuzzy_node(
            context,
            field,
            term,
            fuzziness=options.fuzziness,
            prefix_length=options.prefix_length,
            max_expansions=options.max_expansions,
            transpositions=options.transpositions,
        ),
    )


def _phrase(context: Context, field: FieldType, terms: list[str], options: MatchOptions) -> Node:
    if not field.is_text:
        raise illegal(wrong_type("phrase", _TEXT_FIELDS, field))
    check_searchable(field)
    if not context.here(field):
        return context.nothing()
    slots = [(place, [term]) for place, term in enumerate(terms)]
    return Phrase(context.postings(field), slots, options.slop, field.norms)


def _phrase_prefix(context: Context, field: FieldType, terms: list[str], options: MatchOptions) -> Node:
    if not field.is_text:
        raise illegal(wrong_type("phrase prefix", _TEXT_FIELDS, field))
    check_searchable(field)
    if not context.here(field):
        return context.nothing()
    postings = context.postings(field)
    expanded = [postings.terms[found] for found in postings.dictionary.prefixed(terms[-1])[: options.max_expansions]]
    if len(terms) == 1:
        return Bool(context.size, should=[TextTerm(postings, term, field.norms) for term in expanded])
    slots = [(place, [term]) for place, term in enumerate(terms[:-1])]
    return Phrase(postings, [*slots, (len(terms) - 1, expanded)], options.slop, field.norms)
