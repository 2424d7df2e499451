"""Requests for filters and other aggregations with few buckets."""

from __future__ import annotations

from typing import Annotated, Any, Self

from protocol.messages.aggregations.builders.base import AggregationBuilder, ValuesSourceBuilder
from protocol.messages.queries import QUERY, AnyQuery
from protocol.schema import Boolean, Codec, Double, Int, String, VInt
from protocol.wire import Reader, Writer


class FilterBuilder(AggregationBuilder, name="filter"):
    filter: AnyQuery

    def to_rest(self) -> dict[str, Any]:
        return self.filter

    @classmethod
    def from_rest(cls, body: Any) -> Self:
        return cls(filter=body)


def _read_filters(reader: Reader) -> dict[str, Any] | list[Any]:
    if reader.boolean():
        return reader.map(reader.string, lambda: QUERY.read(reader))
    return reader.list(lambda: QUERY.read(reader))


def _write_filters(writer: Writer, filters: dict[str, Any] | list[Any]) -> None:
    writer.boolean(isinstance(filters, dict))
    if isinstance(filters, dict):
        writer.map(writer.string, lambda query: QUERY.write(writer, query), dict(sorted(filters.items())))
    else:
        writer.list(lambda query: QUERY.write(writer, query), filters)


Filters = Annotated[dict[str, Any] | list[Any], Codec(_read_filters, _write_filters)]
"""Queries by name, in the order of the names, or a list of them."""


class FiltersBuilder(AggregationBuilder, name="filters"):
    filters: Filters
    other_bucket: Boolean = False
    other_bucket_key: String = "_other_"
    keyed: Boolean = True
    """Whether named filters are shown as an object."""

    def to_rest(self) -> dict[str, Any]:
        body = super().to_rest()
        if "other_bucket_key" in body:
            body["other_bucket"] = self.other_bucket
        return body

    @classmethod
    def arguments(cls, body: Any) -> dict[str, Any]:
        given = super().arguments(body)
        if "other_bucket_key" in given:  # naming it asks for it, unless it is said otherwise
            given.setdefault("other_bucket", True)
        return given


_SEPARATOR = "&"


def _read_adjacency(reader: Reader) -> dict[str, Any]:
    size, separator = reader.size(), reader.string()
    filters = {reader.string(): QUERY.read(reader) for _ in range(size)}
    return {"filters": filters} if separator == _SEPARATOR else {"separator": separator, "filters": filters}


def _write_adjacency(writer: Writer, body: dict[str, Any]) -> None:
    filters = body["filters"]
    writer.vint(len(filters))
    writer.string(body.get("separator", _SEPARATOR))
    for name, query in sorted(filters.items()):
        writer.string(name)
        QUERY.write(writer, query)


class AdjacencyMatrixBuilder(AggregationBuilder, name="adjacency_matrix", alternatives={"matrix": ("separator", "filters")}):
    """Buckets of the filters and of each two of them; the separator stands between the names of two."""

    matrix: Annotated[dict[str, Any], Codec(_read_adjacency, _write_adjacency)]


class GlobalBuilder(AggregationBuilder, name="global"):
    pass


class MissingBuilder(ValuesSourceBuilder, name="missing"):
    has_target_type = True


class NestedBuilder(AggregationBuilder, name="nested"):
    path: String


class ReverseNestedBuilder(AggregationBuilder, name="reverse_nested"):
    path: String | None = None


class SamplerBuilder(AggregationBuilder, name="sampler"):
    shard_size: VInt = 100


class DiversifiedSamplerBuilder(ValuesSourceBuilder, name="diversified_sampler"):
    shard_size: VInt = 100
    max_docs_per_value: VInt = 1
    execution_hint: String | None = None


class RandomSamplerBuilder(AggregationBuilder, name="random_sampler"):
    probability: Double
    seed: Int
    shard_seed: Int | None = None
