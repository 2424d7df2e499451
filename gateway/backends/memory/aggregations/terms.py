"""The terms aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.include import accepted_codes
from gateway.backends.memory.aggregations.orders import by_key, is_metric, order_value, parse_order, sort_number
from gateway.backends.memory.aggregations.pairs import Pairs, candidates, coded, count_pairs, sub_scope, visible_codes, with_zeros
from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import Source, resolve
from protocol.messages.aggregations.base import KEY_ASC, UNLIMITED, BucketOrder, InternalAggregation
from protocol.messages.aggregations.results.terms import (
    DoubleTerms,
    InternalTerms,
    LongTerms,
    MappedTerms,
    StringTerms,
    TermsBucket,
    UnmappedTerms,
)


class Terms(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.order: BucketOrder = parse_order(body.get("order"))
        size = int(body.get("size", 10))
        if size < 1:
            raise illegal(f"[size] must be greater than 0. Found [{size}] in [{name}]")
        shard_size = int(body.get("shard_size", -1))
        if shard_size <= 0:
            shard_size = size if by_key(self.order) else min(int(size * 1.5 + 10), UNLIMITED)
        self.size = size
        self.shard_size = max(shard_size, size)
        self.min_doc_count = int(body.get("min_doc_count", 1))
        self.shard_min_doc_count = min(int(body.get("shard_min_doc_count", 0)), self.min_doc_count)
        self.show_error = bool(body.get("show_term_doc_count_error", False))
        self.by_metric = [element for element in self.order if is_metric(element)]

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "terms")
        if not source.mapped:
            return [self._unmapped() for _ in range(scope.size)]
        values = coded(source, scope)
        cardinality = max(len(values.keys), 1)
        owners = scope.owners_at(values.positions)
        pair_of_value = values.codes if owners is None else owners * cardinality + values.codes
        found = count_pairs(pair_of_value, scope.size, cardinality)
        accepted = accepted_codes(self.name, self.body, source, values.keys)
        if self.min_doc_count == 0 and values.keys:
            found = with_zeros(found, scope.size, cardinality)
            if scope.shard.index.hides_documents:
                visible = visible_codes(source, scope, values.keys)
                accepted = visible if accepted is None else accepted & visible
        found, others = candidates(found, accepted, self.shard_min_doc_count, scope.size, cardinality)
        subs_of: list[Results] | None = None
        if self.by_metric:
            everything = sub_scope(scope, values, pair_of_value, found, np.arange(len(found.pairs)), cardinality)
            subs_of = self.collect_subs(everything)
        chosen = self._choose(found, cardinality, scope.size, subs_of)
        scope.shard.limit.add(len(chosen))
        if subs_of is not None:
            subs = [subs_of[place] for place in chosen.tolist()]
        elif self.subs:
            subs = self.collect_subs(sub_scope(scope, values, pair_of_value, found, chosen, cardinality))
        else:
            subs = []
        return self._results(source, values.keys, found, chosen, others, subs, scope.size, cardinality)

    def _choose(self, found: Pairs, cardinality: int, size: int, subs_of: list[Results] | None) -> Ints:
        """The places of the pairs that become buckets, by owner and then as a partial result is sorted (by key)."""
        counts = found.counts
        places = np.arange(len(counts))
        if size == 1 and not self.by_metric and self.order[0] == ("_count", False) and len(counts) > 4 * self.shard_size:
            # What has fewer documents than the last that can be chosen need not be sorted.
            least = np.partition(counts, len(counts) - self.shard_size)[len(counts) - self.shard_size]
            places = np.flatnonzero(counts >= least)
        pairs = found.pairs[places]
        owners, codes = pairs // cardinality, pairs % cardinality
        criteria: list[NDArray[Any]] = []
        for element in self.order:
            if element.key == "_key":
                criteria.append(codes if element.ascending else -codes)
                break
            if element.key == "_count":
                criteria.append(counts[places] if element.ascending else -counts[places])
            else:
                numbers = [sort_number(order_value(subs, element.key), element.ascending) for subs in subs_of or ()]
                criteria.append(np.array(numbers, np.float64))
        sorted_places = np.lexsort((*reversed(criteria), owners))
        sorted_owners = owners[sorted_places]
        rank = np.arange(len(sorted_places)) - np.searchsorted(sorted_owners, sorted_owners)
        best = sorted_places[rank < self.shard_size]
        if by_key(self.order) and not self.order[0].ascending:
            return places[best]
        return np.sort(places[best])

    def _unmapped(self) -> InternalTerms:
        return UnmappedTerms(
            name=self.name,
            metadata=self.metadata,
            reduce_order=self.order,
            order=self.order,
            required_size=self.size,
            min_doc_count=self.min_doc_count,
        )

    def _results(
        self,
        source: Source,
        keys: Sequence[Any],
        found: Pairs,
        chosen: Ints,
        others: Ints,
        subs: list[Results],
        size: int,
        cardinality: int,
    ) -> list[InternalAggregation]:
        kind: type[MappedTerms]
        kind = StringTerms if source.kind in ("keyword", "ip") else DoubleTerms if source.kind == "double" else LongTerms
        pairs, counts = found.pairs[chosen], found.counts[chosen]
        bounds = np.searchsorted(pairs // cardinality, np.arange(size + 1)).tolist()
        codes, numbers = (pairs % cardinality).tolist(), counts.tolist()
        if source.kind == "ip":
            keys = source.column.keys
        is_text = source.kind == "keyword"
        made: list[InternalAggregation] = []
        for owner in range(size):
            buckets = [
                TermsBucket(
                    term=keys[codes[place]].encode("utf-8", "surrogatepass") if is_text else keys[codes[place]],
                    doc_count=numbers[place],
                    doc_count_error=0,
                    aggregations=subs[place] if subs else [],
                )
                for place in range(bounds[owner], bounds[owner + 1])
            ]
            made.append(
                kind(
                    name=self.name,
                    metadata=self.metadata,
                    reduce_order=self.order if by_key(self.order) else KEY_ASC,
                    order=self.order,
                    required_size=self.size,
                    min_doc_count=self.min_doc_count,
                    doc_count_error=None,
                    format=source.format,
                    shard_size=self.shard_size,
                    show_term_doc_count_error=self.show_error,
                    other_doc_count=int(others[owner]) - sum(bucket.doc_count for bucket in buckets),
                    buckets=buckets,
                )
            )
        return made
