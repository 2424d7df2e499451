"""HyperLogLog++ and t-digest against Elasticsearch's own classes: hashes, sketches bit by bit, estimates, quantiles."""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.messages.aggregations.results.sketches import HyperLogLogPlusPlus
from protocol.sketches import hyperloglog, tdigest
from protocol.versions import V_8_19
from tests.vectors import read_lines

HLL = read_lines("engine/hyperloglog.jsonl.gz")
DIGESTS = read_lines("engine/tdigest.jsonl.gz")
PERCENTS = (0, 1, 5, 25, 50, 75, 95, 99, 99.9, 100)
VALUES = (-5, 0, 0.5, 10, 50, 100, 250, 900, 5000)


def test_hashes() -> None:
    (line,) = (line for line in HLL if "mix64" in line)
    numbers = np.array([value for value, _ in line["mix64"]], np.int64)
    assert hyperloglog.hash_longs(numbers).view(np.int64).tolist() == [expected for _, expected in line["mix64"]]
    texts = [text.encode() for text, _ in line["murmur"]]
    assert hyperloglog.hash_bytes(texts).view(np.int64).tolist() == [expected for _, expected in line["murmur"]]


def test_precisions() -> None:
    lines = [line for line in HLL if "threshold" in line]
    assert [hyperloglog.precision_from_threshold(line["threshold"]) for line in lines] == [line["precision"] for line in lines]


def _checksum(counts: HyperLogLogPlusPlus) -> int:
    if counts.registers is None:
        return zlib.crc32(struct.pack(f">{len(counts.hashes)}i", *sorted(counts.hashes)))
    return zlib.crc32(bytes([counts.precision, 1]) + counts.registers)


def test_sketches_and_estimates() -> None:
    for line in HLL:
        if "precision_of" in line:
            hashes = hyperloglog.hash_longs(np.arange(line["n"], dtype=np.int64) * 3)
            counts = hyperloglog.sketch(hashes, line["precision_of"])
            found = (counts.registers is not None, _checksum(counts), hyperloglog.estimate(counts))
            assert found == (line["registers"], line["crc"], line["estimate"]), line


def test_merged_estimates() -> None:
    for line in HLL:
        if "merge" in line:
            half = line["merge"] // 2
            first = hyperloglog.sketch(hyperloglog.hash_longs(np.arange(line["merge"], dtype=np.int64)), 14)
            second = hyperloglog.sketch(hyperloglog.hash_longs(np.arange(half, line["merge"] + 2000, dtype=np.int64)), 14)
            assert hyperloglog.estimate(hyperloglog.merge([first, second])) == line["estimate"]


def _values(size: int, shape: int) -> NDArray[np.float64]:
    """The numbers that the vectors were made of: a linear congruential generator in three shapes."""
    values = np.zeros(size)
    state = 12345 + shape
    for place in range(size):
        state = (state * 1103515245 + 12345) % 2147483648
        fraction = state / 2147483648.0
        values[place] = (math.floor(fraction * 100000) / 100.0, math.floor(fraction * 20), place * 0.25)[shape]
    return values


@pytest.mark.parametrize("shape", range(3))
def test_digests(shape: int) -> None:
    wrong: list[Any] = []
    for line in DIGESTS:
        if line["shape"] != shape:
            continue
        values = _values(line["n"], shape)
        if line["kind"] == "one":
            state = tdigest.digest(values, line["compression"])
        else:
            state = tdigest.merge([tdigest.digest(values[part::3], line["compression"]) for part in range(3)])
        quantiles = [tdigest.quantile(state, percent / 100) for percent in PERCENTS]
        ranks = [tdigest.cdf(state, value) for value in VALUES]
        found = [[None if math.isnan(number) else number for number in numbers] for numbers in (quantiles, ranks)]
        if (zlib.crc32(state.encode(V_8_19)), *found) != (line["crc"], line["quantiles"], line["cdf"]):
            wrong.append(line)
    assert not wrong


def test_high_accuracy_digest_is_near() -> None:
    values = _values(20000, 0)
    state = tdigest.digest(values, 100.0, "AVL_TREE")
    assert state.size == 20000
    assert len(state.centroids) < 1000
    for percent in (1, 25, 50, 99):
        assert tdigest.quantile(state, percent / 100) == pytest.approx(np.percentile(values, percent), rel=0.01)
