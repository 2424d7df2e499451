"""The t-digest variants of Elasticsearch, of which the state that travels has the same centroids as a real node's.

HYBRID, the default, keeps all values, sorted, until there would be 20 times the compression of them, and then turns into a MERGING digest
(``HybridDigest``). AVL_TREE, the ``high_accuracy`` hint, picks at random between equally near centroids, so no two nodes agree on
its centroids; here it is made from the sorted values under the same bound on a centroid's weight.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from protocol.messages.aggregations.results.sketches import TDigestState

Centroids = list[tuple[float, int]]
Floats = NDArray[np.float64]

_UNITS = 20
"""How many values per unit of compression a hybrid digest sorts before it merges."""


def digest(values: Floats, compression: float, kind: str = "HYBRID", *, compress: bool = True) -> TDigestState:
    """The state after all values were added in this order; ``compress`` as results of percentiles do when they are made."""
    if kind == "AVL_TREE":
        return _state(compression, kind, _cluster([(value, 1) for value in np.sort(values).tolist()], compression))
    if kind == "SORTING" or len(values) < _sorting_limit(compression):
        return _state(compression, kind, [(value, 1) for value in np.sort(values).tolist()])
    merging = Merging(compression)
    merging.add_all(values.tolist())
    if compress:
        merging.compress()
    return _state(compression, kind, merging.centroids())


def merge(states: Iterable[TDigestState], *, compress: bool = True) -> TDigestState:
    """The state of all values of several states, of which at least one is needed; it has the kind and compression of the first."""
    parts = list(states)
    compression, kind = parts[0].compression, parts[0].type
    if kind == "AVL_TREE":
        return _state(compression, kind, _cluster(sorted(entry for part in parts for entry in part.centroids), compression))
    plain: list[float] | None = []
    merging = Merging(compression)
    for part in parts:
        if plain is not None and kind != "SORTING" and len(plain) + part.size >= _sorting_limit(compression):
            merging.add_all(plain)
            plain = None
        if plain is not None:
            plain += [mean for mean, count in part.centroids for _ in range(count)]
        else:
            for mean, count in part.centroids:
                merging.add(mean, count)
    if plain is not None:
        return _state(compression, kind, [(value, 1) for value in sorted(plain)])
    if compress:
        merging.compress()
    return _state(compression, kind, merging.centroids())


def quantile(state: TDigestState, fraction: float) -> float:
    """The value below which that fraction of the values lies; NaN where there are none."""
    if _is_sorted_form(state):
        return _sorted_quantile(_expanded(state), fraction)
    return _centroid_quantile(_merged(state), fraction, state.type == "AVL_TREE")


def median_absolute_deviation(state: TDigestState) -> float:
    """The median of the distances from the median; NaN where there are no values."""
    if not state.size:
        return math.nan
    if _is_sorted_form(state):
        values = _expanded(state)
        median = _sorted_quantile(values, 0.5)
        return _sorted_quantile(sorted(abs(median - value) for value in values), 0.5)
    is_tree = state.type == "AVL_TREE"
    median = _centroid_quantile(state.centroids, 0.5, is_tree)
    distances = [(abs(median - mean), weight) for mean, weight in state.centroids]
    if is_tree:
        return _centroid_quantile(sorted(distances), 0.5, is_tree)
    plain: list[float] | None = []
    merging = Merging(state.compression)
    for distance, weight in distances:
        # A hybrid digest takes weights apart as long as it sorts.
        if plain is not None and len(plain) + weight >= _sorting_limit(state.compression):
            merging.add_all(plain)
            plain = None
        if plain is not None:
            plain += [distance] * weight
        else:
            merging.add(distance, weight)
    return _sorted_quantile(sorted(plain), 0.5) if plain is not None else _centroid_quantile(merging.exact(), 0.5, False)


def cdf(state: TDigestState, value: float) -> float:
    """The fraction of the values that lies below the value; NaN where there are none."""
    if _is_sorted_form(state):
        return _cdf([(mean, 1) for mean in _expanded(state)], value)
    return _cdf(_merged(state), value)


def _state(compression: float, kind: str, centroids: Centroids) -> TDigestState:
    return TDigestState(compression=compression, type=kind, size=sum(count for _, count in centroids), centroids=centroids)


def _sorting_limit(compression: float) -> int:
    return math.floor(compression + 0.5) * _UNITS


def _is_sorted_form(state: TDigestState) -> bool:
    return state.type == "SORTING" or (state.type == "HYBRID" and state.size < _sorting_limit(state.compression))


def _expanded(state: TDigestState) -> list[float]:
    return sorted(mean for mean, count in state.centroids for _ in range(count))


def _merged(state: TDigestState) -> Centroids:
    if state.type == "AVL_TREE":
        return state.centroids
    merging = Merging(state.compression)
    for mean, count in state.centroids:
        merging.add(mean, count)
    return merging.exact()


class Merging:
    """A merging digest with the K2 scale: values gather in a buffer, which is sorted into the centroids when it is full."""

    def __init__(self, compression: float) -> None:
        self._public = max(compression, 10.0)
        room = int(self._public + 10)
        buffer = 5 * room
        scale = max(1.0, buffer // room - 1)
        self._compression = math.sqrt(scale) * self._public
        if room < self._compression + 10:
            room = math.ceil(self._compression + 10)
        self._room = room
        self._buffer = max(buffer, 2 * room)
        self._means: list[float] = []
        self._weights: list[int] = []
        self._new_means: list[float] = []
        self._new_weights: list[int] = []
        self._total = 0
        self._merges = 0

    def add(self, value: float, weight: int) -> None:
        if len(self._new_means) >= self._buffer - len(self._means) - 1:
            self._merge(self._compression)
        self._new_means.append(value)
        self._new_weights.append(weight)

    def add_all(self, values: list[float]) -> None:
        """Add values of weight 1."""
        position = 0
        while position < len(values):
            room = self._buffer - len(self._means) - 1 - len(self._new_means)
            if room <= 0:
                self._merge(self._compression)
                continue
            part = values[position : position + room]
            self._new_means += part
            self._new_weights += [1] * len(part)
            position += len(part)

    def compress(self) -> None:
        self._merge(self._public)

    def centroids(self) -> Centroids:
        """The centroids; a mean goes through the same arithmetic as in a ``Centroid`` that is made of it, which may cost its last bit."""
        self._merge(self._compression)
        return [(weight * mean / weight, weight) for mean, weight in zip(self._means, self._weights, strict=True)]

    def exact(self) -> Centroids:
        """The centroids as they are."""
        self._merge(self._compression)
        return list(zip(self._means, self._weights, strict=True))

    def _merge(self, compression: float) -> None:
        if not self._new_means:
            return
        # Every other merge runs from the top, so that neither end is favoured.
        backwards = self._merges % 2 == 1
        self._merges += 1
        means = self._new_means + self._means
        weights = self._new_weights + self._weights
        order = sorted(range(len(means)), key=means.__getitem__)
        if backwards:
            order.reverse()
        self._total += sum(self._new_weights)
        self._new_means, self._new_weights = [], []
        self._means, self._weights = self._merge_sorted(means, weights, order, compression)
        if backwards:
            self._means.reverse()
            self._weights.reverse()

    def _merge_sorted(
        self, means: list[float], weights: list[int], order: list[int], compression: float
    ) -> tuple[list[float], list[int]]:
        total = float(self._total)
        normalizer = compression / (4 * math.log(total / compression) + 24)
        room = self._room
        mean, weight = means[order[0]], weights[order[0]]
        out_means: list[float] = []
        out_weights: list[int] = []
        last = len(order) - 1
        so_far = 0
        bound = 0.0
        for position in range(1, last + 1):
            index = order[position]
            proposed = weight + weights[index]
            after = (so_far + proposed) / total
            share = after * (1 - after) / normalizer
            fits = position != 1 and position != last and proposed <= total * (bound if bound < share else share)
            if fits or len(out_means) == room - 1:
                weight = proposed
                mean += (means[index] - mean) * weights[index] / weight
            else:
                so_far += weight
                out_means.append(mean)
                out_weights.append(weight)
                mean, weight = means[index], weights[index]
                before = so_far / total
                bound = before * (1 - before) / normalizer
        out_means.append(mean)
        out_weights.append(weight)
        return out_means, out_weights


def _cluster(entries: Centroids, compression: float) -> Centroids:
    """Join neighbours of a sorted list while a centroid stays within the bound of the AVL digest, 4 n q (1 - q) / compression."""
    total = sum(count for _, count in entries)
    out: Centroids = []
    so_far = 0
    for mean, count in entries:
        if out:
            held_mean, held = out[-1]
            fraction = (so_far - held + (held + count) / 2) / total
            if held + count <= 4 * total * fraction * (1 - fraction) / compression:
                joined = held + count
                out[-1] = (held_mean + (mean - held_mean) * count / joined, joined)
                so_far += count
                continue
        out.append((mean, count))
        so_far += count
    return out


def _sorted_quantile(values: list[float], fraction: float) -> float:
    if not values:
        return math.nan
    index = fraction * (len(values) - 1)
    low = math.floor(index)
    if index <= 0:
        return values[0]
    if index >= len(values) - 1:
        return values[-1]
    return values[low] + (index - low) * (values[low + 1] - values[low])


def _weighted(low: float, low_weight: float, high: float, high_weight: float) -> float:
    if low > high:
        low, low_weight, high, high_weight = high, high_weight, low, low_weight
    return max(low, min((low * low_weight + high * high_weight) / (low_weight + high_weight), high))


def _centroid_quantile(centroids: Centroids, fraction: float, is_tree: bool) -> float:
    if not centroids:
        return math.nan
    least, greatest = centroids[0][0], centroids[-1][0]
    if len(centroids) == 1:
        return least
    total = sum(count for _, count in centroids)
    index = fraction * total
    if index >= total:
        return greatest
    if is_tree and index <= 0:
        return least
    first, last = centroids[0][1], centroids[-1][1]
    so_far = first / 2
    if first > 1 and (index <= so_far if is_tree else index < so_far):
        return _weighted(least, so_far - index, centroids[0][0], index)
    if not is_tree and last > 1 and total - index <= last / 2:
        return greatest - (total - index - 1) / (last / 2 - 1) * (greatest - centroids[-1][0])
    for (mean, count), (next_mean, next_count) in itertools.pairwise(centroids):
        step = (count + next_count) / 2
        if so_far + step > index:
            return _weighted(mean, so_far + step - index, next_mean, index - so_far)
        so_far += step
    right = index - so_far
    left = last / 2 - right
    return _weighted(centroids[-1][0], left, greatest, right) if is_tree else _weighted(centroids[-1][0], right, greatest, left)


def _between(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)


def _cdf(centroids: Centroids, value: float) -> float:
    if not centroids:
        return math.nan
    least, greatest = centroids[0][0], centroids[-1][0]
    if value < least:
        return 0.0
    if value > greatest:
        return 1.0
    if len(centroids) == 1:
        return 0.5
    total = sum(count for _, count in centroids)
    if value == least:
        return sum(count for mean, count in centroids if mean == value) / 2 / total
    if value == greatest:
        return (total - sum(count for mean, count in centroids if mean == value) / 2) / total
    left = (centroids[1][0] - least) / 2
    so_far = 0
    for (mean, count), (next_mean, _) in itertools.pairwise(centroids):
        right = (next_mean - mean) / 2
        if value < mean + right:
            return max((so_far + count * _between(value, mean - left, mean + right)) / total, 0.0)
        so_far += count
        left = right
    mean, count = centroids[-1]
    if value < mean + left:
        return (so_far + count * _between(value, mean - left, mean + left)) / total
    return 1.0
