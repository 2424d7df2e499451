"""What a search asks of suggesters, in the form that REST has."""

from __future__ import annotations

import json
from typing import Annotated, Any, cast

from protocol.errors import UnsupportedError
from protocol.messages.fields import OptionalBoolean, absent
from protocol.messages.rest import HIDDEN, SHOWN, Float32, RestMessage, Shown, choice, rest_codec
from protocol.schema import Boolean, Codec, Double, String, VInt, optional, wire
from protocol.values import read_generic, write_generic
from protocol.wire import Reader, Writer

_BESIDE = ("text", "prefix", "regex")
"""What stands beside the suggester's name in REST, not below it."""


class Suggester(RestMessage, names=True):
    """Base of what a suggester is asked: one of ``text``, ``prefix`` and ``regex``, or the text that all of the request have."""

    field: String
    text: String | None = None
    prefix: String | None = None
    regex: String | None = None
    analyzer: String | None = None
    size: VInt | None = None
    shard_size: VInt | None = None

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        return {**{name: body.pop(name) for name in _BESIDE if name in body}, self.wire_name: body}


MODES = ("missing", "popular", "always")
SORTS = ("score", "frequency")
DISTANCES = ("internal", "damerau_levenshtein", "levenshtein", "jaro_winkler", "ngram")


class TermSuggester(Suggester, name="term"):
    """For each token, terms of the field that are much like it."""

    suggest_mode: Annotated[str, choice(*MODES), SHOWN] = "missing"
    accuracy: Annotated[Float32, SHOWN] = 0.5
    sort: Annotated[str, choice(*SORTS), SHOWN] = "score"
    string_distance: Annotated[str, choice(*DISTANCES), SHOWN] = "internal"
    max_edits: Annotated[VInt, SHOWN] = 2
    max_inspections: Annotated[VInt, SHOWN] = 5
    max_term_freq: Annotated[Float32, SHOWN] = 0.01
    prefix_length: Annotated[VInt, SHOWN] = 1
    min_word_length: Annotated[VInt, SHOWN] = 4
    min_doc_freq: Annotated[Float32, SHOWN] = 0.0


class DirectGenerator(RestMessage):
    """Where a phrase suggester gets its candidates from."""

    rest_name = "direct_generator"

    field: String
    suggest_mode: String | None = None
    accuracy: Float32 | None = None
    size: VInt | None = None
    sort: String | None = None
    string_distance: String | None = None
    max_edits: VInt | None = None
    max_inspections: VInt | None = None
    max_term_freq: Float32 | None = None
    prefix_length: VInt | None = None
    min_word_length: VInt | None = None
    min_doc_freq: Float32 | None = None
    pre_filter: String | None = None
    post_filter: String | None = None


class Smoothing(RestMessage, names=True):
    """Base of the smoothing models of a phrase suggester."""


class Laplace(Smoothing, name="laplace"):
    alpha: Double


class StupidBackoff(Smoothing, name="stupid_backoff"):
    discount: Double


class LinearInterpolation(Smoothing, name="linear"):
    trigram_lambda: Double
    bigram_lambda: Double
    unigram_lambda: Double


def _family(base: type[RestMessage], what: str) -> Codec[dict[str, Any]]:
    """The codec of ``{name: body}`` for a named message."""

    def read(reader: Reader) -> dict[str, Any]:
        name = reader.string()
        kind = base._named.get(name)
        if kind is None:
            raise UnsupportedError(f"{what} [{name}]")
        return {name: cast("RestMessage", kind.read(reader)).to_rest()}

    def write(writer: Writer, body: Any) -> None:
        if not isinstance(body, dict) or len(body) != 1:
            raise ValueError(f"a {what} is an object with one member, its type")
        ((name, parameters),) = body.items()
        kind = base._named.get(name)
        if kind is None:
            raise ValueError(f"unknown {what} [{name}]")
        writer.string(name)
        cast("type[RestMessage]", kind).from_rest(parameters).write(writer)

    return Codec(read, write)


def _read_parameters(reader: Reader) -> None:
    if read_generic(reader):
        raise UnsupportedError("[suggest] by a phrase suggester with [collate]")


_GENERATORS: Codec[dict[str, list[dict[str, Any]]]] = Codec(
    lambda reader: reader.map(reader.string, lambda: reader.list(lambda: DirectGenerator.read(reader).to_rest())),
    lambda writer, all_: writer.map(
        writer.string,
        lambda some: writer.list(lambda one: DirectGenerator.from_rest(one).write(writer), some),
        all_,
    ),
)
_GENERATOR = "direct_generator"


