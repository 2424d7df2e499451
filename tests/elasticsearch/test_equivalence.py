"""Whoever asks, whatever is asked: the gateway answers what a real remote cluster answers, for the reasons that ``explain`` gives.

Each case is a key or a set of roles on the remote side, a user and a version on the local side, and a request; see ``equivalence``. With
``RCGATEWAY_EQUIVALENCE=all`` every combination is asked instead of a selection.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from tests.elasticsearch.equivalence.asking import CREDENTIALS, Asker, Case
from tests.elasticsearch.equivalence.differences import KNOWN
from tests.elasticsearch.equivalence.explaining import Explainer, read_events
from tests.elasticsearch.equivalence.keys import KEYS
from tests.elasticsearch.equivalence.pairs import pairwise
from tests.elasticsearch.equivalence.requests import REQUESTS
from tests.elasticsearch.equivalence.roles import ROLE_SETS
from tests.elasticsearch.equivalence.users import USERS
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9

VERSIONS = (NEWEST_9, NEWEST_8)
FACTORS = {"credential": CREDENTIALS, "user": tuple(USERS), "request": tuple(REQUESTS), "version": VERSIONS}
LEAST = 1500
AT_ONCE = 4
"""Cases that are asked at the same time; answers of a case do not depend on others."""

CASES = [
    Case(*values)
    for values in (product(*FACTORS.values()) if os.environ.get("RCGATEWAY_EQUIVALENCE") == "all" else pairwise(FACTORS, LEAST))
]


@pytest.fixture(scope="module")
def asker(clusters: Clusters) -> Iterator[Asker]:
    with Asker(clusters) as asker:
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
    log = asker.clusters.gateway.log
    before = log.stat().st_size
    with ThreadPoolExecutor(AT_ONCE) as pool:
        compared = list(pool.map(asker.compare, cases.values()))
    wrong = [f"{one.case}: {line}" for one in compared for line in one.lines[:3]]
    decided = [event for event in read_events(log, before) if event.get("rcgateway.opaque_id") in cases]
    for event in decided:
        case = cases[event["rcgateway.opaque_id"]]
        wrong += [f"{case}: {line}" for line in explainer.wrong(case, event)]
    assert not wrong, f"{len(wrong)} differences in {len(cases)} cases\n" + "\n".join(wrong)
    assert len({event["rcgateway.opaque_id"] for event in decided}) > len(cases) / 3, "hardly anything was decided"


def test_the_known_differences_are_still_there(asker: Asker) -> None:
    """Else the docs tell of too many."""
    cases = [Case("everything", "u-superuser", name, NEWEST_9) for name in KNOWN]
    for case in cases:
        asker.prepare(case)
    assert {asker.compare(case).known for case in cases} == set(KNOWN)


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
    assert f"{math.prod(map(len, FACTORS.values())):,} cases" in told
    for reasons in KNOWN.values():
        assert all(f"`{reason}`" in told for reason in reasons)
    assert told.count("is refused: `") == len(KNOWN)


def test_the_matrix_is_as_large_as_it_should_be() -> None:
    assert len(CREDENTIALS) >= 25
    assert len(USERS) >= 10
    assert len(REQUESTS) >= 40
    assert len(KNOWN) < 5
    assert len(CASES) >= LEAST
    for first, second in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        names = list(FACTORS)
        met = {(getattr(case, names[first]), getattr(case, names[second])) for case in CASES}
        assert met == set(product(FACTORS[names[first]], FACTORS[names[second]]))
