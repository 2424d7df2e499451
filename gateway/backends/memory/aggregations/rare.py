"""The rare_terms aggregation: terms that few documents have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from gateway.backends.memory.aggregations import cuckoo
from gateway.backends.memory.aggregations.include import accepted_codes
from gateway.backends.memory.aggregations.pairs import candidates, coded, count_pairs, sub_scope
from gateway.backends.memory.aggregations.scope import Aggregator, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import resolve
from protocol.messages.aggregations.base import COUNT_ASC, KEY_ASC, InternalAggregation
from protocol.messages.aggregations.results.terms import (
    LongRareTerms,
    LongRareTermsBucket,
    StringRareTerms,
    StringRareTermsBucket,
    UnmappedRareTerms,
)
from protocol.sketches.hyperloglog import hash_bytes, murmur_longs

ORDER: Final = COUNT_ASC + KEY_ASC
_DEFAULT_PRECISION: Final = 0.001
_MOST: Final = 100


class RareTerms(Aggregator):
    """``precision`` is the rate of false positives of the filters in results; Elasticsearch does not send it to other clusters."""

    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body
        self.max_doc_count = int(body.get("max_doc_count", 1))
        if self.max_doc_count <= 0:
            raise illegal(f"[max_doc_count] must be greater than 0. Found [{self.max_doc_count}] in [{name}]")
        if self.max_doc_count > _MOST:
            raise illegal(f"[max_doc_count] must be smallerthan {_MOST}in [{name}]")
        self.precision = float(body.get("precision", _DEFAULT_PRECISION))
        if not self.precision >= 0.00001:
            raise illegal("[precision] must be greater than 0.00001")

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "rare_terms")
        if not source.mapped:
            unmapped = UnmappedRareTerms(name=self.name, metadata=self.metadata, order=ORDER, max_doc_count=0)
            return [unmapped for _ in range(scope.size)]
        values = coded(source, scope)
        keys, size = values.keys, scope.size
        accepted = accepted_codes(self.name, self.body, source, keys)
        if source.kind == "double":
            raise illegal("RareTerms aggregation does not support floating point fields.")
        cardinality = max(len(keys), 1)
        owners = scope.owners_at(values.positions)
        pair_of_value = values.codes if owners is None else owners * cardinality + values.codes
        found, _ = candidates(count_pairs(pair_of_value, size, cardinality), accepted, 1, size, cardinality)
        rare = found.counts <= self.max_doc_count
        chosen = np.flatnonzero(rare)
        owner_of, codes = found.pairs // cardinality, found.pairs % cardinality
        chosen = chosen[np.lexsort((codes[chosen], found.counts[chosen], owner_of[chosen]))]
        scope.shard.limit.add(len(chosen))
        subs = self.collect_subs(sub_scope(scope, values, pair_of_value, found, chosen, cardinality)) if self.subs else []
        is_text = source.kind in ("keyword", "ip")
        terms: Sequence[Any] = source.keys if is_text else keys
        bucket: Callable[..., Any] = StringRareTermsBucket if is_text else LongRareTermsBucket
        result: Callable[..., InternalAggregation] = StringRareTerms if is_text else LongRareTerms
        buckets = [
            bucket(term=terms[code], doc_count=count, aggregations=subs[place] if subs else [])
            for place, (code, count) in enumerate(zip(codes[chosen].tolist(), found.counts[chosen].tolist(), strict=True))
        ]
        bounds = np.searchsorted(owner_of[chosen], np.arange(size + 1)).tolist()
        frequent, frequent_owners = codes[~rare], owner_of[~rare]
        frequent_bounds = np.searchsorted(frequent_owners, np.arange(size + 1)).tolist()
        return [
            result(
                name=self.name,
                metadata=self.metadata,
                order=ORDER,
                max_doc_count=self.max_doc_count,
                format=source.format,
                buckets=buckets[bounds[owner] : bounds[owner + 1]],
                filter=cuckoo.filter_of(
                    term_hashes([terms[code] for code in frequent[frequent_bounds[owner] : frequent_bounds[owner + 1]].tolist()]),
                    self.precision,
                ),
            )
            for owner in range(size)
        ]


def term_hashes(terms: Sequence[Any]) -> list[int]:
    """The hashes, as signed numbers, by which filters know terms: bytes or integers."""
    if not terms:
        return []
    hashes = hash_bytes(terms) if isinstance(terms[0], bytes) else murmur_longs(np.array(terms, np.int64))
    signed: list[int] = hashes.view(np.int64).tolist()
    return signed
