"""What real local clusters send for their users with roles for remote clusters, and which they refuse, is what ours sends and refuses."""

from __future__ import annotations

import pytest

from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.local_security import record
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.gateway.client.local_security import compared


@pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8])
def test_a_real_node_sends_the_same(clusters: Clusters, version: str) -> None:
    rows = list(record(clusters.locals[version], clusters.folder / "certificates"))
    different = [(what, right, ours) for what, right, ours in compared(rows) if right != ours]
    assert different == []
