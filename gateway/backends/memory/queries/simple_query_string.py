"""simple_query_string: a small query language in which nothing is an error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from gateway.backends.memory import analysis
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.queries.compiler import Context, flag, illegal, parsing, query, whole
from gateway.backends.memory.queries.matching import MatchOptions, operator
from gateway.backends.memory.queries.minimum import with_minimum
from gateway.backends.memory.queries.multi_match import Boosts, check_type, combined, resolve_fields
from gateway.backends.memory.queries.nodes import Absent, Bool, Boost, DisMax, Node
from gateway.backends.memory.queries.patterns import MAX_EXPANSIONS, fuzzy_node, prefix_node
from gateway.backends.memory.queries.text import TextTerm
from gateway.backends.memory.values import MalformedValueError
from protocol.errors import ElasticsearchException

Occur = Literal["must", "should"]
MAX_DEPTH: Final = 100
"""How deep groups may nest, so that parsing cannot exhaust the stack."""
_FLAGS: Final = {
    "AND": 1,
    "NOT": 2,
    "OR": 4,
    "PREFIX": 8,
    "PHRASE": 16,
    "PRECEDENCE": 32,
    "ESCAPE": 64,
    "WHITESPACE": 128,
    "FUZZY": 256,
    "NEAR": 512,
    "SLOP": 512,
    "NONE": 0,
    "ALL": -1,
}
_MAX_EDITS: Final = 2


@query(
    "simple_query_string",
    "query",
    "fields",
    "default_operator",
    "analyzer",
    "flags",
    "lenient",
    "analyze_wildcard",
    "minimum_should_match",
    "quote_field_suffix",
    "auto_generate_synonyms_phrase_query",
    "fuzzy_prefix_length",
    "fuzzy_max_expansions",
    "fuzzy_transpositions",
    "type",
)
def simple_query_string(context: Context, params: dict[str, Any]) -> Node:
    text = params.get("query")
    if text is None:
        raise parsing("[simple_query_string] query text missing")
    analyzer = params.get("analyzer")
    if analyzer is not None and analyzer not in analysis.NAMES:
        raise context.refused(f"[simple_query_string] analyzer [{analyzer}] not found")
    boosts, everything = resolve_fields(context, params.get("fields"))
    options = MatchOptions(
        must=operator(params.get("default_operator", "or")) == "and",
        analyzer=analyzer,
        prefix_length=whole(params, "fuzzy_prefix_length", 0),
        max_expansions=whole(params, "fuzzy_max_expansions", MAX_EXPANSIONS),
        transpositions=flag(params, "fuzzy_transpositions", True),
        lenient=flag(params, "lenient", everything),
        zero_terms="null",
    )
    kind = check_type("simple_query_string", params.get("type", "most_fields"))
    leaves = _Leaves(context, boosts, options, kind, params.get("quote_field_suffix"), flag(params, "analyze_wildcard", False))
    text = str(text)
    if text.strip() == "*":
        return context.everything()
    node = _Parser(leaves, text, _flags(params.get("flags", "ALL"))).parse()
    return context.nothing() if node is None else with_minimum(node, params.get("minimum_should_match"))


def _flags(value: Any) -> int:
    if isinstance(value, int):
        return -1 if value < 0 else value
    result = 0
    for name in str(value).split("|"):
        known = _FLAGS.get(name.strip().upper())
        if known is None:
            raise illegal(f"Unknown simple_query_string flag [{name}]")
        if known in (-1, 0):
            return known
        result |= known
    return result


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Makes the queries for words, phrases and prefixes."""

    context: Context
    boosts: Boosts
    options: MatchOptions
    kind: str
    quote_suffix: str | None
    analyze_wildcard: bool

    def words(self, text: str) -> Node:
        return combined(self.context, self.boosts, text, self.kind, self.options)

    def phrase(self, text: str, slop: int) -> Node:
        boosts = self.boosts
        if self.quote_suffix:
            mapped = self.context.field
            boosts = {
                name + self.quote_suffix if mapped(name + self.quote_suffix) else name: boost for name, boost in boosts.items()
            }
        return combined(self.context, boosts, text, "phrase", replace(self.options, slop=slop))

    def fuzzy(self, text: str, edits: int) -> Node:
        def make(field: FieldType) -> Node:
            return fuzzy_node(
                self.context,
                field,
                self._normalized(field, text),
                fuzziness=edits,
                prefix_length=self.options.prefix_length,
                max_expansions=self.options.max_expansions,
                transpositions=self.options.transpositions,
            )

        return self._each(make)

    def prefix(self, text: str) -> Node:
        def make(field: FieldType) -> Node:
            if not (self.analyze_wildcard and field.is_text):
                return prefix_node(self.context, field, self._normalized(field, text))
            terms = analysis.analyzer(self._analyzer(field)).tokens(text)
            if not terms:
                return Absent(self.context.size)
            last = prefix_node(self.context, field, terms[-1])
            nodes: list[Node] = [TextTerm(self.context.postings(field), term, field.norms) for term in terms[:-1]]
            if not nodes:
                return last
            nodes.append(last)
            return Bool(self.context.size, must=nodes) if self.options.must else Bool(self.context.size, should=nodes)

        return self._each(make)

    def _analyzer(self, field: FieldType) -> str:
        return self.options.analyzer or field.search_analyzer

    def _normalized(self, field: FieldType, text: str) -> str:
        return analysis.analyzer(self._analyzer(field)).normalize(text) if field.is_text else text

    def _each(self, make: Any) -> Node:
        if not self.boosts:
            return self.context.nothing()
        nodes: list[Node] = []
        for name, boost in self.boosts.items():
            field = self.context.field(name)
            try:
                node = self.context.nothing() if field is None else make(field)
            except (ElasticsearchException, MalformedValueError):
                if not self.options.lenient:
                    raise
                node = self.context.nothing()
            if not isinstance(node, Absent):
                nodes.append(node if boost == 1 else Boost(node, boost))
        if not nodes:
            return Absent(self.context.size)
        return nodes[0] if len(nodes) == 1 else DisMax(self.context.size, nodes, 1.0)


