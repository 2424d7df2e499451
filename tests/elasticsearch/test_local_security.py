"""What real local clusters send for their users with roles for remote clusters, and which they refuse, is what ours sends and refuses."""

from __future__ import annotations

import os

import pytest

from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.local_security import record
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.gateway.client.local_security import compared
from tests.gateway.client.local_security_cases import USERS

_ALL = os.environ.get("RCGATEWAY_LOCAL_SECURITY") == "all"
EVERY = 6
"""Each user costs a real node most of a second. All have been recorded, and are compared where no nodes are needed."""
VERSIONS = (NEWEST_9, NEWEST_8)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_node_sends_the_same(clusters: Clusters, version: str) -> None:
    users = USERS if _ALL else USERS[VERSIONS.index(version) :: EVERY]
    rows = list(record(clusters.locals[version], clusters.folder / "certificates", users))
    different = [(what, right, ours) for what, right, ours in compared(rows) if right != ours]
    assert different == []
