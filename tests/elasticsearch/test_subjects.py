"""Whoever a local cluster asks for in the certificate model, the gateway decides like a real node, and in the same words."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.raw import RawClient
from tests.elasticsearch.subjects import STRICTER, Names, requests, subjects

NAMES = Names("r_read_only", "r_run_as", "sales-eu", "logs-app-1", ".async-search")
SUBJECTS, REQUESTS = subjects(NAMES), requests(NAMES)


def told(clusters: Clusters, kind: str, who: str, what: str) -> Any:
    """What a hand-made client with a trusted certificate is told: a refusal, or that the request ran."""
    action, payload = REQUESTS[what]
    folder = clusters.folder / "certificates"
    with RawClient(clusters.address(kind, "cert"), folder / "ca.crt", (folder / "client.crt", folder / "client.key")) as client:
        client.shake_hands()
        answer = client.call(action, payload, {"_xpack_security_authentication": SUBJECTS[who].encode()})
    return shown(answer) if isinstance(answer, ElasticsearchException) else "it ran"


def shown(error: ElasticsearchException) -> Any:
    while error.type == "remote_transport_exception" and error.cause is not None:
        error = error.cause
    cause = None if error.cause is None else shown(error.cause)
    return {"type": error.type, "reason": error.reason, "status": status_of(error), "headers": error.headers, "cause": cause}


@pytest.mark.parametrize("who", SUBJECTS)
def test_whoever_asks_gets_the_same_answer(clusters: Clusters, who: str) -> None:
    for what, (action, _) in REQUESTS.items():
        ours, real = (told(clusters, kind, who, what) for kind in ("gw", "real"))
        if who in STRICTER:
            assert (ours["status"], ours["reason"]) == (401, STRICTER[who].format(action=action)), what
            assert real == "it ran" or real["status"] == 404, what
        else:
            assert ours == real, what
