"""The queries that are made of other queries."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Annotated, Any

from protocol.messages.inner_hits import AnyInnerHits
from protocol.messages.rest import SHOWN, AnyQuery, Float32, Query, choice
from protocol.schema import Boolean, Codec, String, wire
from protocol.wire import Reader, Writer


class BoolQuery(Query, name="bool", shows_boost=True):
    must: list[AnyQuery] = wire(default_factory=list)
    must_not: list[AnyQuery] = wire(default_factory=list)
    should: list[AnyQuery] = wire(default_factory=list)
    filter: list[AnyQuery] = wire(default_factory=list)
    adjust_pure_negative: Boolean = True
    minimum_should_match: String | None = None


class ConstantScoreQuery(Query, name="constant_score", shows_boost=True):
    filter: AnyQuery


class DisMaxQuery(Query, name="dis_max", shows_boost=True):
    queries: Annotated[list[AnyQuery], SHOWN] = wire(default_factory=list)
    tie_breaker: Annotated[Float32, SHOWN] = 0.0


class BoostingQuery(Query, name="boosting", shows_boost=True):
    positive: AnyQuery
    negative: AnyQuery
    negative_boost: Float32


class NestedQuery(Query, name="nested", shows_boost=True):
    path: String
    score_mode: Annotated[str, choice("none", "avg", "max", "sum", "min"), SHOWN] = "avg"
    query: AnyQuery
    inner_hits: AnyInnerHits | None = None
    ignore_unmapped: Annotated[Boolean, SHOWN] = False


def _read_source(reader: Reader) -> str:
    return b64encode(reader.bytes_reference()).decode("ascii")


def _write_source(writer: Writer, text: str) -> None:
    writer.bytes_reference(b64decode(text, validate=True))


class WrapperQuery(Query, name="wrapper"):
    """A query as the bytes of its JSON, in base64."""

    query: Annotated[str, Codec(_read_source, _write_source)]

    def to_rest(self) -> dict[str, Any]:
        return {"query": self.query}
