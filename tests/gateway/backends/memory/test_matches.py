"""Matches in each form that they come in, and what is made of them, against sets of rows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from gateway.backends.memory.columns import Column, RowTest, number_column, term_column
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries.nodes import ONE, Bool, Names, Node, disjunction

_SIZE = 400


class _Given(Node):
    """A query whose matches are given."""

    def __init__(self, found: Matches) -> None:
        self.found = found

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        return self.found


def _rows(chance: random.Random) -> list[int]:
    match chance.randrange(5):
        case 0:
            first = chance.randrange(_SIZE)
            return list(range(first, min(_SIZE, first + chance.randrange(300))))
        case 1:
            return []
        case 2:
            return sorted(chance.sample(range(_SIZE), chance.randrange(1, 12)))
        case _:
            return sorted(chance.sample(range(_SIZE), chance.randrange(1, _SIZE)))


def _forms(rows: list[int], chance: random.Random) -> list[Matches]:
    listed = np.array(rows, np.int32)
    mask = np.zeros(_SIZE, np.bool_)
    mask[listed] = True
    test = RowTest(mask.copy, lambda some: mask[some])
    scores = (listed % 7 + 1).astype(np.float32)
    order = np.array(chance.sample(range(len(rows)), len(rows)), np.int64)
    return [
        Matches(_SIZE, rows=listed),
        Matches(_SIZE, mask=mask),
        Matches(_SIZE, test=test),
        Matches(_SIZE, rows=listed, test=test),
        Matches(_SIZE, rows=listed, scores=scores),
        Matches(_SIZE, rows=listed[order], scores=scores[order], in_order=False),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_every_form_says_the_same(seed: int) -> None:
    chance = random.Random(seed)
    rows, some = _rows(chance), np.array(_rows(chance), np.int32)
    other = Matches(_SIZE, rows=np.array(_rows(chance), np.int32))
    both = [row for row in rows if row in set(other.rows.tolist())]
    for place in range(6):
        fresh = _forms(rows, chance)[place]
        assert fresh.at(some).tolist() == [row in set(rows) for row in some.tolist()]
        fresh = _forms(rows, chance)[place]
        assert fresh.where(other).rows.tolist() == both
        assert other.where(fresh).rows.tolist() == both
        assert len(fresh) == len(rows)
        fresh = _forms(rows, chance)[place]
        assert np.flatnonzero(fresh.mask).tolist() == rows
        assert fresh.rows.tolist() == rows
        if fresh.constant is None:
            assert fresh.scores.tolist() == [row % 7 + 1 for row in rows]
            assert fresh.scores_at(other.where(fresh).rows).tolist() == [row % 7 + 1 for row in both]
        fresh = _forms(rows, chance)[place]
        assert fresh.constantly(3.0).rows.tolist() == rows
        assert fresh.with_names({}).rows.tolist() == rows


@pytest.mark.parametrize("seed", range(60))
def test_a_bool_query_is_the_sets(seed: int) -> None:
    chance = random.Random(seed)
    sets = [_rows(chance) for _ in range(chance.randrange(1, 5))]
    excluded = [_rows(chance) for _ in range(chance.randrange(3))]
    nodes = [[_Given(chance.choice(_forms(rows, chance))) for rows in each] for each in (sets, excluded)]
    query = Bool(_SIZE, filters=list[Node](nodes[0]), must_not=list[Node](nodes[1]))
    wanted = set(sets[0]).intersection(*sets).difference(*excluded)
    assert query.matches(ONE, False, {}).rows.tolist() == sorted(wanted)


@pytest.mark.parametrize("seed", range(60))
def test_a_disjunction_adds_scores(seed: int) -> None:
    chance = random.Random(seed)
    sets = [_rows(chance) for _ in range(chance.randrange(2, 5))]
    minimum = chance.randrange(1, len(sets) + 1)
    parts = [_forms(rows, chance)[chance.choice((0, 3, 4, 5))] for rows in sets]
    weights = [
        [1.0] * len(rows) if part.constant else [row % 7 + 1 for row in rows] for rows, part in zip(sets, parts, strict=True)
    ]
    expected: dict[int, list[float]] = {}
    for rows, scores in zip(sets, weights, strict=True):
        for row, score in zip(rows, scores, strict=True):
            expected.setdefault(row, []).append(score)
    found = disjunction(_SIZE, parts, True, minimum)
    wanted = {row: sum(scores) for row, scores in expected.items() if len(scores) >= minimum}
    loose_rows, loose_scores = found.in_any_order()
    assert dict(zip(loose_rows.tolist(), loose_scores.tolist(), strict=True)) == wanted
    assert found.rows.tolist() == sorted(wanted)
    assert found.scores.tolist() == [wanted[row] for row in sorted(wanted)]


def _columns(chance: random.Random) -> list[Column]:
    made = []
    for most, every in ((1, 1.0), (1, 0.7), (3, 0.7)):
        docs, values = [], []
        for row in range(_SIZE):
            for _ in range(chance.randrange(1, most + 1) if chance.random() < every else 0):
                docs.append(row)
                values.append(chance.randrange(12))
        numbers: Any = np.array(values, np.int32)
        made.append(term_column(_SIZE, np.array(docs, np.int32), numbers, [f"{term:02}" for term in range(12)]))
        made.append(number_column(_SIZE, np.array(docs, np.int32), numbers.astype(np.int64)))
    return made


@pytest.mark.parametrize(
    "ordinals", [[], [3], [1, 5, 11], list(range(0, 12, 1)), range(2, 6), [0, 1, 2, 3, 5, 6, 7, 8, 9]], ids=str
)
def test_a_column_tells_rows_one_by_one_as_it_does_all(ordinals: Any) -> None:
    chance = random.Random(1)
    for column in _columns(chance):
        held = {row for row, value in zip(column.docs.tolist(), column.values.tolist(), strict=True) if value in ordinals}
        if column.by_ordinal:
            test = column.any_test(ordinals)
            assert np.flatnonzero(column.any_of(ordinals)).tolist() == sorted(held)
        else:
            test = column.test(lambda values: np.isin(values, list(ordinals)))
        assert np.flatnonzero(test.whole()).tolist() == sorted(held)
        some = np.array(sorted(chance.sample(range(_SIZE), 90)), np.int32)
        assert test.at(some).tolist() == [row in held for row in some.tolist()]
