"""multi_match: one text against several fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gateway.backends.memory import analysis
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.compiler import MAX_CLAUSES, Context, illegal, number, parsing, query
from gateway.backends.memory.queries.fields import check_metadata, term_node
from gateway.backends.memory.queries.matching import MatchOptions, Mode, analyzer_name, match_node, options_of, zero_terms_node
from gateway.backends.memory.queries.minimum import with_minimum
from gateway.backends.memory.queries.nodes import ONE, Absent, Bool, Boost, DisMax, Node, Nothing
from gateway.backends.memory.queries.text import KeywordTerm, TextTerm
from gateway.backends.memory.values import MalformedValueError, java_float, text_of
from protocol.errors import ElasticsearchException

Boosts = dict[str, np.float32]
TIES: Final = {
    "best_fields": 0.0,
    "most_fields": 1.0,
    "cross_fields": 0.0,
    "phrase": 0.0,
    "phrase_prefix": 0.0,
    "bool_prefix": 1.0,
}
_MODES: Final[dict[str, Mode]] = {
    "best_fields": "boolean",
    "most_fields": "boolean",
    "phrase": "phrase",
    "phrase_prefix": "phrase_prefix",
    "bool_prefix": "boolean_prefix",
}


def resolve_fields(context: Context, fields: Any) -> tuple[Boosts, bool]:
    """The leaf fields that names and patterns (each with ``^boost``) stand for, and whether ``*`` is among them.

    No fields mean ``*``. ``fields`` may be a list or, as on the wire, a map to boosts.
    """
    if fields is None or len(fields) == 0:
        fields = _default_fields(context)
    if isinstance(fields, str):
        fields = [fields]
    weights = fields if isinstance(fields, dict) else dict(map(_name_and_boost, fields))
    found: Boosts = {}
    for pattern, weight in weights.items():
        boost = np.float32(1 if weight is None else number(weight, "multi_match", "fields"))
        names = context.held_names(pattern) if "*" in pattern else [pattern]
        for name in names:
            check_metadata(context, name)
            field = context.field(name)
            if field is not None:
                # A pattern that matches an alias and its field stands for the field alone, whose boost then counts twice.
                name = field.name if field.name in names else name
                found[name] = np.float32(found.get(name, ONE) * boost)
    if len(found) > MAX_CLAUSES:
        raise illegal(f"field expansion matches too many fields, limit: {MAX_CLAUSES}, got: {len(found)}")
    return found, "*" in weights


def _default_fields(context: Context) -> list[str]:
    value = context.index.settings.get("index.query.default_field", "*")
    return value if isinstance(value, list) else [str(value)]


def _name_and_boost(text: str) -> tuple[str, float]:
    name, caret, boost = text.rpartition("^")
    return (name, java_float(boost)) if caret else (text, 1.0)


@query(
    "multi_match",
    "query",
    "fields",
    "type",
    "analyzer",
    "slop",
    "fuzziness",
    "prefix_length",
    "max_expansions",
    "operator",
    "minimum_should_match",
    "fuzzy_rewrite",
    "fuzzy_transpositions",
    "tie_breaker",
    "lenient",
    "zero_terms_query",
    "auto_generate_synonyms_phrase_query",
)
def multi_match(context: Context, params: dict[str, Any]) -> Node:
    if params.get("query") is None:
        raise parsing("No text specified for multi_match query")
    kind = check_type("multi_match", params.get("type", "best_fields"))
    if kind in ("cross_fields", "phrase", "phrase_prefix") and params.get("fuzziness") is not None:
        raise parsing(f"Fuzziness not allowed for type [{kind}]")
    if kind == "bool_prefix" and params.get("slop"):
        raise parsing("[slop] not allowed for type [bool_prefix]")
    boosts, everything = resolve_fields(context, params.get("fields"))
    options = options_of(context, "multi_match", params, lenient=everything and params.get("lenient") is None)
    tie = number(params["tie_breaker"], "multi_match", "tie_breaker") if params.get("tie_breaker") is not None else None
    return combined(context, boosts, params["query"], kind, options, tie, params.get("minimum_should_match"))


def combined(
    context: Context, boosts: Boosts, value: Any, kind: str, options: MatchOptions, tie: float | None = None, minimum: Any = None
) -> Node:
    """A text over fields in one of the types (best_fields, …); ``tie`` is the type's own for None."""
    if not boosts:
        return context.nothing()
    tie = TIES[kind] if tie is None else tie
    if kind == "cross_fields":
        nodes = cross_fields(context, boosts, value, options, tie, minimum)
    else:
        nodes = per_field(context, boosts, value, _MODES[kind], options, minimum)
    if not nodes:
        return zero_terms_node(context, options)
    return nodes[0] if len(nodes) == 1 else DisMax(context.size, nodes, tie)


