"""Metrics: numbers computed over all rows of each bucket at once."""

from __future__ import annotations

import itertools
import math
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import Aggregator, Ints, Results, Scope, count, illegal
from gateway.backends.memory.aggregations.sources import ANY, NUMERIC, Source, resolve
from gateway.backends.memory.columns import Column
from protocol.messages.aggregations.results import metrics as results
from protocol.messages.aggregations.results.sketches import TDigestState
from protocol.sketches import hyperloglog, tdigest

Floats = NDArray[np.float64]


def sums(values: NDArray[Any], owners: Ints | None, size: int) -> Floats:
    """The sum of each bucket's values, as good as a compensated one (Elasticsearch sums by Kahan's method).

    The values are split at a bit so high that the upper parts add up without rounding; what rounding is left is in the lower parts.
    """
    if values.dtype.kind != "f":
        if len(values) == 0 or max(-int(values.min()), int(values.max())) < (1 << 53) // max(len(values), 1):
            return _plain_sums(values.astype(np.float64), owners, size)
        values = values.astype(np.float64)
    parts = _parts(values)
    if parts is None:
        return _plain_sums(values, owners, size)
    return _plain_sums(parts[0], owners, size) + _plain_sums(parts[1], owners, size)


def _parts(values: Floats) -> tuple[Floats, Floats] | None:
    """The upper and the lower parts of numbers; None where they cannot be parted, or need not."""
    greatest = float(np.abs(values).max(initial=0.0))
    if not math.isfinite(greatest) or greatest == 0.0 or greatest > 1e290:
        return None
    grid = 2.0 ** (math.frexp(greatest)[1] + max(len(values), 1).bit_length())
    upper = (values + grid) - grid
    return upper, values - upper


_column_parts: weakref.WeakKeyDictionary[Column, tuple[Floats, Floats] | None] = weakref.WeakKeyDictionary()
"""Per column of decimals: the parts of each row's value. What adds up without rounding over all of them does so over some."""


def _neighbours(source: Source, scope: Scope) -> tuple[Floats, Ints] | None:
    """The sum and the number of each bucket's values where the rows stand side by side and have a decimal at most; else None."""
    column = source.column
    if scope.span is None or not column.single or column.values.dtype.kind != "f" or source.missing is not None:
        return None
    if column not in _column_parts:
        _column_parts[column] = _parts(column.spread)
    parts = _column_parts[column]
    if parts is None:
        return None
    totals = _plain_sums(parts[0][scope.span], scope.owners, scope.size)
    totals += _plain_sums(parts[1][scope.span], scope.owners, scope.size)
    counts = scope.counts()
    if not column.dense:
        first, last = np.searchsorted(column.absent, np.array([scope.span.start, scope.span.stop], np.int32))
        absent = column.absent[first:last] - scope.span.start
        counts = counts - count(scope.owners_at(absent), len(absent), scope.size)
    return totals, counts


def _plain_sums(values: Floats, owners: Ints | None, size: int) -> Floats:
    if owners is None:
        return np.array([values.sum()], np.float64)
    return np.bincount(owners, values, minlength=size).astype(np.float64, copy=False)


def least(values: NDArray[Any], owners: Ints | None, size: int) -> Floats:
    """The least value of each bucket, infinity where there is none."""
    if owners is None:
        return np.array([float(values.min()) if len(values) else math.inf])
    found = np.full(size, math.inf)
    np.minimum.at(found, owners, values.astype(np.float64))
    return found


def greatest(values: NDArray[Any], owners: Ints | None, size: int) -> Floats:
    """The greatest value of each bucket, minus infinity where there is none."""
    if owners is None:
        return np.array([float(values.max()) if len(values) else -math.inf])
    found = np.full(size, -math.inf)
    np.maximum.at(found, owners, values.astype(np.float64))
    return found


class Metric(Aggregator):
    """A metric of one field."""

    kinds = NUMERIC

    def __init__(self, name: str, metadata: dict[str, Any] | None, kind: str, body: dict[str, Any]) -> None:
        super().__init__(name, metadata)
        self.kind = kind
        self.body = body

    def source(self, scope: Scope) -> tuple[Source, NDArray[Any], Ints | None]:
        """The field, its values in the scope, and their buckets."""
        source = resolve(scope, self.body, self.kind, self.kinds)
        positions, values = source.values(scope)
        return source, values, scope.owners_at(positions)

    def sums(self, scope: Scope) -> tuple[Source, list[float], list[int]]:
        """The field, and the sum and the number of each bucket's values."""
        source = resolve(scope, self.body, self.kind, self.kinds)
        found = _neighbours(source, scope)
        if found is None:
            positions, values = source.values(scope)
            owners = scope.owners_at(positions)
            found = sums(values, owners, scope.size), count(owners, len(values), scope.size)
        return source, found[0].tolist(), found[1].tolist()

    def common(self, source: Source) -> dict[str, Any]:
        return {"name": self.name, "metadata": self.metadata, "format": source.format}


