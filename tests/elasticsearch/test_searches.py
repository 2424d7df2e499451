"""Every search through the gateway gives what it gives through a real remote with the same documents.

Through a gateway that answers by itself, and through one that has the real remote behind it; see ``ways``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.elasticsearch.case import Case
from tests.elasticsearch.cases import SEARCHES
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import SOCKETS, wait_connected
from tests.elasticsearch.ways import ANSWERING, APART, CROSSED, Way, over

_real: dict[tuple[str, str, str], Any] = {}


def search(way: Way, alias: str, case: Case) -> Any:
    expression = ",".join(f"R:{name}" for name in case.index.split(","))
    answer = way.call(alias, "POST", f"/{expression}/_search", case.sent(alias))
    return {"status": answer.status_code, "body": normalize(answer.json(), alias)}


def real_answer(way: Way, case: Case) -> Any:
    """Asked once for all ways to a gateway: how the local node is connected changes no answer of a real remote."""
    key = (way.route.version, way.real, case.name)
    if key not in _real:
        _real[key] = search(way, way.real, case)
    return _real[key]


@over(ANSWERING)
def test_the_local_cluster_is_connected(way: Way) -> None:
    info = wait_connected(way.local, way.alias)
    assert info["mode"] == way.route.mode
    if way.route.mode == "proxy":
        assert info["num_proxy_sockets_connected"] == SOCKETS["proxy"]
    else:
        assert info["num_nodes_connected"] == 1
    assert info.get("cluster_credentials") == ("::es_redacted::" if way.route.model == "key" else None)


@over([*CROSSED, *APART])
@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: case.name)
def test_a_search_gives_what_a_real_remote_gives(way: Way, case: Case) -> None:
    real = real_answer(way, case)
    assert real["status"] == 200, f"the case itself is wrong: {real}"
    ours = search(way, way.alias, case)
    assert not (found := list(differences(real, ours))), "\n".join(found[:20])
