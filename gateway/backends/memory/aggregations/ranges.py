"""range, date_range and ip_range: buckets by bounds, which may overlap."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, illegal
from gateway.backends.memory.aggregations.sources import NUMERIC, Source, parse_value, resolve
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.aggregations.results.ranges import (
    BinaryRangeBucket,
    InternalBinaryRange,
    InternalDateRange,
    InternalRange,
    RangeBucket,
)

_IP = frozenset({"ip"})


class _RangeAggregator(Aggregator):
    """Finds the rows of each range by masks over the values."""

    def __init__(
        self, name: str, metadata: dict[str, Any] | None, kind: str, body: dict[str, Any], subs: Sequence[Aggregator]
    ) -> None:
        super().__init__(name, metadata, subs)
        self.kind = kind
        self.body = body
        ranges = body.get("ranges")
        if not isinstance(ranges, list) or not ranges:
            raise illegal(f"No [ranges] specified for the [{name}] aggregation")
        self.ranges: list[dict[str, Any]] = ranges
        self.keyed = bool(body.get("keyed", False))

    def _split(self, scope: Scope, source: Source, bounds: list[tuple[Any, Any]]) -> tuple[list[list[int]], list[list[Results]]]:
        """For each owner, the counts and the sub-results of each range; ``bounds`` are (from, to) over the column's values."""
        positions, values = source.values(scope)
        owners_of_values = scope.owners_at(positions)
        rows: list[NDArray[Any]] = []
        owners: list[Ints] = []
        counts = np.zeros((scope.size, len(bounds)), np.int64)
        for number, (low, high) in enumerate(bounds):
            inside = np.ones(len(values), np.bool_)
            if low is not None:
                inside &= values >= low
            if high is not None:
                inside &= values < high
            chosen = np.flatnonzero(inside)
            of_rows = chosen if positions is None else positions[chosen]
            if positions is not None and not source.single and len(of_rows):
                chosen = chosen[np.append(True, of_rows[1:] != of_rows[:-1])]
                of_rows = positions[chosen]
            if owners_of_values is None:
                counts[0, number] = len(chosen)
                owners.append(np.full(len(chosen), number, np.int64))
            else:
                of_owner = owners_of_values[chosen]
                counts[:, number] = np.bincount(of_owner, minlength=scope.size)
                owners.append(of_owner * len(bounds) + number)
            rows.append(of_rows)
        total = scope.size * len(bounds)
        scope.shard.limit.add(total)
        if self.subs:
            inner = scope.within(np.concatenate(rows), np.concatenate(owners), total)
            flat = self.collect_subs(inner)
        else:
            flat = [[] for _ in range(total)]
        size = len(bounds)
        return counts.tolist(), [flat[owner * size : (owner + 1) * size] for owner in range(scope.size)]


class Range(_RangeAggregator):
    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, self.kind, NUMERIC)
        ranges = [self._parsed(entry, source, scope) for entry in self.ranges]
        ranges.sort(key=lambda entry: (entry[1], entry[2]))
        bounds = [(None if math.isinf(low) else low, None if math.isinf(high) else high) for _, low, high in ranges]
        counts, subs = self._split(scope, source, bounds)
        kind = InternalDateRange if self.kind == "date_range" else InternalRange
        made: list[InternalAggregation] = []
        for owner in range(scope.size):
            buckets = [
                RangeBucket(key=key, from_=low, to=high, doc_count=number, aggregations=inner)
                for (key, low, high), number, inner in zip(ranges, counts[owner], subs[owner], strict=True)
            ]
            made.append(kind(name=self.name, metadata=self.metadata, format=source.format, keyed=self.keyed, ranges=buckets))
        return made

    def _parsed(self, entry: Any, source: Source, scope: Scope) -> tuple[str | None, float, float]:
        """The key and the bounds of one range."""
        if not isinstance(entry, dict):
            raise ElasticsearchException("parsing_exception", f"[{self.kind}] a range is an object, not [{entry}]", status=400)
        key = entry.get("key")
        low = self._bound(entry.get("from"), source, scope, -math.inf)
        high = self._bound(entry.get("to"), source, scope, math.inf)
        return None if key is None else str(key), low, high

    def _bound(self, value: Any, source: Source, scope: Scope, missing: float) -> float:
        if value is None:
            return missing
        if self.kind == "date_range" and source.kind != "date" and isinstance(value, str):
            source = Source("date", source.format, source.column, None)
        if isinstance(value, str) and source.kind != "date":
            return float(parse_value(Source("double", source.format, source.column, None), value, scope.shard.now_millis))
        if isinstance(value, str):
            return float(parse_value(source, value, scope.shard.now_millis))
        return float(value)


class IpRange(_RangeAggregator):
    def collect(self, scope: Scope) -> Results:
        source = resolve(scope, self.body, "ip_range", _IP)
        ranges = [self._parsed(entry, source, scope) for entry in self.ranges]
        ranges.sort(key=lambda entry: (entry[1] or b"", entry[2] or b"\xff" * 17))
        keys = source.column.keys
        bounds = [
            (None if low is None else bisect.bisect_left(keys, low), None if high is None else bisect.bisect_left(keys, high))
            for _, low, high in ranges
        ]
        counts, subs = self._split(scope, source, bounds)
        return [
            InternalBinaryRange(
                name=self.name,
                metadata=self.metadata,
                format=source.format,
                keyed=self.keyed,
                buckets=[
                    BinaryRangeBucket(key=key, from_=low, to=high, doc_count=number, aggregations=inner)
                    for (key, low, high), number, inner in zip(ranges, counts[owner], subs[owner], strict=True)
                ],
            )
            for owner in range(scope.size)
        ]

    def _parsed(self, entry: Any, source: Source, scope: Scope) -> tuple[str | None, bytes | None, bytes | None]:
        if not isinstance(entry, dict):
            raise ElasticsearchException("parsing_exception", f"[ip_range] a range is an object, not [{entry}]", status=400)
        key, low, high = entry.get("key"), entry.get("from"), entry.get("to")
        if entry.get("mask") is not None:
            try:
                network = ip_network(str(entry["mask"]), strict=False)
            except ValueError:
                raise illegal(f"Failed to parse mask: [{entry['mask']}]") from None
            key = entry["mask"] if key is None else key
            first, last = int(network[0]), int(network[-1])
            prefix = (0xFFFF << 32) if network.version == 4 else 0
            low_bytes = None if network.version == 6 and first == 0 else (prefix + first).to_bytes(16, "big")
            high_bytes = None if last == (1 << 128) - 1 else (prefix + last + 1).to_bytes(16, "big")
            return None if key is None else str(key), low_bytes, high_bytes
        now = scope.shard.now_millis
        return (
            None if key is None else str(key),
            None if low is None else parse_value(source, low, now),
            None if high is None else parse_value(source, high, now),
        )
