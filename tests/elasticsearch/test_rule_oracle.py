"""Roles nobody has seen yet show what Elasticsearch's own classes say that they show."""

from __future__ import annotations

import random

from tests.elasticsearch.oracle import Oracle
from tests.gateway.authorization.test_rule_vectors import expected, shown
from tests.vectors.make_security_rules import INDICES, STREAMS, WORDS, case


def test_fresh_roles_show_what_elasticsearchs_show() -> None:
    seed = random.randrange(1 << 30)
    pick = random.Random(seed)
    different = []
    with Oracle("RuleOracle") as oracle:
        oracle.ask(op="cluster", indices=INDICES, streams=STREAMS)
        for _ in range(1_000):
            asked = case(pick)
            row = asked | oracle.ask(op="authorize", words=WORDS, **asked)
            if (found := shown(row)) != (right := expected(row)):
                different.append((asked, right, found))
    assert different == [], f"seed {seed}"