class PhraseSuggester(Suggester, name="phrase"):
    """For the whole text, texts that are much like it. ``collate``, which runs a template, is refused."""

    max_errors: Annotated[Float32, SHOWN] = 0.5
    real_word_error_likelihood: Annotated[Float32, SHOWN] = 0.95
    confidence: Annotated[Float32, SHOWN] = 1.0
    gram_size: VInt | None = None
    smoothing: Annotated[dict[str, Any], _family(Smoothing, "smoothing model")] | None = None
    force_unigrams: Annotated[Boolean, SHOWN] = True
    token_limit: Annotated[VInt, SHOWN] = 10
    pre_tag: Annotated[String | None, HIDDEN] = None
    post_tag: Annotated[String | None, HIDDEN] = None
    separator: Annotated[String, SHOWN] = " "
    collate: Annotated[None, HIDDEN, absent("[suggest] by a phrase suggester with [collate]")] = None
    collate_parameters: Annotated[None, HIDDEN, Codec(_read_parameters, write_generic)] = None
    collate_prune: Annotated[OptionalBoolean, HIDDEN] = False
    generators: Annotated[dict[str, list[dict[str, Any]]], HIDDEN, _GENERATORS] = wire(default_factory=dict)

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        inner = body[self.wire_name]
        inner |= self.generators
        if self.pre_tag is not None:
            inner["highlight"] = {"pre_tag": self.pre_tag, "post_tag": self.post_tag}
        return body

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict):
            return super().arguments(body)
        rest = dict(body)
        generators = {_GENERATOR: rest.pop(_GENERATOR)} if _GENERATOR in rest else {}
        highlight = rest.pop("highlight", {})
        tags = {name: highlight.get(name) for name in ("pre_tag", "post_tag")}
        return {**super().arguments(rest), **tags, "generators": generators}


class Fuzzy(RestMessage):
    """How much completions may differ from the prefix."""

    rest_name = "fuzzy"

    transpositions: Annotated[Boolean, SHOWN] = True
    unicode_aware: Annotated[Boolean, SHOWN] = False
    edit_distance: Annotated[VInt, Shown("fuzziness", always=True)] = 1
    min_length: Annotated[VInt, SHOWN] = 3
    prefix_length: Annotated[VInt, SHOWN] = 1
    max_determinized_states: Annotated[VInt, SHOWN] = 10_000


class RegexOptions(RestMessage):
    """How the ``regex`` of a completion is read."""

    rest_name = "regex"

    flags: Annotated[VInt, SHOWN] = 0xFFFF
    max_determinized_states: Annotated[VInt, SHOWN] = 10_000


def _read_contexts(reader: Reader) -> dict[str, Any] | None:
    """JSON, or another content type, which is refused."""
    size = reader.vint()
    if size == 0:
        return None
    data = reader.raw(size - 1)
    try:
        contexts = json.loads(data)
    except (ValueError, RecursionError):
        contexts = None
    if not isinstance(contexts, dict):
        raise UnsupportedError("[contexts] of a completion suggester that are not JSON")
    return contexts


def _write_contexts(writer: Writer, contexts: dict[str, Any] | None) -> None:
    data = b"" if contexts is None else json.dumps(contexts, ensure_ascii=False, separators=(",", ":")).encode()
    writer.vint(0 if contexts is None else len(data) + 1)
    writer.raw(data)


class CompletionSuggester(Suggester, name="completion"):
    """Completions of a prefix, from a field of that type."""

    fuzzy: Annotated[dict[str, Any], rest_codec(Fuzzy)] | None = None
    regex_options: Annotated[dict[str, Any] | None, Shown("regex_options"), optional(rest_codec(RegexOptions))] = None
    contexts: Annotated[dict[str, Any] | None, Codec(_read_contexts, _write_contexts)] = None
    skip_duplicates: Boolean = False

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        inner = body[self.wire_name]
        if "regex_options" in inner:
            inner["regex"] = inner.pop("regex_options")
        return body

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        if isinstance(body, dict) and isinstance(body.get("regex"), dict):
            body = {("regex_options" if name == "regex" else name): value for name, value in body.items()}
        return super().arguments(body)


def suggester_of(body: Any) -> Suggester:
    """The suggester that one member of ``suggest`` asks for. Raises ValueError."""
    if not isinstance(body, dict):
        raise ValueError(f"a suggester must be an object, not [{body}]")
    beside = {name: body[name] for name in _BESIDE if name in body}
    named = [name for name in body if name not in beside]
    if len(named) != 1:
        raise ValueError("missing suggestion object" if not named else f"suggestion does not support [{named[1]}]")
    kind = cast("type[Suggester] | None", Suggester._named.get(named[0]))
    if kind is None:
        raise ValueError(f"unknown suggester [{named[0]}]")
    return kind(**{**kind.arguments(body[named[0]]), **beside})


_TEXT = "text"


def _read_suggest(reader: Reader) -> dict[str, Any]:
    text = reader.optional(reader.string)
    body: dict[str, Any] = {} if text is None else {_TEXT: text}
    for _ in range(reader.size()):
        name = reader.string()
        kind = Suggester._named.get(kind_name := reader.string())
        if kind is None:
            raise UnsupportedError(f"suggester [{kind_name}]")
        suggester = cast("Suggester", kind.read(reader)).to_rest()
        if name == _TEXT and text is not None:
            # In the form of REST, one name would hide the other.
            raise UnsupportedError(f"a suggester of the name [{_TEXT}] beside a text for all")
        body[name] = suggester
    return body


def _write_suggest(writer: Writer, body: Any) -> None:
    if not isinstance(body, dict):
        raise ValueError("[suggest] must be an object")
    text = body.get(_TEXT)
    for_all = text if isinstance(text, str) else None
    writer.optional(writer.string, for_all)
    suggesters = {name: suggester_of(one) for name, one in body.items() if name != _TEXT or for_all is None}
    writer.vint(len(suggesters))
    for name, suggester in suggesters.items():
        writer.string(name)
        writer.string(suggester.wire_name)
        suggester.write(writer)


AnySuggest = Annotated[dict[str, Any], Codec(_read_suggest, _write_suggest)]
"""Suggesters by the names that their suggestions get; ``text`` is for those that have none."""