def check_type(name: str, value: Any) -> str:
    """The name of a type. Raises ElasticsearchException."""
    kind = str(value).lower()
    if kind not in TIES:
        raise parsing(f"failed to parse [{name}] query type [{value}]. unknown type.")
    return kind


def per_field(context: Context, boosts: Boosts, value: Any, mode: Mode, options: MatchOptions, minimum: Any) -> list[Node]:
    """The match of each field, boosted."""
    nodes = []
    for name, boost in boosts.items():
        node = with_minimum(match_node(context, context.field(name), value, mode, options), minimum)
        if isinstance(node, Absent):
            continue
        nodes.append(node if boost == 1 else Boost(node, boost))
    return nodes


def cross_fields(context: Context, boosts: Boosts, value: Any, options: MatchOptions, tie: float, minimum: Any) -> list[Node]:
    """Term by term over all fields that are analysed alike, as if they were one field."""
    groups: dict[str, list[tuple[FieldType, np.float32]]] = {}
    for name, boost in boosts.items():
        field = context.field(name)
        if field is not None:
            analyzer = options.analyzer or (analyzer_name(field, False) if field.is_text else "keyword")
            groups.setdefault(analyzer, []).append((field, boost))
    nodes: list[Node] = []
    for analyzer, group in groups.items():
        terms = analysis.analyzer(analyzer).tokens(text_of(value))
        # A group of one field takes its boost as a whole, below.
        members = group if len(group) > 1 else [(group[0][0], ONE)]
        blended = [_blend(context, members, term, options.lenient, tie) for term in terms]
        node: Node
        if not blended:
            node = zero_terms_node(context, options)
        elif len(blended) == 1:
            node = blended[0]
        else:
            node = Bool(context.size, must=blended) if options.must else Bool(context.size, should=blended)
        if not isinstance(node, Absent):
            node = with_minimum(node, minimum)
            nodes.append(node if len(group) > 1 or group[0][1] == 1 else Boost(node, group[0][1]))
    return nodes


@dataclass(slots=True)
class _Statistics:
    """What a term has in one field."""

    doc_freq: int
    doc_count: int
    sum_total_term_freq: int


def _statistics(node: TextTerm | KeywordTerm) -> _Statistics:
    if isinstance(node, TextTerm):
        found = node.postings.number(node.term)
        stats = node.postings.stats
        return _Statistics(0 if found is None else node.postings.doc_freq(found), stats.doc_count, stats.sum_total_term_freq)
    rows = len(node.matches(ONE, False, {}))
    return _Statistics(rows, node.column.doc_count, len(node.column.docs))


def _blend(context: Context, group: list[tuple[FieldType, np.float32]], term: str, lenient: bool, tie: float) -> Node:
    """One term over several fields; they share the highest document frequency, the more frequent fields slightly favoured less."""
    leaves: list[tuple[TextTerm | KeywordTerm, np.float32]] = []
    others: list[Node] = []
    for field, boost in group:
        try:
            node = term_node(context, field, term)
        except (ElasticsearchException, MalformedValueError):
            if not lenient:
                raise
            node = context.nothing()
        if isinstance(node, TextTerm | KeywordTerm):
            leaves.append((node, boost))
        else:
            others.append(node if boost == 1 or isinstance(node, Nothing) else Boost(node, boost))
    if len(leaves) > 1:
        _share_frequency(context, [node for node, _ in leaves])
    blended: list[Node] = [node if boost == 1 else Boost(node, boost) for node, boost in leaves]
    if len(blended) > 1:
        blended = [DisMax(context.size, blended, tie)]
    nodes = others + blended
    return nodes[0] if len(nodes) == 1 else DisMax(context.size, nodes, tie)


def _share_frequency(context: Context, nodes: list[TextTerm | KeywordTerm]) -> None:
    stats = [_statistics(node) for node in nodes]
    held = [item for item in stats if item.doc_freq > 0]
    if not held:
        return
    # BlendedTermQuery: no frequency may exceed the documents (nested ones count) nor the terms of the smallest field.
    documents = context.index.rows + sum(table.rows for table in context.index.whole.tables.values())
    most = min(documents, *(item.sum_total_term_freq for item in held))
    shared = min(most, max(item.doc_freq for item in held))
    ranked = sorted(range(len(nodes)), key=lambda at: -stats[at].doc_freq)
    before = stats[ranked[0]].doc_freq
    for at in ranked:
        if stats[at].doc_freq == 0:
            break
        if before > stats[at].doc_freq:
            shared += 1
        nodes[at].doc_freq = min(shared, stats[at].doc_count, most)
        before = stats[at].doc_freq
