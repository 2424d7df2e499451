"""top_hits: the best documents of each bucket."""

from __future__ import annotations

from math import nan
from typing import Any, Final

import numpy as np

from gateway.backends.memory.aggregations.scope import Aggregator, Results, Scope, illegal
from gateway.backends.memory.fetch import Fetcher
from gateway.backends.memory.sort_keys import ScoreKey, SortKey, select
from gateway.backends.memory.sorting import compile_sort, parse_sort
from protocol.messages.aggregations.results.top_hits import FieldDoc, InternalTopHits, ScoreDoc, TopDocs, TopFieldDocs
from protocol.messages.hits import SearchHits, SortValues, TotalHits

_OPTIONS: Final = frozenset({
    "_source", "docvalue_fields", "stored_fields", "from", "highlight", "size", "sort", "track_scores", "version",
    "seq_no_primary_term", "fields", "explain",
})  # fmt: skip
_MAX_WINDOW: Final = 100
"""``index.max_inner_result_window``."""


class TopHits(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any]) -> None:
        super().__init__(name, metadata)
        unknown = body.keys() - _OPTIONS
        if unknown or body.get("explain"):
            raise illegal(f"[{sorted(unknown)[0] if unknown else 'explain'}] of aggregation [top_hits] is not supported")
        self.body = body
        self.start = int(body.get("from", 0))
        self.size = int(body.get("size", 3))

    def collect(self, scope: Scope) -> Results:
        shard = scope.shard
        if shard.target is None:
            raise illegal("aggregation [top_hits] is not supported here")
        if scope.table is not shard.index.root:
            raise illegal("aggregation [top_hits] within [nested] is not supported")
        window = self.start + self.size
        if window > _MAX_WINDOW:
            raise illegal(
                f"Top hits result window is too large, the top hits aggregator [{self.name}]'s from + size must be less than or equal "
                f"to: [{_MAX_WINDOW}] but was [{window}]. This limit can be set by changing the [index.max_inner_result_window] index "
                "level setting."
            )
        keys = compile_sort(parse_sort(self.body.get("sort")), shard.index, shard.now_millis) if self.body.get("sort") else None
        body = {"query": shard.query, "fields": shard.fields, **self.body}
        fetcher = Fetcher(shard.index, body, shard.target, shard.matches, shard.now_millis)
        if scope.owners is None:
            groups = [np.arange(len(scope.rows))]
        else:
            order = np.argsort(scope.owners, kind="stable")
            bounds = np.searchsorted(scope.owners[order], np.arange(scope.size + 1))
            groups = [order[bounds[owner] : bounds[owner + 1]] for owner in range(scope.size)]
        return [self._top(scope, positions, keys, fetcher) for positions in groups]

    def _top(self, scope: Scope, positions: Any, keys: list[SortKey] | None, fetcher: Fetcher) -> InternalTopHits:
        rows = np.sort(scope.rows[positions])
        scored = keys is None or bool(self.body.get("track_scores")) or any(isinstance(key, ScoreKey) for key in keys)
        scores = self._scores(scope, rows) if scored else None
        best = select(rows, scores, keys if keys is not None else [ScoreKey(False)], self.start + self.size)
        rows, total = rows[best], TotalHits(value=len(rows))
        best_scores = None if scores is None else scores[best]
        max_score = float(scores.max()) if scores is not None and len(scores) and (keys is None or self._tracks()) else nan
        hits = [fetcher.hit(int(row)) for row in rows.tolist()]
        shown = [nan] * len(hits) if best_scores is None else best_scores.tolist()
        top: TopDocs | TopFieldDocs
        if keys is None:
            docs = [ScoreDoc(doc=row, score=score) for row, score in zip(rows.tolist(), shown, strict=True)]
            for hit, score in zip(hits, shown, strict=True):
                hit.score = score
            top = TopDocs(total_hits=total, max_score=max_score, score_docs=docs)
        else:
            columns = [key.raw(rows, best_scores) for key in keys]
            raws = [list(values) for values in zip(*columns, strict=True)] if len(rows) else []
            for hit, raw, score in zip(hits, raws, shown, strict=True):
                formatted = [key.formatted(value) for key, value in zip(keys, raw, strict=True)]
                hit.sort = SortValues(formatted=formatted, raw=raw)
                hit.score = score
            fields = [
                FieldDoc(fields=raw, doc=row, score=score) for raw, row, score in zip(raws, rows.tolist(), shown, strict=True)
            ]
            top = TopFieldDocs(total_hits=total, max_score=max_score, fields=[key.field for key in keys], field_docs=fields)
        return InternalTopHits(
            name=self.name,
            metadata=self.metadata,
            from_=self.start,
            size=self.size,
            top_docs=top,
            search_hits=SearchHits(total=total, max_score=max_score, hits=hits),
        )

    def _tracks(self) -> bool:
        return bool(self.body.get("track_scores"))

    @staticmethod
    def _scores(scope: Scope, rows: Any) -> Any:
        # A global aggregation reaches documents that the query did not match; they have no score.
        matches = scope.shard.matches
        if len(rows) and not matches.mask[rows].all():
            return matches.dense()[rows].astype(np.float32)
        return matches.scores_at(rows)
