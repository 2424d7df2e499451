"""The filters of rare terms: those of Elasticsearch's own classes, and laws."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from gateway.backends.memory.aggregations import cuckoo
from gateway.backends.memory.aggregations.rare import term_hashes
from protocol.messages.aggregations.results.cuckoo import CuckooFilter, SetBackedScalingCuckooFilter
from tests.vectors import read_lines

MANY = 12_000


def hashes(count: int, start: int = 0) -> list[int]:
    return term_hashes(range(start, start + count))


def entries(made: CuckooFilter) -> np.ndarray[Any, Any]:
    """int64[buckets, entries]: the fingerprints, sorted within each bucket, which Elasticsearch fills in the order of a hash set."""
    bits = np.unpackbits(np.array(made.blocks, ">i8").view(np.uint8))[: made.value_count * made.bits_per_value]
    values = bits.reshape(-1, made.bits_per_value) @ (1 << np.arange(made.bits_per_value, dtype=np.int64)[::-1])
    return np.sort(values.reshape(made.num_buckets, made.entries_per_bucket), axis=1)


def digest(made: CuckooFilter) -> str:
    return hashlib.sha256(entries(made).astype("<i8").tobytes()).hexdigest()


@pytest.mark.parametrize("line", read_lines("engine/rare_filters.jsonl"), ids=lambda line: f"{line['precision']}-{line['count']}")
def test_filters_are_those_of_elasticsearch(line: dict[str, Any]) -> None:
    (made,) = cuckoo.filter_of(hashes(line["count"]), line["precision"]).filters
    expected = dict(line["filter"])
    assert len(made.blocks) == expected.pop("blocks")
    assert digest(made) == expected.pop("digest")
    assert {name: getattr(made, name) for name in expected} == expected


def test_a_few_are_kept_as_they_are() -> None:
    made = cuckoo.filter_of(hashes(cuckoo.THRESHOLD), 0.001)
    assert made.is_set_mode
    assert set(made.hashes) == set(hashes(cuckoo.THRESHOLD))
    assert cuckoo.contains(made, hashes(3, start=cuckoo.THRESHOLD - 1)) == [True, False, False]


@pytest.mark.parametrize("parts", [[(0, MANY)], [(0, 6_000), (6_000, 6_000)], [(0, 10), (10, MANY)], [(0, MANY), (500, MANY)]])
def test_merged_filters_know_all(parts: list[tuple[int, int]]) -> None:
    made = cuckoo.merged([cuckoo.filter_of(hashes(count, start), 0.001) for start, count in parts])
    assert not made.is_set_mode
    end = max(start + count for start, count in parts)
    assert all(cuckoo.contains(made, hashes(end)))
    assert sum(cuckoo.contains(made, hashes(20_000, start=end))) < 100


def test_a_merged_filter_is_the_filter_of_all() -> None:
    made = cuckoo.merged([cuckoo.filter_of(hashes(MANY), 0.001), cuckoo.filter_of(hashes(MANY, 500), 0.001)])
    (ours,) = made.filters
    (whole,) = cuckoo.filter_of(hashes(MANY + 500), 0.001).filters
    # Where a fingerprint seems to be there it is not put in again.
    assert np.count_nonzero(entries(ours) != entries(whole)) < 20


def test_a_full_filter_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuckoo, "CAPACITY", 1_000)
    monkeypatch.setattr(cuckoo, "THRESHOLD", 100)
    made = cuckoo.filter_of(hashes(5_000), 0.001)
    assert len(made.filters) > 1
    assert all(cuckoo.contains(made, hashes(5_000)))
    again = cuckoo.merged([made, cuckoo.filter_of(hashes(3_000, 5_000), 0.001)])
    known = cuckoo.contains(again, hashes(8_000))
    assert sum(known) == 8_000


def test_a_set_past_the_threshold_is_no_set() -> None:
    held = SetBackedScalingCuckooFilter(fpp=0.001, hashes=hashes(9_000))
    assert cuckoo.merged([held, held]).is_set_mode
    assert not cuckoo.merged([held], hashes(2_000, 9_000)).is_set_mode