class _Parser:
    """Lucene's SimpleQueryParser: reads left to right; what makes no sense is skipped."""

    def __init__(self, leaves: _Leaves, text: str, flags: int, depth: int = 0) -> None:
        self._leaves = leaves
        self._text = text
        self._flags = flags
        self._depth = depth
        self._at = 0
        self._top: Node | None = None
        self._operation: Occur | None = None
        self._previous: Occur | None = None
        self._negations = 0
        if depth > MAX_DEPTH:
            raise leaves.context.refused(f"Failed to parse query [{text[:1024]}]: query is too deeply nested")

    def _on(self, flag_: str) -> bool:
        return bool(self._flags & _FLAGS[flag_])

    def parse(self) -> Node | None:
        """The query, or None when nothing is left."""
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == "(" and self._on("PRECEDENCE"):
                self._group()
            elif letter == ")" and self._on("PRECEDENCE"):
                self._at += 1
            elif letter == '"' and self._on("PHRASE"):
                self._phrase()
            elif letter == "+" and self._on("AND"):
                self._operate("must")
            elif letter == "|" and self._on("OR"):
                self._operate("should")
            elif letter == "-" and self._on("NOT"):
                self._negations += 1
                self._at += 1
                continue
            elif letter in " \t\n\r" and self._on("WHITESPACE"):
                self._at += 1
            else:
                self._word()
            # Not even a blank may stand between the sign and what it negates.
            self._negations = 0
        return self._top

    def _operate(self, operation: Occur) -> None:
        if self._operation is None and self._top is not None:
            self._operation = operation
        self._at += 1

    def _group(self) -> None:
        start = self._at + 1
        depth, end, escaped = 1, start, False
        while end < len(self._text):
            letter = self._text[end]
            if escaped:
                escaped = False
            elif letter == "\\" and self._on("ESCAPE"):
                escaped = True
            elif letter == "(":
                depth += 1
            elif letter == ")":
                depth -= 1
                if depth == 0:
                    break
            end += 1
        if end == len(self._text):
            self._at = start
        elif end == start:
            self._operation = None
            self._at = end + 1
        else:
            self._at = end + 1
            self._join(_Parser(self._leaves, self._text[start:end], self._flags, self._depth + 1).parse())

    def _phrase(self) -> None:
        start = self._at + 1
        letters, at, escaped = [], start, False
        while at < len(self._text):
            letter = self._text[at]
            if not escaped and letter == "\\" and self._on("ESCAPE"):
                escaped = True
                at += 1
                continue
            if not escaped and letter == '"':
                break
            escaped = False
            letters.append(letter)
            at += 1
        if at == len(self._text):
            self._at = start
        elif at == start:
            self._operation = None
            self._at = at + 1
        else:
            self._at = at + 1
            slop = self._number() if self._at < len(self._text) and self._text[self._at] == "~" and self._on("NEAR") else 0
            self._join(self._leaves.phrase("".join(letters), slop))

    def _finished(self) -> bool:
        letter = self._text[self._at]
        return (
            (letter == '"' and self._on("PHRASE"))
            or (letter == "|" and self._on("OR"))
            or (letter == "+" and self._on("AND"))
            or (letter in "()" and self._on("PRECEDENCE"))
            or (letter in " \t\n\r" and self._on("WHITESPACE"))
        )

    def _number(self) -> int:
        """What follows a ``~``: nothing stands for 2, anything but a number for 0."""
        start = self._at + 1
        self._at = start
        while self._at < len(self._text) and not self._finished():
            self._at += 1
        text = self._text[start : self._at]
        if not text:
            return _MAX_EDITS
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def _word(self) -> None:
        letters: list[str] = []
        escaped = prefix = fuzzy = False
        while self._at < len(self._text):
            letter = self._text[self._at]
            if not escaped:
                if letter == "\\" and self._on("ESCAPE"):
                    escaped, prefix = True, False
                    self._at += 1
                    continue
                if self._finished():
                    break
                if letters and letter == "~" and self._on("FUZZY"):
                    fuzzy = True
                    break
                prefix = bool(letters) and letter == "*" and self._on("PREFIX")
            escaped = False
            letters.append(letter)
            self._at += 1
        if not letters:
            return
        text = "".join(letters)
        if fuzzy:
            edits = min(self._number(), _MAX_EDITS)
            self._join(self._leaves.fuzzy(text, edits) if edits else self._leaves.words(text))
        elif prefix:
            self._join(self._leaves.prefix(text[:-1]))
        else:
            self._join(self._leaves.words(text))

    def _join(self, node: Node | None) -> None:
        if node is None or isinstance(node, Absent):
            return
        size = self._leaves.context.size
        if self._negations % 2:
            node = Bool(size, must_not=[node], should=[self._leaves.context.everything()])
        if self._top is None:
            self._top = node
        else:
            operation: Occur = self._operation or ("must" if self._leaves.options.must else "should")
            if self._previous != operation or not isinstance(self._top, Bool):
                self._top = Bool(size, must=[self._top]) if operation == "must" else Bool(size, should=[self._top])
            (self._top.must if operation == "must" else self._top.should).append(node)
            self._previous = operation
        self._operation = None
