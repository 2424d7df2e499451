"""The access that the report gives allows what was done with a certificate, and no more."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from gateway.reports.migration import kind_of, migration_report
from gateway.reports.reading import events_of
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FIELD_CAPS, FieldCapsRequest
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import RESOLVE_INDEX, ResolveIndexRequest
from protocol.messages.stats import REMOTE_CLUSTER_STATS, RemoteClusterStatsRequest
from protocol.security import AUTHENTICATION_HEADER, Authentication, AuthenticationType, RealmRef, User
from protocol.versions import V_8_19
from tests.gateway.audit.auditing import CERTIFICATE, Audited, audited, by_certificate, by_key

ROLES = """
reader:
  cluster: [monitor]
  indices:
    - names: ["logs-*"]
      privileges: [read]
limited:
  indices:
    - names: ["products"]
      privileges: [read]
      query: '{"match_all": {}}'
      field_security: {grant: ["*"], except: ["price"]}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Audited]:
    with audited(tmp_path, ROLES) as made:
        made.dispatcher.audit = type(made.dispatcher.audit).build(_to_file(made))
        yield made
        made.dispatcher.audit.close()


def _to_file(made: Audited) -> Any:
    settings = made.dispatcher.settings
    audit = settings.audit.model_copy(update={"output": "file", "path": made.dispatcher.settings.path.data.parent / "a.ndjson"})
    return settings.model_copy(update={"audit": audit})


