"""``rcgateway check`` and ``rcgateway search`` against real remote clusters, and against the gateway alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.keys import BAD_KEYS

KINDS = ("real", "newest", "gw")
FAULTS = dict(zip(BAD_KEYS, ("key_wrong_secret", "key_unknown", "key_expired", "key_invalidated", "key_wrong_type"), strict=True))
ROLES = 'logs_reader: {remote_indices: [{clusters: ["*"], names: ["logs-app*"], privileges: [read, read_cross_cluster]}]}\n'

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(clusters: Clusters, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a ``local.yml`` whose alias ``there`` has the settings given; exit code and output."""
    files = clusters.folder / "certificates"

    def call(arguments: list[str], address: str, key: str | None, mode: str = "proxy") -> tuple[int, str]:
        where = {"proxy_address": address} if mode == "proxy" else {"seeds": [address]}
        settings: dict[str, Any] = {f"cluster.remote.there.{name}": value for name, value in where.items()}
        settings |= {
            "cluster.remote.there.mode": mode,
            "xpack.security.remote_cluster_client.ssl.certificate_authorities": str(files / "ca.crt"),
            "xpack.security.transport.ssl.certificate_authorities": str(files / "ca.crt"),
            "xpack.security.transport.ssl.certificate": str(files / "client.crt"),
            "xpack.security.transport.ssl.key": str(files / "client.key"),
            "path.roles": "roles.yml",
            "users.alice.roles": ["logs_reader"],
        }
        if key is not None:
            settings["cluster.remote.there.credentials"] = key
        (tmp_path / "local.yml").write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items()))
        (tmp_path / "roles.yml").write_text(ROLES)
        code = cli.run([*arguments, "--config", str(tmp_path / "local.yml")])
        return code, capsys.readouterr().out

    return call


def key(clusters: Clusters, kind: str, model: str, name: str = "main") -> str | None:
    encoded: str = clusters.keys["gw" if kind == "gw" else "real", name]["encoded"]
    return encoded if model == "key" else None


def steps(out: str) -> dict[str, Any]:
    return {step["step"]: step for step in map(json.loads, out.splitlines())}


@pytest.mark.parametrize("mode", ["proxy", "sniff"])
@pytest.mark.parametrize("model", ["key", "cert"])
@pytest.mark.parametrize("kind", KINDS)
def test_check_holds(run: Run, clusters: Clusters, kind: str, model: str, mode: str) -> None:
    code, out = run(["check", "there", "--json"], clusters.address(kind, model), key(clusters, kind, model), mode)
    found = steps(out)
    assert (code, {step["status"] for step in found.values()} - {"skipped"}) == (0, {"ok"})
    assert "logs-app-1" in found["indices"]["text"]
    assert found["version"]["version"] == 8841096


@pytest.mark.parametrize("name", BAD_KEYS)
@pytest.mark.parametrize("kind", KINDS)
def test_check_says_what_is_wrong_with_a_key(run: Run, clusters: Clusters, kind: str, name: str) -> None:
    code, out = run(["check", "there", "--json"], clusters.address(kind, "key"), key(clusters, kind, "key", name))
    found = steps(out)["credentials"]
    assert (code, found["fault"]) == (1, FAULTS[name])


@pytest.mark.parametrize("kind", KINDS)
def test_check_says_that_the_port_is_of_the_other_model(run: Run, clusters: Clusters, kind: str) -> None:
    _, out = run(["check", "there", "--json"], clusters.address(kind, "cert"), key(clusters, kind, "key"))
    assert steps(out)["handshake"]["fault"] == "key_mode_on_certificate_port"
    _, out = run(["check", "there", "--json"], clusters.address(kind, "key"), None)
    assert steps(out)["credentials"]["fault"] == "certificate_mode_on_key_port"


@pytest.mark.parametrize("kind", ["real", "newest"])
def test_check_says_that_the_port_is_of_http(run: Run, clusters: Clusters, kind: str) -> None:
    port = clusters.upstream(kind).http_port
    _, out = run(["check", "there", "--json"], f"127.0.0.1:{port}", key(clusters, kind, "key"))
    assert steps(out)["tls"]["fault"] == "http_port"


@pytest.mark.parametrize("model", ["key", "cert"])
@pytest.mark.parametrize("kind", KINDS)
def test_check_says_why_an_index_cannot_be_searched(run: Run, clusters: Clusters, kind: str, model: str) -> None:
    denied = "index_denied_by_roles" if model == "key" else "index_denied"
    for index, fault in (("logs-app-nope", "index_not_found"), ("products", denied)):
        _, out = run(["check", f"there:{index}", "--json"], clusters.address(kind, model), key(clusters, kind, model))
        assert steps(out)["indices"]["fault"] == fault


@pytest.mark.parametrize("model", ["key", "cert"])
@pytest.mark.parametrize("kind", KINDS)
def test_search_prints_what_a_node_does(run: Run, clusters: Clusters, kind: str, model: str) -> None:
    """Beside the remote cluster's own answer to the same search, without what only a search over clusters has."""
    where = clusters.address(kind, model), key(clusters, kind, model)
    code, out = run(["search", "there:logs-app*", "-q", "level:ERROR AND NOT service:auth", "--size", "5"], *where)
    ours = json.loads(out)
    node = clusters.upstream("real" if kind == "gw" else kind)
    right = node.rest("GET", "/logs-app*/_search?size=5&q=level:ERROR AND NOT service:auth")
    for hit in right["hits"]["hits"]:
        hit["_index"] = f"there:{hit['_index']}"
    assert code == 0
    assert [hit["_id"] for hit in ours["hits"]["hits"]] == [hit["_id"] for hit in right["hits"]["hits"]]
    assert (ours["hits"], ours["_shards"]) == (right["hits"], right["_shards"])


@pytest.mark.parametrize("model", ["key", "cert"])
@pytest.mark.parametrize("kind", KINDS)
def test_search_pulls_all_hits(run: Run, clusters: Clusters, kind: str, model: str) -> None:
    where = clusters.address(kind, model), key(clusters, kind, model)
    code, out = run(["search", "there:logs-app*", "--output", "ndjson"], *where)
    hits = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len({hit["_id"] for hit in hits}) == len(hits) == 1500
