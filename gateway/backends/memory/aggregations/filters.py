"""Aggregations whose buckets come from queries and from the levels of nested documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import resolve
from gateway.backends.memory.columns import Mask
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries import execute
from gateway.backends.memory.queries.compiler import Context
from gateway.backends.memory.queries.nodes import ONE
from gateway.backends.memory.table import Table
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results.buckets import FiltersBucket, InternalFilters
from protocol.messages.aggregations.results.single import (
    InternalFilter,
    InternalGlobal,
    InternalMissing,
    InternalNested,
    InternalReverseNested,
    InternalSingleBucket,
)


def matching(scope: Scope, query: Any) -> Mask:
    """Which rows of the scope's table a query matches: bool, one per row of the table."""
    shard = scope.shard
    if scope.table is shard.index.root:
        return execute(shard.index, query, now_millis=shard.now_millis, needs_scores=False, bare=True).mask
    node = Context(shard.index, scope.table, shard.now_millis).compile(query)
    found: Matches = node.matches(ONE, False, {})
    return found.mask


class SingleBucket(Aggregator):
    """Base of what has one bucket."""

    result: type[InternalSingleBucket] = InternalFilter

    def __init__(self, name: str, metadata: dict[str, Any] | None, body: Any, subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        self.body = body

    def made(self, inner: Scope) -> Results:
        counts = inner.counts().tolist()
        return [
            self.result(name=self.name, metadata=self.metadata, doc_count=number, aggregations=subs)
            for number, subs in zip(counts, self.collect_subs(inner), strict=True)
        ]

    def kept(self, scope: Scope, selected: NDArray[np.bool_]) -> Results:
        """The results where only the scope's rows that ``selected`` marks (by position) are in."""
        positions = np.flatnonzero(selected)
        return self.made(scope.within(positions, scope.owners_at(positions), scope.size))


class Filter(SingleBucket):
    def collect(self, scope: Scope) -> Results:
        mask = matching(scope, self.body)
        return self.kept(scope, mask[scope.places])


class Missing(SingleBucket):
    result = InternalMissing

    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "missing")
        absent = np.ones(len(scope.rows), np.bool_)
        positions, _ = source.values(scope)
        absent[slice(None) if positions is None else positions] = False
        return self.kept(scope, absent)


class Global(SingleBucket):
    result = InternalGlobal

    def collect(self, scope: Scope) -> Results:
        shard = scope.shard
        everything = execute(shard.index, None, now_millis=shard.now_millis, needs_scores=False, filters=shard.filters)
        return self.made(Scope.of(replace(shard, matches=everything)))


class Filters(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        filters = body.get("filters")
        self.keyed = isinstance(filters, dict)
        if isinstance(filters, dict):
            named = sorted(filters.items())
            self.keys: list[str | None] = [key for key, _ in named]
            self.queries = [query for _, query in named]
        elif isinstance(filters, list):
            self.keys = [None] * len(filters)
            self.queries = list(filters)
        else:
            raise illegal(f"[filters] of aggregation [{name}] must be an object or an array")
        if not self.queries:
            raise illegal("[filters] cannot be empty.")
        self.other = bool(body.get("other_bucket", "other_bucket_key" in body))
        self.other_key = str(body.get("other_bucket_key", "_other_"))
        self.keyed_bucket = bool(body.get("keyed", True))

    def collect(self, scope: Scope) -> Results:
        selected = [matching(scope, query)[scope.rows] for query in self.queries]
        keys = list(self.keys)
        if self.other:
            selected.append(~np.logical_or.reduce(selected))
            keys.append(self.other_key if self.keyed else None)
        size = len(selected)
        rows: list[Ints] = []
        owners: list[Ints] = []
        for number, mask in enumerate(selected):
            positions = np.flatnonzero(mask)
            of_owner = scope.owners_at(positions)
            rows.append(positions)
            owners.append(np.full(len(positions), number, np.int64) if of_owner is None else of_owner * size + number)
        inner = scope.within(np.concatenate(rows), np.concatenate(owners), scope.size * size)
        counts = inner.counts().tolist()
        scope.shard.limit.add(len(counts))
        subs = self.collect_subs(inner)
        made: list[InternalAggregation] = []
        for owner in range(scope.size):
            buckets = [
                FiltersBucket(key=key, doc_count=counts[owner * size + place], aggregations=subs[owner * size + place])
                for place, key in enumerate(keys)
            ]
            made.append(
                InternalFilters(
                    name=self.name,
                    metadata=self.metadata,
                    keyed=self.keyed,
                    keyed_bucket=self.keyed_bucket,
                    buckets=buckets,
                )
            )
        return made


class Nested(SingleBucket):
    result = InternalNested

    def collect(self, scope: Scope) -> Results:
        path = self.body.get("path")
        if not isinstance(path, str):
            raise illegal(f"[path] must not be null: [{self.name}]")
        node = scope.shard.index.mapping.objects.get(path)
        if node is None:
            return self.made(
                scope.empty() if scope.size == 1 else scope.within(np.zeros(0, np.int64), np.zeros(0, np.int64), scope.size)
            )
        if not node.is_nested:
            raise illegal(f"[nested] nested path [{path}] is not nested")
        table = scope.shard.index.table(path)
        chain: list[Table] = []
        level: Table | None = table
        while level is not None and level is not scope.table:
            chain.append(level)
            level = level.parent
        if level is None:
            return self.made(scope.within(np.zeros(0, np.int64), np.zeros(0, np.int64), scope.size))
        inner = scope
        for step in reversed(chain):
            inner = _children(inner, step)
        return self.made(inner)


class ReverseNested(SingleBucket):
    result = InternalReverseNested

    def collect(self, scope: Scope) -> Results:
        path = self.body.get("path")
        index = scope.shard.index
        node = None if path is None else index.mapping.objects.get(str(path))
        if path is not None and node is None:
            return self.made(scope.within(np.zeros(0, np.int64), np.zeros(0, np.int64), scope.size))
        if node is not None and not node.is_nested:
            raise illegal(f"[reverse_nested] nested path [{path}] is not nested")
        target = index.root if node is None else index.table(node.name)
        if scope.table is scope.shard.index.root:
            raise illegal(f"Reverse nested aggregation [{self.name}] can only be used inside a [nested] aggregation")
        rows, table = scope.rows, scope.table
        while table is not target:
            if table.parent is None:
                raise illegal(f"[reverse_nested] nested path [{path}] is not above")
            rows, table = table.parents[rows], table.parent
        # A document counts once in a bucket, however many of its nested objects are there.
        owners = scope.owners if scope.owners is not None else np.zeros(len(rows), np.int64)
        pairs = np.unique(owners * max(table.rows, 1) + rows)
        parents, of_pairs = (pairs % max(table.rows, 1)).astype(np.int32), pairs // max(table.rows, 1)
        return self.made(replace(scope, table=table, rows=parents, owners=of_pairs, span=None, totals=None))


def _children(scope: Scope, table: Table) -> Scope:
    """The rows of a nested table that lie in the scope's rows, in the same buckets."""
    first = np.searchsorted(table.parents, scope.rows, side="left")
    counts = np.searchsorted(table.parents, scope.rows, side="right") - first
    positions = np.repeat(np.arange(len(scope.rows)), counts)
    within = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = (first[positions] + within).astype(np.int32)
    return replace(scope, table=table, rows=rows, owners=scope.owners_at(positions), span=None, totals=None)