def file_of(gateway: Audited) -> Path:
    return gateway.dispatcher.settings.path.data.parent / "a.ndjson"


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert cli.run(["report", "migration", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["clusters"]


def descriptor(role: dict[str, Any]) -> bytes:
    """What a local cluster sends for a user with this role."""
    indices = [{name: value for name, value in entry.items() if name != "clusters"} for entry in role["remote_indices"]]
    cluster = [privilege for entry in role.get("remote_cluster", ()) for privilege in entry["privileges"]]
    return json.dumps({"r": {"indices": indices, "cluster": cluster}}).encode()


async def field_caps(gateway: Audited, headers: dict[str, str], *names: str) -> ElasticsearchException | None:
    message = FieldCapsRequest(indices=list(names), options=IndicesOptions(), fields=["*"], merge_results=False)
    return await gateway.ask(headers, action=FIELD_CAPS, payload=message.encode(V_8_19))


async def resolve(gateway: Audited, headers: dict[str, str], *names: str) -> ElasticsearchException | None:
    message = ResolveIndexRequest(names=list(names), options=IndicesOptions())
    return await gateway.ask(headers, action=RESOLVE_INDEX, payload=message.encode(V_8_19))


async def statistics(gateway: Audited, headers: dict[str, str]) -> ElasticsearchException | None:
    return await gateway.ask(headers, action=REMOTE_CLUSTER_STATS, payload=RemoteClusterStatsRequest().encode(V_8_19))


async def test_the_access_allows_what_was_done_and_no_more(gateway: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = by_certificate("reader")
    assert await gateway.ask(certificate, "logs-app*") is None
    assert await field_caps(gateway, certificate, "logs-web-1") is None
    assert await statistics(gateway, certificate) is None
    assert await gateway.ask(certificate, "products") is not None  # denied: it counts for nothing
    assert await gateway.ask(certificate, "logs-nowhere") is not None  # allowed, and missing: nor does this
    (cluster,) = json_of(capsys, str(file_of(gateway)))
    assert cluster["cluster"] == CERTIFICATE
    assert cluster["access"] == {"search": [{"names": ["logs-app-1", "logs-web-1"]}]}
    assert (cluster["requests"], cluster["failed_requests"], cluster["expressions"]) == (3, 1, ["logs-app*"])
    (roles,) = cluster["local_roles"]
    assert (roles["roles"], roles["users"]) == (["reader"], ["bob"])
    assert roles["role"] == {
        "remote_indices": [{"clusters": ["<alias>"], "names": ["logs-app-1", "logs-web-1"], "privileges": ["read"]}],
        "remote_cluster": [{"clusters": ["<alias>"], "privileges": ["monitor_stats"]}],
    }

    with_key = by_key(gateway.key(cluster["access"]), sets=(descriptor(roles["role"]),))
    assert await gateway.ask(with_key, "logs-app*") is None
    assert await field_caps(gateway, with_key, "logs-web-1") is None
    assert await statistics(gateway, with_key) is None
    for other in ("logs-all", "products", "events"):
        error = await gateway.ask(with_key, other)
        assert error is not None
        assert error.status == 403


async def test_each_name_of_the_access_is_needed(gateway: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = by_certificate("superuser")
    for names in (("logs-all",), ("products", "events")):
        assert await gateway.ask(certificate, *names) is None
    (cluster,) = json_of(capsys, str(file_of(gateway)))
    (entry,) = cluster["access"]["search"]
    assert entry["names"] == ["events", "logs-all", "products"]
    for missing in entry["names"]:
        rest = [name for name in entry["names"] if name != missing]
        with_key = by_key(gateway.key({"search": [{"names": rest}]}))
        answers = [await gateway.ask(with_key, *names) for names in (("logs-all",), ("products", "events"))]
        assert any(answer is not None and answer.status == 403 for answer in answers)


async def test_document_and_field_rules_are_noted(gateway: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    assert await gateway.ask(by_certificate("limited", user="eve"), "products") is None
    assert cli.run(["report", "migration", "--alias", "remote", str(file_of(gateway))]) == 0
    printed = capsys.readouterr().out
    assert f"local cluster [{CERTIFICATE}]\n" in printed
    assert """rcgateway keys create NAME --access '{"search": [{"names": ["products"]}]}'\n""" in printed
    assert '{"remote_indices": [{"clusters": ["remote"], "names": ["products"], "privileges": ["read"]}]}\n' in printed
    for what in ("document", "field"):
        assert f"note: {what} rules of roles [limited] held on [products]" in printed


async def test_names_that_are_not_in_the_events_are_counted(gateway: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.audit(audit__max_indices="1")
    assert await gateway.ask(by_certificate("reader"), "logs-app-1", "logs-web-1") is None
    (cluster,) = migration_report(gateway.take())
    assert cluster.missing == 1


async def test_resolving_needs_what_reading_needs(gateway: Audited) -> None:
    gateway.audit()
    assert await resolve(gateway, by_certificate("reader"), "logs-w*") is None
    (cluster,) = migration_report(gateway.take())
    assert cluster.access() == {"search": [{"names": ["logs-web-1"]}]}
    assert cluster.roles("x")[0]["role"]["remote_indices"][0]["privileges"] == ["read"]


async def test_elasticsearch_itself_needs_no_role(gateway: Audited) -> None:
    gateway.audit()
    realm = RealmRef(node_name="n", name="__attach", type="__attach")
    system = Authentication(User("_system", internal=True), realm, AuthenticationType.INTERNAL, version=V_8_19)
    headers = {AUTHENTICATION_HEADER: system.encode()}
    assert await gateway.ask(headers, action="internal:transport/handshake", payload=b"\x00") is None
    (cluster,) = migration_report(gateway.take())
    assert (cluster.access(), cluster.roles("x"), dict(cluster.refused), cluster.requests) == (None, [], {}, 1)


def event(action: str, *names: str, **fields: Any) -> dict[str, Any]:
    return {
        "event.dataset": "rcgateway.audit",
        "event.action": "access_granted",
        "event.outcome": "success",
        "@timestamp": "2026-01-01T00:00:00.000Z",
        "rcgateway.interface": "transport",
        "tls.client.subject": "CN=es-1",
        "rcgateway.action": action,
        "rcgateway.indices": list(names),
        "user.name": "bob",
        "user.roles": ["r"],
        **fields,
    }


SHARD_CHANGES = "indices:data/read/xpack/ccr/shard_changes"
SEARCH = "indices:data/read/search"


def test_replication() -> None:
    (cluster,) = migration_report(
        [event(SHARD_CHANGES, "leader"), event("indices:monitor/stats", "leader"), event(SEARCH, "logs", "leader")]
    )
    assert cluster.access() == {"search": [{"names": ["leader", "logs"]}], "replication": [{"names": ["leader"]}]}
    assert cluster.roles("a")[0]["role"]["remote_indices"] == [
        {"clusters": ["a"], "names": ["leader"], "privileges": ["read", "cross_cluster_replication"]},
        {"clusters": ["a"], "names": ["logs"], "privileges": ["read"]},
    ]


def test_what_is_passed_on_to_another_node_needs_its_privilege_on_what_was_named() -> None:
    proxied = "internal:transport/proxy/indices:data/read/search[phase/query]"
    (cluster,) = migration_report([event("indices:admin/search/search_shards", "a"), event(proxied), event(SEARCH, "b")])
    assert cluster.access() == {"search": [{"names": ["a", "b"]}]}
    assert cluster.roles("x")[0]["role"] == {
        "remote_indices": [
            {"clusters": ["x"], "names": ["a"], "privileges": ["read_cross_cluster"]},
            {"clusters": ["x"], "names": ["b"], "privileges": ["read", "read_cross_cluster"]},
        ]
    }


def test_restricted_indices_have_an_entry_of_their_own() -> None:
    (cluster,) = migration_report([event(SEARCH, ".kibana_1", "logs", ".hidden")])
    assert cluster.access() == {
        "search": [{"names": [".hidden", "logs"]}, {"names": [".kibana_1"], "allow_restricted_indices": True}]
    }
    assert [entry.get("allow_restricted_indices") for entry in cluster.roles("a")[0]["role"]["remote_indices"]] == [None, True]


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("indices:data/write/bulk", "logs"),
        ("indices:admin/create", "logs"),
        (SEARCH, "logs::failures"),
        ("cluster:monitor/health", None),
        ("cluster:admin/reroute", None),
    ],
)
def test_what_no_key_can_allow_is_listed(action: str, name: str | None) -> None:
    (cluster,) = migration_report([event(action, *([name] if name else []))] * 2)
    assert cluster.access() is None
    assert cluster.refused == {(action, name): 2}
    assert cluster.to_json()["not_allowed"] == [{"action": action, "name": name, "requests": 2}]


def test_users_are_put_together_by_their_roles() -> None:
    (cluster,) = migration_report(
        [event(SEARCH, "a"), event(SEARCH, "b", **{"user.name": "eve"}), event(SEARCH, "c", **{"user.roles": ["q", "r"]})]
    )
    assert [(entry["roles"], entry["users"], entry["role"]["remote_indices"][0]["names"]) for entry in cluster.roles("x")] == [
        (["q", "r"], ["bob"], ["c"]),
        (["r"], ["bob", "eve"], ["a", "b"]),
    ]


def test_clusters_by_certificate_or_by_pattern() -> None:
    events = [event(SEARCH, name, **{"tls.client.subject": f"CN={name}"}) for name in ("east-1", "east-2", "west")]
    assert [cluster.name for cluster in migration_report(events)] == ["CN=east-1", "CN=east-2", "CN=west"]
    east, west = migration_report(events, {"A east": "CN=east-*"})
    assert (east.name, sorted(east.subjects), west.name) == ("A east", ["CN=east-1", "CN=east-2"], "CN=west")
    assert east.access() == {"search": [{"names": ["east-1", "east-2"]}]}


@pytest.mark.parametrize(
    "fields",
    [
        {"event.action": "access_denied"},
        {"event.action": "run_as_granted"},
        {"rcgateway.interface": "remote_cluster"},
        {"tls.client.subject": None},
        {"user.name": None},
        {"rcgateway.action": 5},
    ],
)
def test_other_events_count_for_nothing(fields: dict[str, Any]) -> None:
    assert not [cluster for cluster in migration_report([event(SEARCH, "a", **fields)]) if cluster.access()]


def test_names_that_would_mean_more_in_an_access_are_left_out() -> None:
    (cluster,) = migration_report([event(SEARCH, "a", "*", "/.*/", "b?", "x…", "c:d")])
    assert cluster.access() == {"search": [{"names": ["a"]}]}
    assert cluster.missing == 5


def test_lines_that_are_no_events() -> None:
    nested = {"event": {"dataset": "rcgateway.audit", "action": "access_granted"}, "user": {"name": "a"}}
    lines = ["", "2026 [info] text", "{", "[1]", "{}", '"a"', '{"event.dataset": "other"}', json.dumps(nested), "{" * 100_000]
    assert list(events_of(lines)) == [{"event.dataset": "rcgateway.audit", "event.action": "access_granted", "user.name": "a"}]


def test_from_standard_input_and_compressed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps(event(SEARCH, "a")) + "\n"
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(line.encode())
    (cluster,) = json_of(capsys, str(tmp_path / "a.gz"))
    assert cluster["access"] == {"search": [{"names": ["a"]}]}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    (cluster,) = json_of(capsys)
    assert cluster["requests"] == 1


def test_how_the_command_may_be_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("")
    assert cli.run(["report", "migration", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == "no request of the certificate model was allowed in these events\n"
    assert cli.run(["report", "migration", str(tmp_path / "none")]) == 1
    assert cli.run(["report", "migration", "--cluster", "east", str(tmp_path / "a")]) == 2


@pytest.mark.parametrize(
    ("action", "name", "kind"),
    [
        (SEARCH, "logs", "search"),
        (SHARD_CHANGES, "logs", "replication"),
        ("indices:internal/admin/ccr/restore/session/put", "logs", "replication"),
        ("indices:admin/resolve/index", ".security-7", "search"),
        ("cluster:monitor/stats/remote", None, "search"),
        ("internal:transport/proxy/indices:data/read/search[phase/query]", None, "search"),
        ("indices:data/write/index", "logs", None),
    ],
)
def test_which_part_of_an_access_an_action_needs(action: str, name: str | None, kind: str | None) -> None:
    assert kind_of(action, name) == kind