class Avg(Metric):
    def collect(self, scope: Scope) -> Results:
        source, totals, counts = self.sums(scope)
        common = self.common(source)
        return [results.InternalAvg(**common, sum=total, count=number) for total, number in zip(totals, counts, strict=True)]


class Sum(Metric):
    def collect(self, scope: Scope) -> Results:
        source, totals, _ = self.sums(scope)
        common = self.common(source)
        return [results.InternalSum(**common, sum=total) for total in totals]


class Min(Metric):
    def collect(self, scope: Scope) -> Results:
        source, values, owners = self.source(scope)
        common = self.common(source)
        return [results.InternalMin(**common, min=value) for value in least(values, owners, scope.size).tolist()]


class Max(Metric):
    def collect(self, scope: Scope) -> Results:
        source, values, owners = self.source(scope)
        common = self.common(source)
        return [results.InternalMax(**common, max=value) for value in greatest(values, owners, scope.size).tolist()]


class Stats(Metric):
    def collect(self, scope: Scope) -> Results:
        source, values, owners = self.source(scope)
        common = self.common(source)
        return [
            results.InternalStats(**common, count=number, min=low, max=high, sum=total)
            for number, low, high, total in self.parts(values, owners, scope.size)
        ]

    @staticmethod
    def parts(values: NDArray[Any], owners: Ints | None, size: int) -> list[tuple[int, float, float, float]]:
        columns = (
            count(owners, len(values), size),
            least(values, owners, size),
            greatest(values, owners, size),
            sums(values, owners, size),
        )
        return list(zip(*(column.tolist() for column in columns), strict=True))


class ExtendedStats(Stats):
    def collect(self, scope: Scope) -> Results:
        sigma = float(self.body.get("sigma", 2.0))
        if sigma < 0:
            raise illegal(f"[sigma] must be greater than or equal to 0. Found [{sigma}] in [{self.name}]")
        source, values, owners = self.source(scope)
        common = self.common(source)
        squares = sums(values.astype(np.float64) ** 2, owners, scope.size).tolist()
        return [
            results.InternalExtendedStats(
                **common, count=number, min=low, max=high, sum=total, sum_of_squares=square, sigma=sigma
            )
            for (number, low, high, total), square in zip(self.parts(values, owners, scope.size), squares, strict=True)
        ]


class ValueCount(Metric):
    kinds = ANY

    def collect(self, scope: Scope) -> Results:
        _, values, owners = self.source(scope)
        counts = count(owners, len(values), scope.size).tolist()
        return [results.InternalValueCount(name=self.name, metadata=self.metadata, value=number) for number in counts]


class WeightedAvg(Metric):
    def collect(self, scope: Scope) -> Results:
        value_body, weight_body = self.body.get("value"), self.body.get("weight")
        if not isinstance(value_body, dict) or not isinstance(weight_body, dict):
            raise illegal(f"[{self.name}] needs [value] and [weight]")
        if self.body.get("format") is not None:
            value_body = {**value_body, "format": self.body["format"]}
        value, weight = (self._numbers(scope, body) for body in (value_body, weight_body))
        positions, values = value.values(scope)
        weights = self._weights(scope, weight)
        if positions is None:
            positions = np.arange(len(scope.rows))
        kept = ~np.isnan(weights[positions])
        positions, values = positions[kept], values[kept].astype(np.float64)
        factors, owners = weights[positions], scope.owners_at(positions)
        totals = sums(values * factors, owners, scope.size).tolist()
        heaviness = sums(factors, owners, scope.size).tolist()
        common = self.common(value)
        return [results.InternalWeightedAvg(**common, sum=a, weight=b) for a, b in zip(totals, heaviness, strict=True)]

    def _numbers(self, scope: Scope, body: dict[str, Any]) -> Source:
        unmapped = scope.shard.index.field(str(body.get("field"))) is None and body.get("field") != "_index"
        source = resolve(scope, body, self.kind, NUMERIC if unmapped else ANY)
        if source.kind not in NUMERIC:
            name = str(body["field"])
            kind = name if source.field is None else source.field.type
            raise illegal(f"Expected numeric type on field [{name}], but got [{kind}]")
        return source

    def _weights(self, scope: Scope, weight: Source) -> Floats:
        """The weight of every row, NaN where it has none (it then does not count)."""
        positions, values = weight.values(scope)
        if positions is None:
            return values.astype(np.float64)
        if np.any(positions[1:] == positions[:-1]):
            raise illegal(
                "Encountered more than one weight for a single document. Use a script to combine multiple weights-per-doc into a "
                "single value."
            )
        dense = np.full(len(scope.rows), np.nan)
        dense[positions] = values
        return dense


_hashes: weakref.WeakKeyDictionary[Column, hyperloglog.UInt64] = weakref.WeakKeyDictionary()
"""The hashes of a column's terms; they are the same for every request."""


def term_hashes(source: Source) -> hyperloglog.UInt64:
    """The hash of each term of a source."""
    found = _hashes.get(source.column)
    if found is None:
        found = _hashes[source.column] = hyperloglog.hash_bytes(source.keys)
    return found


