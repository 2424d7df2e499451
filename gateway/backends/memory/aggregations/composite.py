"""composite: pages through the combinations of several sources in the order of their values."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.backends.memory.aggregations.bucketing import compact
from gateway.backends.memory.aggregations.histograms import make_rounding, rounded_codes
from gateway.backends.memory.aggregations.scope import MAX_BUCKETS, Aggregator, Ints, Results, Scope, illegal, too_many_buckets
from gateway.backends.memory.aggregations.sources import NUMERIC, RAW, Source, parse_value, resolve
from gateway.backends.memory.rounding import rounder
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import DocValueFormat, MissingOrder
from protocol.messages.aggregations.results.buckets import CompositeBucket, CompositeSource, InternalComposite

_MISSING_ORDERS = {"first": MissingOrder.FIRST, "last": MissingOrder.LAST, "default": MissingOrder.DEFAULT}


@dataclass(slots=True)
class _Part:
    """One source over a scope. Ranks are even numbers in the order of output, so that a value that is not there lies between two."""

    name: str
    format: DocValueFormat
    descending: bool
    missing: MissingOrder
    positions: Ints
    """Ascending; the row of each value."""
    ranks: Ints
    keys: Sequence[Any]
    """In ascending order; None stands for the missing bucket and is not among them."""
    single: bool
    after: int | None = None

    def key_of(self, rank: int) -> Any:
        place = rank // 2 - 1
        if place < 0 or place >= len(self.keys):
            return None
        return self.keys[len(self.keys) - 1 - place if self.descending else place]


class Composite(Aggregator):
    def __init__(self, name: str, metadata: dict[str, Any] | None, body: dict[str, Any], subs: Sequence[Aggregator]) -> None:
        super().__init__(name, metadata, subs)
        sources = body.get("sources")
        if not isinstance(sources, list) or not sources:
            raise illegal("Composite [sources] cannot be null or empty")
        self.size = int(body.get("size", 10))
        if self.size < 1:
            raise illegal(f"[size] must be greater than 0. Found [{self.size}] in [{name}]")
        self.after: dict[str, Any] | None = body.get("after")
        self.sources: list[tuple[str, str, dict[str, Any]]] = []
        for entry in sources:
            ((source_name, definition),) = entry.items()
            ((kind, parameters),) = definition.items()
            if kind not in ("terms", "histogram", "date_histogram"):
                raise illegal(f"invalid source type: {kind}")
            self.sources.append((source_name, kind, parameters))
        if self.size > MAX_BUCKETS:
            reason = f"Must be less than or equal to: [{MAX_BUCKETS}] but was [{self.size}]"
            raise too_many_buckets(reason, MAX_BUCKETS)
        if self.after is not None:
            if len(self.after) != len(self.sources):
                raise illegal(f"[after] has {len(self.after)} value(s) but [sources] has {len(self.sources)}")
            for source_name, _, _ in self.sources:
                if source_name not in self.after:
                    raise illegal(f"Missing value for [after.{source_name}]")

    def collect(self, scope: Scope) -> Results:
        parts = [self._part(scope, place) for place in range(len(self.sources))]
        positions, ranks = _combinations(parts, len(scope.rows))
        if self.after is not None:
            later = _after(parts, ranks)
            positions, ranks = positions[later], [column[later] for column in ranks]
        codes, picked = _combined(parts, ranks)
        distinct, first, places, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        taken = min(self.size, len(distinct))
        scope.shard.limit.add(taken)
        if self.subs:
            inside = np.flatnonzero(places < taken)
            subs = self.collect_subs(scope.within(positions[inside], places[inside], taken))
        else:
            subs = [[] for _ in range(taken)]
        columns = [column[first[:taken]].tolist() for column in picked]
        buckets = [
            CompositeBucket(
                key=tuple(part.key_of(column[place]) for part, column in zip(parts, columns, strict=True)),
                doc_count=count,
                aggregations=subs[place],
            )
            for place, count in enumerate(counts[:taken].tolist())
        ]
        return [
            InternalComposite(
                name=self.name,
                metadata=self.metadata,
                size=self.size,
                sources=[CompositeSource(part.name, part.format) for part in parts],
                reverse_muls=[-1 if part.descending else 1 for part in parts],
                missing_orders=[part.missing for part in parts],
                buckets=buckets,
                after_key=buckets[-1].key if buckets else None,
            )
        ]

    def _part(self, scope: Scope, number: int) -> _Part:
        name, kind, parameters = self.sources[number]
        source = resolve(scope, parameters, kind, NUMERIC if kind != "terms" else NUMERIC | {"keyword", "ip"})
        found, values = source.values(scope)
        positions = np.arange(len(scope.rows)) if found is None else found
        codes: Ints
        keys: Sequence[Any]
        if kind == "date_histogram":
            codes, starts = rounded_codes(rounder(make_rounding(parameters, name)), values.astype(np.int64))
            keys = starts.tolist()
        elif kind == "histogram":
            interval = float(parameters.get("interval", 0))
            if interval <= 0:
                raise illegal("[interval] must be greater than 0 for [histogram] source")
            codes, index = compact(np.floor(values / interval).astype(np.int64))
            keys = (index * interval).tolist()
        elif source.kind in ("keyword", "ip"):
            codes, keys = values.astype(np.int64), source.keys
        else:
            distinct, codes = np.unique(values, return_inverse=True)
            keys = distinct.tolist()
        descending = str(parameters.get("order", "asc")).lower() == "desc"
        missing = _MISSING_ORDERS[str(parameters.get("missing_order", "default")).lower()]
        places = len(keys) - 1 - codes if descending else codes
        part = _Part(
            name=name,
            format=source.format if parameters.get("format") is not None or source.kind not in ("date",) else RAW,
            descending=descending,
            missing=missing,
            positions=positions,
            ranks=2 * (places + 1),
            keys=keys,
            single=source.single,
        )
        if parameters.get("missing_bucket"):
            self._add_missing(part, len(scope.rows))
        if self.after is not None:
            try:
                part.after = self._after_rank(part, source, kind, self.after[name], scope, bool(parameters.get("missing_bucket")))
            except ElasticsearchException as error:
                if error.type != "number_format_exception":
                    raise
                reason = f"incompatible value in the position {number}: {error.reason}"
                raise ElasticsearchException(
                    "parse_exception",
                    f"Cannot set after key in the composite aggregation [{self.name}] - {reason}",
                    illegal(reason, error),
                    status=400,
                ) from None
        return part

    @staticmethod
    def _missing_rank(part: _Part) -> int:
        first = part.missing is MissingOrder.FIRST or (part.missing is MissingOrder.DEFAULT and not part.descending)
        return 0 if first else 2 * (len(part.keys) + 1)

    def _add_missing(self, part: _Part, rows: int) -> None:
        absent = np.ones(rows, np.bool_)
        absent[part.positions] = False
        added = np.flatnonzero(absent)
        positions = np.concatenate((part.positions, added))
        ranks = np.concatenate((part.ranks, np.full(len(added), self._missing_rank(part), np.int64)))
        order = np.argsort(positions, kind="stable")
        part.positions, part.ranks = positions[order], ranks[order]

    def _after_rank(self, part: _Part, source: Source, kind: str, value: Any, scope: Scope, missing_bucket: bool) -> int:
        """The rank of the ``after`` value, odd where no document here has it."""
        if value is None:
            if not missing_bucket:
                raise illegal(f"Null value for [{part.name}] in [after] without [missing_bucket]")
            return self._missing_rank(part)
        wanted: Any
        if kind == "histogram":
            wanted = float(value)
        elif source.kind == "keyword":
            wanted = str(value).encode("utf-8", "surrogatepass")
        else:
            wanted = parse_value(source, value, scope.shard.now_millis)
        place = bisect.bisect_left(part.keys, wanted)
        is_there = place < len(part.keys) and part.keys[place] == wanted
        if is_there:
            return 2 * ((len(part.keys) - 1 - place if part.descending else place) + 1)
        return 2 * (len(part.keys) - place if part.descending else place) + 1


def _combinations(parts: list[_Part], rows: int) -> tuple[Ints, list[Ints]]:
    """Every combination of the values of each row: the rows, and a column of ranks per source."""
    positions = np.arange(rows)
    columns: list[Ints] = []
    for part in parts:
        counts = np.bincount(part.positions, minlength=rows)
        starts = np.cumsum(counts) - counts
        repeats = counts[positions]
        if len(repeats) and int(repeats.min()) == 1 and int(repeats.max()) == 1:
            columns.append(part.ranks[starts[positions]])
            continue
        place = np.repeat(np.arange(len(positions)), repeats)
        within = np.arange(len(place)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        ranks = part.ranks[starts[positions[place]] + within]
        columns = [column[place] for column in columns]
        positions = positions[place]
        columns.append(ranks)
    return positions, columns


def _after(parts: list[_Part], ranks: list[Ints]) -> Ints:
    """The places of the combinations that come after the ``after`` key."""
    greater = np.zeros(len(ranks[0]), np.bool_)
    equal = np.ones(len(ranks[0]), np.bool_)
    for part, column in zip(parts, ranks, strict=True):
        after = part.after if part.after is not None else -1
        greater |= equal & (column > after)
        equal &= column == after
    return np.flatnonzero(greater)


def _combined(parts: list[_Part], ranks: list[Ints]) -> tuple[Ints, list[Ints]]:
    """One code for each combination, in the order of the combinations."""
    codes = np.zeros(len(ranks[0]), np.int64)
    size = 1
    for part, column in zip(parts, ranks, strict=True):
        radix = len(part.keys) + 2
        if size * radix >= 1 << 62:
            distinct, codes = np.unique(codes, return_inverse=True)
            size = len(distinct)
        codes = codes * radix + column // 2
        size *= radix
    return codes, ranks
