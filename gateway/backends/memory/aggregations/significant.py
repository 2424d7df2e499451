"""The significant_terms aggregation: terms that are more frequent in the documents found than in the background.

Terms come from the documents found. With a ``min_doc_count`` of 0 those of other documents come too; Elasticsearch then shows terms
of hidden documents, here they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations.background import Background
from gateway.backends.memory.aggregations.heuristics import heuristic_of, scores
from gateway.backends.memory.aggregations.include import accepted_codes
from gateway.backends.memory.aggregations.pairs import (
    candidates,
    coded,
    count_pairs,
    sub_scope,
    visible_codes,
    with_zeros,
)
from gateway.backends.memory.aggregations.scope import Aggregator, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import Source, resolve
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import UNLIMITED, InternalAggregation
from protocol.messages.aggregations.results.terms import (
    SignificantLongTerms,
    SignificantLongTermsBucket,
    SignificantStringTerms,
    SignificantStringTermsBucket,
    UnmappedSignificantTerms,
)


class SignificantTerms(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.heuristic = heuristic_of(body)
        self.size = int(body.get("size", 10))
        if self.size < 1:
            raise illegal(f"[size] must be greater than 0. Found [{self.size}] in [{name}]")
        shard_size = int(body.get("shard_size", -1))
        if shard_size == 0:
            raise illegal(f"[shardSize] must be greater than  0. Found [{shard_size}] in [{name}]")
        if shard_size < 0:
            shard_size = 2 * min(int(self.size * 1.5 + 10), UNLIMITED)
        # Unlike those of terms, these need not fit to size and min_doc_count.
        self.shard_size = shard_size
        self.min_doc_count = int(body.get("min_doc_count", 3))
        self.shard_min_doc_count = int(body.get("shard_min_doc_count", 0))
        for option, value in (("minDocCount", self.min_doc_count), ("shardMinDocCount", self.shard_min_doc_count)):
            if value < 0:
                raise illegal(f"[{option}] must be greater than or equal to 0. Found [{value}] in [{name}]")

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "significant_terms")
        if not source.mapped:
            return [
                UnmappedSignificantTerms(
                    name=self.name, metadata=self.metadata, required_size=self.size, min_doc_count=self.min_doc_count
                )
                for _ in range(scope.size)
            ]
        values = coded(source, scope)
        keys, size = values.keys, scope.size
        accepted = accepted_codes(self.name, self.body, source, keys)
        if source.kind == "double":
            raise ElasticsearchException(
                "unsupported_operation_exception", "No support for examining floating point numerics", status=500
            )
        cardinality = max(len(keys), 1)
        owners = scope.owners_at(values.positions)
        pair_of_value = values.codes if owners is None else owners * cardinality + values.codes
        found = count_pairs(pair_of_value, size, cardinality)
        if self._with_zeros(source) and keys:
            found = with_zeros(found, size, cardinality)
            if scope.shard.index.hides_documents:
                visible = visible_codes(source, scope, keys)
                accepted = visible if accepted is None else accepted & visible
        found, _ = candidates(found, accepted, self.shard_min_doc_count, size, cardinality)
        background = Background(scope, source, self.body.get("background_filter"))
        owner_of, codes = found.pairs // cardinality, found.pairs % cardinality
        superset = background.frequencies(keys, codes)
        subset_sizes = scope.counts()
        score = scores(self.heuristic, found.counts, subset_sizes[owner_of], superset, background.size)
        best_first = np.lexsort((codes, -score, owner_of))
        rank = np.arange(len(best_first)) - np.searchsorted(owner_of[best_first], owner_of[best_first])
        chosen = best_first[rank < self.shard_size]
        scope.shard.limit.add(len(chosen))
        subs = self.collect_subs(sub_scope(scope, values, pair_of_value, found, chosen, cardinality)) if self.subs else []
        is_text = source.kind in ("keyword", "ip")
        terms: Sequence[Any] = source.keys if is_text else keys
        bucket: Callable[..., Any] = SignificantStringTermsBucket if is_text else SignificantLongTermsBucket
        result: Callable[..., InternalAggregation] = SignificantStringTerms if is_text else SignificantLongTerms
        buckets = [
            bucket(term=terms[code], subset_df=count, superset_df=total, score=value, aggregations=subs[place] if subs else [])
            for place, (code, count, total, value) in enumerate(
                zip(
                    codes[chosen].tolist(),
                    found.counts[chosen].tolist(),
                    superset[chosen].tolist(),
                    score[chosen].tolist(),
                    strict=True,
                )
            )
        ]
        bounds = np.searchsorted(owner_of[chosen], np.arange(size + 1)).tolist()
        return [
            result(
                name=self.name,
                metadata=self.metadata,
                required_size=self.size,
                min_doc_count=self.min_doc_count,
                format=source.format,
                subset_size=subset_size,
                superset_size=background.size,
                significance_heuristic=self.heuristic,
                buckets=buckets[bounds[owner] : bounds[owner + 1]],
            )
            for owner, subset_size in enumerate(subset_sizes.tolist())
        ]

    def _with_zeros(self, source: Source) -> bool:
        """Whether terms that no document found has may be buckets: Elasticsearch has them where it counts by global ordinals."""
        return self.min_doc_count == 0 and source.kind in ("keyword", "ip") and self.body.get("execution_hint") != "map"