class Cardinality(Metric):
    kinds = ANY

    def collect(self, scope: Scope) -> Results:
        threshold = self.body.get("precision_threshold")
        precision = hyperloglog.DEFAULT_PRECISION if threshold is None else hyperloglog.precision_from_threshold(int(threshold))
        source, values, owners = self.source(scope)
        if not len(values):
            return [self._result(None) for _ in range(scope.size)]
        if source.kind in ("keyword", "ip"):
            return self._of_terms(term_hashes(source), values, owners, scope.size, precision)
        hashes = hyperloglog.hash_doubles(values) if source.kind == "double" else hyperloglog.hash_longs(values.astype(np.int64))
        if owners is None:
            return [self._result(hyperloglog.sketch(hashes, precision))]
        order = np.argsort(owners, kind="stable")
        return self._split(hashes[order], owners[order], scope.size, precision)

    def _of_terms(
        self, hashes: hyperloglog.UInt64, ordinals: NDArray[Any], owners: Ints | None, size: int, precision: int
    ) -> Results:
        if owners is None:
            seen = np.flatnonzero(np.bincount(ordinals, minlength=len(hashes)))
            return [self._result(hyperloglog.sketch(hashes[seen], precision))]
        pairs = np.unique(owners * len(hashes) + ordinals)
        return self._split(hashes[pairs % len(hashes)], pairs // len(hashes), size, precision)

    def _split(self, hashes: hyperloglog.UInt64, owners: Ints, size: int, precision: int) -> Results:
        """Sketches of runs of hashes, sorted by bucket."""
        bounds = np.searchsorted(owners, np.arange(size + 1)).tolist()
        return [
            self._result(hyperloglog.sketch(hashes[start:end], precision) if end > start else None)
            for start, end in itertools.pairwise(bounds)
        ]

    def _result(self, counts: Any) -> results.InternalCardinality:
        return results.InternalCardinality(name=self.name, metadata=self.metadata, counts=counts)


class Percentiles(Metric):
    """percentiles and percentile_ranks, by t-digest."""

    def collect(self, scope: Scope) -> Results:
        keys = self._keys()
        if "hdr" in self.body:
            raise illegal(f"[hdr] of aggregation [{self.kind}] is not supported")
        compression, kind = digest_options(self.body.get("tdigest") or {})
        source, values, owners = self.source(scope)
        common = self.common(source) | {"keys": keys, "keyed": bool(self.body.get("keyed", True))}
        states: list[TDigestState | None]
        if not source.mapped:
            states = [None] * scope.size
        else:
            states = [digest if digest.size else None for digest in digests(values, owners, scope.size, compression, kind)]
        make = results.InternalTDigestPercentiles if self.kind == "percentiles" else results.InternalTDigestPercentileRanks
        return [make(**common, state=state) for state in states]

    def _keys(self) -> list[float]:
        name = "percents" if self.kind == "percentiles" else "values"
        given = self.body.get(name)
        if given is None and self.kind == "percentiles":
            return [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0]
        if not isinstance(given, list) or not given:
            raise illegal(f"[{name}] must not be an empty array: [{self.name}]")
        return sorted(float(value) for value in given)


def digest_options(options: dict[str, Any]) -> tuple[float, str]:
    """The compression and the kind of digest that ``tdigest`` asks for."""
    hint = str(options.get("execution_hint", "default"))
    if hint not in ("default", "high_accuracy", ""):
        raise illegal(f"Invalid execution_hint [{hint}], valid values are [default, high_accuracy]")
    compression = float(options.get("compression", 100.0))
    if compression < 0:
        raise illegal(f"[compression] must be greater than or equal to 0. Found [{compression}]")
    return compression, "AVL_TREE" if hint == "high_accuracy" else "HYBRID"


def digests(
    values: NDArray[Any], owners: Ints | None, size: int, compression: float, kind: str, *, compress: bool = True
) -> list[TDigestState]:
    """The digest of each bucket, its values added in the order of their rows."""
    numbers = values.astype(np.float64)
    if owners is None:
        return [tdigest.digest(numbers, compression, kind, compress=compress)]
    order = np.argsort(owners, kind="stable")
    numbers = numbers[order]
    bounds = np.searchsorted(owners[order], np.arange(size + 1)).tolist()
    return [tdigest.digest(numbers[start:end], compression, kind, compress=compress) for start, end in itertools.pairwise(bounds)]


class MedianAbsoluteDeviation(Metric):
    kinds = frozenset({"long", "double"})

    def collect(self, scope: Scope) -> Results:
        compression = float(self.body.get("compression", 1000.0))
        _, kind = digest_options({"execution_hint": self.body.get("execution_hint", "default")})
        source, values, owners = self.source(scope)
        return [
            results.InternalMedianAbsoluteDeviation(
                **self.common(source), values_sketch=state, median_absolute_deviation=tdigest.median_absolute_deviation(state)
            )
            for state in digests(values, owners, scope.size, compression, kind, compress=False)
        ]
