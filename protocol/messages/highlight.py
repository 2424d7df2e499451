"""Which fields of the hits are highlighted, and how."""

from __future__ import annotations

from typing import Annotated, Any, Self

from protocol.errors import WireError
from protocol.messages.fields import OptionalBoolean
from protocol.messages.rest import HIDDEN, AnyQuery, RestMessage, choice, rest_codec
from protocol.schema import Boolean, Codec, Int, String, VInt, wire
from protocol.values import HashMap, read_generic, write_generic
from protocol.wire import Reader, Writer


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return HashMap({name: _unordered(entry) for name, entry in value.items()})
    return [_unordered(entry) for entry in value] if isinstance(value, list) else value


def _read_options(reader: Reader) -> dict[str, Any] | None:
    options = read_generic(reader)
    if options is not None and not isinstance(options, dict):
        raise WireError("the options of a highlight are not a map")
    return options


def _write_options(writer: Writer, options: dict[str, Any] | None) -> None:
    """As hash maps, which is what Elasticsearch's parser makes of them."""
    write_generic(writer, _unordered(options))


class HighlightOptions(RestMessage):
    """What may be said for all fields and for each."""

    rest_name = "highlight"

    pre_tags: list[String] | None = None
    post_tags: list[String] | None = None
    fragment_size: VInt | None = None
    number_of_fragments: VInt | None = None
    encoder: String | None = None
    type: String | None = None
    fragmenter: String | None = None
    highlight_query: AnyQuery | None = None
    order: Annotated[str, choice("none", "score")] | None = None
    highlight_filter: OptionalBoolean = None
    boundary_scanner: Annotated[str, choice("chars", "word", "sentence")] | None = None
    boundary_max_scan: VInt | None = None
    boundary_chars: String | None = None
    boundary_scanner_locale: String | None = None
    """A language tag."""
    no_match_size: VInt | None = None
    phrase_limit: VInt | None = None
    options: Annotated[dict[str, Any] | None, Codec(_read_options, _write_options)] | None = None
    require_field_match: OptionalBoolean = None
    max_analyzed_offset: Int | None = None


class HighlightField(HighlightOptions):
    """One field; REST has its name before the object."""

    name: Annotated[String, HIDDEN]
    fragment_offset: VInt = -1
    matched_fields: list[String] | None = None


def _read_field(reader: Reader) -> dict[str, Any]:
    field = HighlightField.read(reader)
    return {field.name: field.to_rest()}


def _write_field(writer: Writer, body: dict[str, Any]) -> None:
    ((name, options),) = body.items()
    HighlightField(name=name, **HighlightField.arguments(options)).write(writer)


class Highlight(HighlightOptions):
    """``fields`` is an object in REST, or a list of objects with one field each where their order is to be kept."""

    explicit_order: Annotated[Boolean, HIDDEN] = False
    fields: Annotated[list[Annotated[dict[str, Any], Codec(_read_field, _write_field)]], HIDDEN] = wire(default_factory=list)

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        if self.fields:
            merged = {name: options for field in self.fields for name, options in field.items()}
            body["fields"] = self.fields if self.explicit_order or len(merged) != len(self.fields) else merged
        return body

    @classmethod
    def from_rest(cls, body: Any) -> Self:
        options = dict(body)
        fields = options.pop("fields", {})
        explicit = isinstance(fields, list)
        entries = fields if explicit else [{name: entry} for name, entry in fields.items()]
        return cls(explicit_order=explicit, fields=entries, **cls.arguments(options))


AnyHighlight = Annotated[dict[str, Any], rest_codec(Highlight)]
