"""Whoever asks, whatever is asked: the gateway answers what a real remote cluster answers, for the reasons that ``explain`` gives.

Each case is a key or a set of roles on the remote side, a user and a version on the local side, and a request; see ``equivalence``. With
``RCGATEWAY_EQUIVALENCE=all`` every combination is asked instead of a selection.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path

import pytest

from tests.elasticsearch.equivalence.asking import Asker
from tests.elasticsearch.equivalence.cases import CREDENTIALS, Case
from tests.elasticsearch.equivalence.differences import KNOWN
from tests.elasticsearch.equivalence.explaining import Explainer, read_events
from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.equivalence.pairs import pairwise
from tests.elasticsearch.equivalence.relays import connected
from tests.elasticsearch.equivalence.requests import REQUESTS
from tests.elasticsearch.equivalence.roles import ROLE_SETS
from tests.elasticsearch.equivalence.users import USERS
from tests.elasticsearch.rig.clusters import BEFORE_REAL, Clusters
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9

VERSIONS = (NEWEST_9, NEWEST_8)
FACTORS = {
    "credential": CREDENTIALS,
    "user": tuple(USERS),
    "request": tuple(REQUESTS),
    "version": VERSIONS,
    "relay": BEFORE_REAL,
}
"""The gateway that has the documents itself is asked every case, one in front of the real remote those that it meets."""
LEAST = 1500
AT_ONCE = 4
"""Cases that are asked at the same time; answers of a case do not depend on others."""

ALL = os.environ.get("RCGATEWAY_EQUIVALENCE") == "all"
SELECTED = product(*FACTORS.values()) if ALL else pairwise(FACTORS, LEAST)
CASES: dict[Case, list[str]] = {}
"""With the KINDs of the gateways that are asked."""
for *values, relay in SELECTED:
    CASES.setdefault(Case(*values), ["gw"]).append(relay)


@pytest.fixture(scope="module")
def asker(clusters: Clusters, relays: None) -> Iterator[Asker]:
    with connected(clusters), Asker(clusters) as asker:
        yield asker


@pytest.fixture(scope="module")
def explainer(clusters: Clusters) -> Explainer:
    return Explainer(clusters)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_the_gateway_answers_what_a_real_remote_answers_and_explains_it(
    asker: Asker, explainer: Explainer, version: str, credential: str
) -> None:
    cases = {str(case): case for case in CASES if (case.version, case.credential) == (version, credential)}
    for case in cases.values():
        asker.prepare(case)
    logs = {kind: asker.clusters.gateway_of(kind).log for kind in ("gw", *BEFORE_REAL)}
    before = {kind: log.stat().st_size for kind, log in logs.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        compared = [one for each in pool.map(lambda case: asker.compare(case, CASES[case]), cases.values()) for one in each]
    wrong = [f"{one.case} / {one.kind}: {line}" for one in compared for line in one.lines[:3]]
    decided = [
        (kind, cases[event["rcgateway.opaque_id"]], event)
        for kind, log in logs.items()
        for event in read_events(log, before[kind])
        if event.get("rcgateway.opaque_id") in cases
    ]
    wrong += [f"{case} / {kind}: {line}" for kind, case, event in decided for line in explainer.wrong(case, kind, event)]
    assert not wrong, f"{len(wrong)} differences in {len(compared)} answers\n" + "\n".join(wrong)
    assert len({(kind, case) for kind, case, _ in decided}) > len(compared) / 3, "hardly anything was decided"


def test_the_known_differences_are_still_there(asker: Asker) -> None:
    """Else the docs tell of too many."""
    for each in KNOWN.values():
        asker.prepare(each.example)
    assert [asker.compare(each.example, [each.kind])[0].known for each in KNOWN.values()] == list(KNOWN)


def test_the_docs_tell_how_much_is_asked() -> None:
    told = (Path(__file__).parents[2] / "docs" / "equivalence.md").read_text()
    counts = {
        "keys": len(KEYS),
        "sets of roles": len(ROLE_SETS),
        "users of the local cluster": len(USERS),
        "requests": len(REQUESTS),
        "local versions": len(VERSIONS),
    }
    for name, count in counts.items():
        assert f"| {name} | {count} |" in told
    assert f"the {len(pairwise(FACTORS, LEAST))} cases that CI asks" in told
    assert f"{math.prod(map(len, FACTORS.values())) // len(BEFORE_REAL):,} cases" in told
    for each in KNOWN.values():
        assert f"`{each.reason}`" in told
    assert told.count("is refused: `") == len(KNOWN)


def test_the_matrix_is_as_large_as_it_should_be() -> None:
    assert len(CREDENTIALS) >= 25
    assert len(USERS) >= 10
    assert len(REQUESTS) >= 40
    assert len(KNOWN) < 5
    assert len(CASES) >= LEAST
    rows = [{**vars(case), "relay": kind} for case, kinds in CASES.items() for kind in kinds if kind != "gw"]
    for first, second in combinations(FACTORS, 2):
        met = {(row[first], row[second]) for row in rows}
        assert met == set(product(FACTORS[first], FACTORS[second]))
