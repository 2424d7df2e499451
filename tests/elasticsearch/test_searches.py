"""Every search through the gateway gives what it gives through a real remote with the same documents.

By version of the local node, security model and connection mode: eight ways.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.elasticsearch.case import Case
from tests.elasticsearch.cases import SEARCHES
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import MODELS, MODES, SOCKETS, Clusters, wait_connected
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9

pytestmark = [pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8]), pytest.mark.parametrize("model", MODELS)]

_real: dict[tuple[str, str, str], Any] = {}


def search(clusters: Clusters, version: str, alias: str, case: Case) -> Any:
    expression = ",".join(f"{alias}:{name}" for name in case.index.split(","))
    with clusters.locals[version].client() as client:
        answer = client.post(f"/{expression}/_search", json=case.sent(alias))
    return {"status": answer.status_code, "body": normalize(answer.json(), alias)}


def real_answer(clusters: Clusters, version: str, model: str, case: Case) -> Any:
    """Asked once for both modes: how the local node is connected changes no answer of a real remote."""
    key = (version, model, case.name)
    if key not in _real:
        _real[key] = search(clusters, version, f"real_{model}_proxy", case)
    return _real[key]


@pytest.mark.parametrize("mode", MODES)
def test_the_local_cluster_is_connected(clusters: Clusters, version: str, model: str, mode: str) -> None:
    info = wait_connected(clusters.locals[version], f"gw_{model}_{mode}")
    assert info["mode"] == mode
    if mode == "proxy":
        assert info["num_proxy_sockets_connected"] == SOCKETS["proxy"]
    else:
        assert info["num_nodes_connected"] == 1
    assert info.get("cluster_credentials") == ("::es_redacted::" if model == "key" else None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", SEARCHES, ids=lambda case: case.name)
def test_a_search_gives_what_a_real_remote_gives(clusters: Clusters, version: str, model: str, mode: str, case: Case) -> None:
    real = real_answer(clusters, version, model, case)
    assert real["status"] == 200, f"the case itself is wrong: {real}"
    ours = search(clusters, version, f"gw_{model}_{mode}", case)
    assert not (found := list(differences(real, ours))), "\n".join(found[:20])
