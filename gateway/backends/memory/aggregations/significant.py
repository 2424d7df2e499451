"""The significant_terms aggregation: terms that are more frequent in the documents found than in the background.

The background is what Elasticsearch takes (``SignificanceLookup``), and so is what it tells of documents that are hidden or deleted:

* Where a ``background_filter``, the filter of an alias or a nested field of the mapping bounds it, it is the visible documents.
* Else its size is that of the index, with every document that is there; and how many of them have a term of a keyword or boolean field is
  what the inverted index says, hidden and deleted documents included. Of other fields only visible documents are counted.

Terms come from the documents found. With a ``min_doc_count`` of 0 those of other documents come too; Elasticsearch then shows terms
of hidden documents, here they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations.heuristics import heuristic_of, scores
from gateway.backends.memory.aggregations.include import accepted_codes
from gateway.backends.memory.aggregations.pairs import (
    by_ordinal,
    candidates,
    coded,
    count_pairs,
    sub_scope,
    visible_codes,
    with_zeros,
)
from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import Source, resolve
from gateway.backends.memory.aggregations.value_formats import show
from gateway.backends.memory.columns import Mask
from gateway.backends.memory.mapping import DEFAULT_DATE_FORMAT, FieldType
from gateway.backends.memory.queries import execute
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import UNLIMITED, DateTime, DocValueFormat, InternalAggregation, Raw
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
        background = _Background(scope, source, self.body.get("background_filter"))
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


class _Background:
    """The background of one field in one index."""

    def __init__(self, scope: Scope, source: Source, query: dict[str, Any] | None) -> None:
        shard = scope.shard
        index = shard.index
        self._scope, self._field, self._source = scope, source.field, source
        self._bounds: Mask | None = None
        if query is not None or shard.filters or any(index.mapping.nested_paths()):
            everything = execute(index, query, now_millis=shard.now_millis, needs_scores=False, filters=shard.filters, bare=True)
            self._bounds = everything.mask
        self.size = index.rows if self._bounds is None else int(np.count_nonzero(self._bounds))
        """How many documents it has."""

    @property
    def _counted(self) -> Mask:
        return self._scope.shard.index.live if self._bounds is None else self._bounds

    def frequencies(self, keys: Sequence[Any], codes: Ints) -> Ints:
        """How many documents of the background have each term, given by its place in ``keys``."""
        field = self._field
        if not len(codes):
            return np.zeros(0, np.int64)
        if field is None:
            # _index, which all documents have.
            return np.full(len(codes), np.count_nonzero(self._counted), np.int64)
        if not _exact(field, self._source.format):
            distinct, places = np.unique(codes, return_inverse=True)
            asked = [self._asked(field, show(self._source.format, keys[code])) for code in distinct.tolist()]
            return np.array(asked, np.int64)[places]
        return self._by_values(field, keys)[codes]

    def _by_values(self, field: FieldType, keys: Sequence[Any]) -> Ints:
        table = self._scope.table
        column = table.column(field)
        distinct: Sequence[Any] = column.terms
        if not column.by_ordinal:
            numbers, column = by_ordinal(column)
            distinct = numbers.tolist()
        rows, codes = column.docs, column.values.astype(np.int64)
        inverted = field.indexed and field.type in ("keyword", "boolean")
        if self._bounds is not None or not inverted:
            rows = table.root_rows(rows)
            within = self._counted[rows]
            rows, codes = rows[within], codes[within]
        if not column.single or table.parent is not None:
            cardinality = max(len(distinct), 1)
            codes = np.unique(rows.astype(np.int64) * cardinality + codes) % cardinality
        counts: Ints = np.bincount(codes, minlength=len(distinct))
        if len(keys) == len(distinct):
            return counts
        # The value for documents without one may be among the keys, and values that no document found has not.
        of_key = dict(zip(distinct, counts.tolist(), strict=True))
        return np.array([of_key.get(key, 0) for key in keys], np.int64)

    def _asked(self, field: FieldType, text: str) -> int:
        """By the query for the term as the format shows it, as Elasticsearch counts it: the field may read that as another value."""
        shard = self._scope.shard
        query: dict[str, Any] = {"term": {field.name: text}}
        if field.nested is not None:
            query = {"nested": {"path": field.nested, "query": query}}
        found = execute(shard.index, query, now_millis=shard.now_millis, needs_scores=False, bare=True)
        return int(np.count_nonzero(found.mask & self._counted))


def _exact(field: FieldType, format_: DocValueFormat) -> bool:
    """Whether a value, as the format shows it, means just that value to the field."""
    if field.type == "date":
        return (
            field.date_format == DEFAULT_DATE_FORMAT and isinstance(format_, DateTime) and format_.pattern == DEFAULT_DATE_FORMAT
        )
    return field.type in ("keyword", "ip", "boolean") or (field.is_integer and isinstance(format_, Raw))
