"""Natively in front of another gateway: the relay passes on what was asked natively, and its answers are shown as REST."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cluster_actions import REMOTE_CLUSTER
from protocol.errors import ElasticsearchException
from tests.gateway.native.served import ALL, NativeSetting

APPS = {"r": {"indices": [{"names": ["logs-app*"], "privileges": ["read", "view_index_metadata"]}]}}


class Relayed(NativeSetting):
    """A gateway whose upstream is the gateway of another setting."""

    def __init__(self, folder: Path, upstream: NativeSetting) -> None:
        self._upstream = upstream
        super().__init__(folder)

    def more_settings(self) -> dict[str, object]:
        (self.folder / "own-key.txt").write_text(self._upstream.key["encoded"])
        return {
            **super().more_settings(),
            "backend.type": "relay",
            "backend.relay.mode": "api_key",
            "backend.relay.addresses": [f"127.0.0.1:{self._upstream.gateway.port(REMOTE_CLUSTER)}"],
            "backend.relay.credentials_file": "own-key.txt",
            "backend.relay.ssl.certificate_authorities": [str(self._upstream.folder / "ca.crt")],
        }


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NativeSetting, Relayed]]:
    upstream = NativeSetting(tmp_path_factory.mktemp("upstream"))
    try:
        relay = Relayed(tmp_path_factory.mktemp("relay"), upstream)
        try:
            yield upstream, relay
        finally:
            relay.gateway.stop()
    finally:
        upstream.gateway.stop()


@pytest.mark.parametrize("rights", [ALL, APPS])
async def test_the_same_answers_as_from_the_upstream_itself(
    chain: tuple[NativeSetting, Relayed], rights: dict[str, object]
) -> None:
    body = {"size": 4, "sort": [{"@timestamp": "asc"}], "aggs": {"levels": {"terms": {"field": "level"}}}}
    direct, relay = chain
    async with direct.keyed(rights) as one, relay.keyed(rights) as other:
        for method, indices, asked, params in (
            ("search", ["logs-*"], body, {}),
            ("count", ["logs-app-1"], None, {}),
            ("field_caps", ["logs-*"], None, {"fields": "*"}),
            ("resolve_index", ["logs-*"], None, {}),
            ("terms_enum", ["logs-*"], {"field": "level", "string": "E"}, {}),
            ("get", ["logs-app-1"], None, {"id": "1-3"}),
        ):
            answers = [await client.call(method, indices, asked, params) for client in (one, other)]
            for answer in answers:
                answer.body.pop("took", None)
            assert answers[0] == answers[1], method
        async with other.stream("search", ["logs-*"], {"size": 100}, window=2000) as stream:
            assert len([hit async for hit in stream]) == stream.head["hits"]["total"]["value"]


async def test_the_same_refusals(chain: tuple[NativeSetting, Relayed]) -> None:
    _, relay = chain
    async with relay.keyed(APPS) as client:
        for names, kind, status in (
            (["logs-web-1"], "security_exception", 403),
            (["logs-app-none"], "index_not_found_exception", 404),
        ):
            with pytest.raises(ElasticsearchException) as raised:
                await client.call("search", names)
            assert (raised.value.type, raised.value.status) == (kind, status)
        await client.ping()


async def test_the_certificate_model_in_front_of_a_key(chain: tuple[NativeSetting, Relayed]) -> None:
    _, relay = chain
    async with relay.certified("analyst") as client:
        assert (await client.call("count", ["logs-*"])).body["count"] == 30
