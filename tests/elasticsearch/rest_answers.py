"""Asks one real node the same search twice: over REST, and over the transport protocol with the request that REST becomes here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from protocol.errors import ElasticsearchException
from protocol.messages.search_request import SEARCH
from protocol.rest import search_request
from protocol.versions import V_8_19
from tests.elasticsearch.case import Case
from tests.elasticsearch.rest_cases import ANSWERED, BODIES, OTHERWISE, PARAMETERS, TEXTS, RestCase
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.raw import RawClient
from tests.elasticsearch.test_errors import ALICE, CREDENTIALS, READ_ALL, SUBJECT_INFO, encoded, subject_info

ALIAS = "rem"
REFUSING = "products"
"""The index that refused searches name."""


@dataclass(frozen=True)
class Refusal:
    """A search that is refused, and how: the status, type and reason."""

    body: str
    params: dict[str, str]
    told: tuple[int, str, str]


def parameters(case: Case) -> dict[str, str]:
    return {"typed_keys": "true", **(case.params if isinstance(case, RestCase) else {})}


def answers(clusters: Clusters) -> Iterator[tuple[Case, bytes, dict[str, Any]]]:
    """Each case, the payload of its answer and its answer over REST."""
    headers = {CREDENTIALS: encoded(clusters, "real"), SUBJECT_INFO: subject_info(ALICE, READ_ALL)}
    ca = clusters.folder / "certificates" / "ca.crt"
    with clusters.remote.client() as http, RawClient(clusters.address("real", "key"), ca) as raw:
        raw.shake_hands()
        for case in ANSWERED:
            body, params = case.sent(ALIAS), parameters(case)
            shown = http.post(f"/{case.index}/_search", json=body, params=params)
            assert shown.status_code == 200, f"the case itself is wrong: {case.name}: {shown.text}"
            request = search_request(case.index.split(","), body, params)
            payload = raw.call(SEARCH, request.encode(V_8_19), headers)
            assert not isinstance(payload, ElasticsearchException), f"{case.name}: {payload}"
            yield case, bytes(payload), shown.json()


def refusals(clusters: Clusters) -> Iterator[Refusal]:
    """Each bad search, with what a real node says of it."""
    written = [json.dumps(body, separators=(",", ":")) for body in BODIES if body not in OTHERWISE]
    asked = [*((text, {}) for text in (*written, *TEXTS)), *(("", params) for params in PARAMETERS)]
    with clusters.remote.client() as http:
        for body, params in asked:
            told = _told(http, body, params)
            if told is not None:
                yield Refusal(body, params, told)


def _told(http: httpx.Client, body: str, params: dict[str, str]) -> tuple[int, str, str] | None:
    kind = {"Content-Type": "application/json"}
    answer = http.post(f"/{REFUSING}/_search", content=body.encode(), params=params, headers=kind)
    if answer.status_code == 200:
        return None
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["reason"]


def line(case: Case, payload: bytes, shown: dict[str, Any]) -> dict[str, Any]:
    """An answer as a vector."""
    asked = {"name": case.name, "index": case.index, "body": case.sent(ALIAS), "params": parameters(case)}
    return asked | {"bytes": base64.b64encode(payload).decode(), "rest": shown}
