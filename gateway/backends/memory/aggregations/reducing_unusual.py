"""Merging significant_terms and rare_terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations import cuckoo
from gateway.backends.memory.aggregations.heuristics import scores
from gateway.backends.memory.aggregations.rare import term_hashes
from gateway.backends.memory.aggregations.reducing import Reduction, grouped, reduces
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results.terms import (
    LongRareTerms,
    MappedSignificantTerms,
    SignificantLongTerms,
    SignificantStringTerms,
    StringRareTerms,
)
from protocol.rest.value_formats import show


@reduces(SignificantStringTerms, SignificantLongTerms)
def _significant(reduction: Reduction, group: list[MappedSignificantTerms]) -> InternalAggregation:
    """Scores are worked out again from the sums. Terms that look alike are one, though their values differ."""
    first: Any = group[0]
    results: list[Any] = list(group)
    subset_size = sum(result.subset_size for result in results)
    superset_size = sum(result.superset_size for result in results)
    same = list(grouped((result.buckets for result in results), lambda bucket: show(first.format, bucket.term)).values())
    found = [sum(bucket.subset_df for bucket in each) for each in same]
    background = [sum(bucket.superset_df for bucket in each) for each in same]
    score = scores(first.significance_heuristic, found, subset_size, background, superset_size)
    places = np.argsort(-score, kind="stable").tolist()
    if reduction.final:
        places = [place for place in places if score[place] > 0 and found[place] >= first.min_doc_count][: first.required_size]
    reduction.count(len(places))
    buckets = [
        replace(
            same[place][0],
            subset_df=found[place],
            superset_df=background[place],
            score=float(score[place]),
            aggregations=reduction.all([bucket.aggregations for bucket in same[place]]),
        )
        for place in places
    ]
    merged: InternalAggregation = replace(first, subset_size=subset_size, superset_size=superset_size, buckets=buckets)
    return merged


@reduces(StringRareTerms, LongRareTerms)
def _rare(reduction: Reduction, group: list[StringRareTerms | LongRareTerms]) -> InternalAggregation:
    """What is rare in all results together, and frequent in none of them."""
    first: Any = group[0]
    results: list[Any] = list(group)
    same = grouped((result.buckets for result in results), lambda bucket: bucket.term)
    counts = {term: sum(bucket.doc_count for bucket in each) for term, each in same.items()}
    few = [term for term, count in counts.items() if count <= first.max_doc_count]
    frequent = [term for term, count in counts.items() if count > first.max_doc_count]
    held = cuckoo.merged([result.filter for result in results])
    known = cuckoo.contains(held, term_hashes(few))
    rare = sorted(
        (term for term, is_known in zip(few, known, strict=True) if not is_known), key=lambda term: (counts[term], term)
    )
    reduction.count(len(rare))
    buckets = [
        replace(
            same[term][0],
            doc_count=counts[term],
            aggregations=reduction.all([bucket.aggregations for bucket in same[term]]),
        )
        for term in rare
    ]
    if frequent:
        held = cuckoo.merged([held], term_hashes(frequent))
    merged: InternalAggregation = replace(first, buckets=buckets, filter=held)
    return merged
