"""The frequency of a sloppy phrase in one document, as Lucene counts it: each match adds 1 / (1 + distance)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

Entry = tuple[int, int, int]
"""(position less the place in the phrase, place, number of the term): what Lucene's queue orders by."""


def sloppy_frequency(
    positions: Sequence[Sequence[int]], places: Sequence[int], terms: Sequence[tuple[int, ...]], slop: int
) -> np.float32:
    """``positions[k]`` are the ascending positions, less ``places[k]``, of the phrase's k-th term in one document; ``terms[k]`` tells
    equal terms apart from different ones."""
    cursor = [0] * len(positions)
    twins = [
        [other for other in range(len(terms)) if other != one and set(terms[other]) & set(terms[one])]
        for one in range(len(terms))
    ]
    if not _spread(cursor, positions, places, twins):
        return np.float32(0)
    queue: list[Entry] = [(positions[k][cursor[k]], places[k], k) for k in range(len(positions))]
    heapq.heapify(queue)
    end = max(entry[0] for entry in queue)
    frequency = np.float32(0)
    while True:
        _, place, lead = heapq.heappop(queue)
        length = end - positions[lead][cursor[lead]]
        following = queue[0][0] if queue else None
        ended = True
        while _advance(lead, cursor, positions, places, twins):
            here = positions[lead][cursor[lead]]
            end = max(end, here)
            if following is not None and here > following:
                ended = False
                break
            length = min(length, end - here)
        if length <= slop:
            frequency += np.float32(1) / np.float32(1 + length)
        if ended:
            return frequency
        heapq.heappush(queue, (positions[lead][cursor[lead]], place, lead))


def _advance(
    lead: int, cursor: list[int], positions: Sequence[Sequence[int]], places: Sequence[int], twins: Sequence[Sequence[int]]
) -> bool:
    """Moves one term on, over positions that an equal term of the phrase stands on; False at the end."""
    while True:
        cursor[lead] += 1
        if cursor[lead] >= len(positions[lead]):
            return False
        actual = positions[lead][cursor[lead]] + places[lead]
        if all(positions[twin][cursor[twin]] + places[twin] != actual for twin in twins[lead]):
            return True


def _spread(cursor: list[int], positions: Sequence[Sequence[int]], places: Sequence[int], twins: Sequence[Sequence[int]]) -> bool:
    """Puts equal terms of the phrase on different positions to start with; False when there are too few."""
    for k in range(len(positions)):
        taken = {positions[twin][cursor[twin]] + places[twin] for twin in twins[k] if twin < k}
        while cursor[k] < len(positions[k]) and positions[k][cursor[k]] + places[k] in taken:
            cursor[k] += 1
        if cursor[k] == len(positions[k]):
            return False
    return True
