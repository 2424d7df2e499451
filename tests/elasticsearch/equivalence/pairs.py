"""Selecting cases so that every two values of different kinds meet in at least one: pairwise testing, deterministically."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations, product

Case = tuple[str, ...]


def pairwise(factors: Mapping[str, Sequence[str]], at_least: int = 0, seed: int = 1) -> list[Case]:
    """Cases with a value for each factor, in the order of the factors. The same arguments give the same cases.

    The two factors with most values are multiplied out, which is the least that there can be; each such pair takes the values of the
    others that meet most for the first time, and of those the values that were used least. ``at_least``: more cases are chosen at random.
    """
    names = sorted(factors, key=lambda name: -len(factors[name]))
    chance = random.Random(seed)
    met: set[tuple[str, str, str, str]] = set()
    used: dict[tuple[str, str], int] = {}
    chosen: dict[Case, None] = {}

    def new_pairs(case: dict[str, str]) -> set[tuple[str, str, str, str]]:
        return {(a, case[a], b, case[b]) for a, b in combinations(sorted(case), 2)} - met

    def take(case: dict[str, str]) -> None:
        met.update(new_pairs(case))
        for item in case.items():
            used[item] = used.get(item, 0) + 1
        chosen[tuple(case[name] for name in factors)] = None

    def complete(start: dict[str, str]) -> dict[str, str]:
        case = dict(start)
        for name in names:
            if name not in case:
                values = list(factors[name])
                chance.shuffle(values)

                def worth(value: str, name: str = name) -> tuple[int, int]:
                    return len(new_pairs({**case, name: value})), -used.get((name, value), 0)

                case[name] = max(values, key=worth)
        return case

    first, second = names[:2]
    starts = [{first: one, second: other} for one, other in product(factors[first], factors[second])]
    chance.shuffle(starts)
    for start in starts:
        take(complete(start))
    for a, b in combinations(names, 2):
        for one, other in product(factors[a], factors[b]):
            pair = {a: one, b: other}
            if new_pairs(pair):
                take(complete(pair))
    while len(chosen) < at_least:
        take({name: chance.choice(factors[name]) for name in factors})
    return list(chosen)
