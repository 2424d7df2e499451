"""The explanation of a decision is the decision: compared with what the gateway answers; and the page about it says what is printed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import cli
from gateway.authentication.api_keys import ApiKeyStore
from gateway.authorization.access import parse_access
from gateway.authorization.subject_roles import build_role
from gateway.cluster_actions import REMOTE_CLUSTER, TRANSPORT
from gateway.explain import Explanation, explain
from protocol.errors import ElasticsearchException
from protocol.frames import Header, Status
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import AUTHENTICATION_HEADER, User
from protocol.versions import V_8_19
from tests.gateway.audit.auditing import Audited, audited, by_certificate, by_key

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"

ROLES = """
reader:
  indices:
    - names: ["logs-*"]
      privileges: [read]
      query: '{"term": {"level": "error"}}'
      field_security: {grant: ["*"], except: ["client.*"]}
    - names: ["logs-web"]
      privileges: [view_index_metadata]
runner:
  run_as: [b*]
"""
ACCESS = {
    "search": [
        {"names": ["logs-app"]},
        {"names": ["logs-web"], "query": '{"term": {"tags": "public"}}'},
    ]
}
ALICE = {
    "errors": {"indices": [{"names": ["*"], "privileges": ["read"], "query": '{"term": {"level": "error"}}'}]},
    "shop": {
        "indices": [
            {
                "names": ["logs-*"],
                "privileges": ["read"],
                "query": '{"term": {"service": "shop"}}',
                "field_security": {"grant": ["*"], "except": ["client.*", "host.ip"]},
            }
        ]
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page tells of."""
    (tmp_path / "gateway.yml").write_text("backend.memory.load: [documents]\n")
    (tmp_path / "roles.yml").write_text(ROLES)
    (tmp_path / "access.json").write_text(json.dumps(ACCESS))
    (tmp_path / "alice.json").write_text(json.dumps(ALICE))
    (tmp_path / "documents").mkdir()
    for name in ("logs-app", "logs-web", "metrics"):
        (tmp_path / "documents" / f"{name}.index.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RCGATEWAY_CONFIG", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert cli.run(["explain", *arguments]) == code, capsys.readouterr()
    printed = capsys.readouterr()
    return printed.err if code == 2 else printed.out


def test_the_page_shows_what_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```console\n\$ rcgateway explain (.*)\n((?:.*\n)*?)```", PAGE.read_text("utf-8"))
    assert len(examples) == 3
    for command, shown in examples:
        code = 1 if "metrics" in command else 0
        assert run(capsys, *shlex.split(command), code=code) == shown


def test_the_page_names_all_that_is_in_the_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text("utf-8")
    names: set[str] = set()
    for arguments, code in (
        (("--access", "@access.json", "--descriptors", "@alice.json", "--json", "logs-*"), 0),
        (("--roles", "reader", "--authenticated-by", "a:runner", "--user", "bob", "--json", "metrics"), 1),
    ):
        body = json.loads(run(capsys, *arguments, code=code))
        names |= set(body) | set(body["checks"][0]) | set(body["checks"][0]["sets"][0])
        names |= {name for check in body["checks"] for one in check["sets"] for rule in one["rules"] for name in rule}
    for name in names | {"documents", "fields", "grant", "except", "type", "status", "reason", "caused_by"}:
        assert f"`{name}`" in page


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--access", "@access.json", "--descriptors", json.dumps(ALICE["shop"]), "--json")
    body = json.loads(run(capsys, *arguments, "logs-*"))
    assert (body["allowed"], body["offered"], body["action"], body["names"]) == (True, True, SEARCH, ["logs-app", "logs-web"])
    fields = [[{"grant": ["*"], "except": ["client.*", "host.ip"]}]]
    shop = [{"term": {"service": "shop"}}]
    assert body["indices"] == {
        "logs-app": {"documents": [shop], "fields": fields},
        "logs-web": {"documents": [shop, [{"term": {"tags": "public"}}]], "fields": fields},
    }
    (web,) = [check["sets"][1] for check in body["checks"] if check["name"] == "logs-web"]
    assert web["origin"] == "API key [access]"
    assert web["rules"] == [
        {
            "descriptor": "cross_cluster",
            "privilege": "read",
            "pattern": "logs-web",
            "document_rules": True,
            "field_rules": False,
        }
    ]
    body = json.loads(run(capsys, *arguments, "--action", "indices:admin/create", "logs-app", code=1))
    assert (body["allowed"], body["offered"], body["error"]["status"], body["names"], body["indices"]) == (
        False,
        False,
        403,
        None,
        None,
    )
    assert body["denied_by"] == ["subject info of user [local_user]", "API key [access]"]


def test_a_key_of_the_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ApiKeyStore(folder / "data") as store:
        key_id = store.create("k", parse_access({"search": [{"names": ["metrics"]}]})).key.id
        descriptors = json.dumps({"r": {"indices": [{"names": ["*"], "privileges": ["read"]}]}})
        arguments = ("--key", key_id, "--descriptors", descriptors)
        assert f"API key [{key_id}]: [cross_cluster] grants [read] on [metrics]" in run(capsys, *arguments, "metrics")
        store.invalidate([key_id])
    assert cli.run(["explain", *arguments, "metrics"]) == 0
    assert f"note: API key [{key_id}] is invalidated" in capsys.readouterr().err
    assert "no API key with id [nobody]" in run(capsys, "--key", "nobody", "--descriptors", descriptors, code=2)


def test_roles_of_the_local_cluster(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Elasticsearch's get-role call shows them."""
    shown = {
        "e": {
            "cluster": ["monitor"],
            "indices": [],
            "applications": [],
            "run_as": [],
            "metadata": {},
            "transient_metadata": {"enabled": True},
            "remote_indices": [
                {"clusters": ["east*"], "names": ["logs-*"], "privileges": ["read"], "allow_restricted_indices": False}
            ],
        }
    }
    arguments = ("--access", "@access.json", "--local-roles", json.dumps(shown), "--alias")
    assert "[_remote_user] grants [read] on [logs-*]" in run(capsys, *arguments, "east-1", "logs-app")
    assert cli.run(["explain", *arguments, "west", "logs-app"]) == 1
    assert capsys.readouterr().err.startswith("note: these roles give nothing on [west]")
    printed = run(capsys, "--access", "@access.json", "--local-roles", "superuser", "--alias", "x", "logs-app")
    assert "[_remote_user] grants [all] on [*]" in printed
    both = run(capsys, *arguments, "east", "--local-roles", "superuser", "--json", "logs-app")
    assert len(json.loads(both)["checks"][0]["sets"]) == 3


def test_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    superuser = ("--roles", "superuser")
    assert "no such index [x*]" in run(capsys, *superuser, "--no-allow-no-indices", "x*", code=1)
    assert "no index is left" in run(capsys, *superuser, "x*")
    assert "logs-app" not in run(capsys, *superuser, "--expand-wildcards", "closed", "*")
    nobody = json.loads(run(capsys, "--roles", "reader", "--ignore-unavailable", "--json", "metrics", "logs-app"))
    assert nobody["names"] == ["logs-app"]
    assert "allowed: cluster:monitor/stats/remote" in run(capsys, *superuser, "--action", "remote_stats")


def test_who_can_have_no_role_is_denied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run(capsys, "--access", "@access.json", "--descriptors", '{"r": {"cluster": ["all"]}}', "logs-app", code=1)
    assert "illegal_argument_exception (400): Role descriptor for cross cluster access can only contain" in printed


def test_elasticsearch_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--access", "@access.json", "--user", "_system", "--action", "cluster:internal/remote_cluster/handshake")
    assert "the system user: [_system_cross_cluster_access] grants [cross_cluster_search]" in run(capsys, *arguments)
    printed = run(capsys, "--roles", "", "--user", "_system", "--action", "internal:transport/handshake")
    assert "grants [internal:*]" in printed


def test_a_document_query_that_cannot_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"r": {"indices": [{"names": ["*"], "privileges": ["read"], "query": '{"has_child": {}}'}]}}
    printed = run(capsys, "--access", "@access.json", "--descriptors", json.dumps(broken), "logs-app")
    assert "every read fails: illegal_argument_exception: has_child query isn't supported as part of a role query" in printed


def test_all_lines_that_grant_are_shown_as_one_may_lift_the_rules_of_another(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = run(capsys, "--roles", "reader", "--action", "field_caps", "logs-*")
    assert "[reader] grants [read] on [logs-*], within its documents and fields\n" in printed
    assert "[reader] grants [view_index_metadata] on [logs-web]\n" in printed
    assert printed.endswith("  logs-web\n    all documents\n    all fields\n")


def test_denied_run_as(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(
        run(capsys, "--roles", "reader", "--user", "carol", "--authenticated-by", "a:runner", "--json", "logs-app", code=1)
    )
    assert (body["checks"][0]["name"], body["checks"][0]["allowed"], body["authenticated_by"]) == ("run as carol", False, "a")
    assert "is unauthorized to run as [carol]" in body["error"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Give one of --key, --access and --roles."),
        (("--roles", "a", "--access", "{}"), "Give one of --key, --access and --roles."),
        (("--access", "@access.json"), "Give one of --descriptors and --local-roles"),
        (
            ("--access", "@access.json", "--descriptors", "{}", "--local-roles", "{}", "--alias", "x"),
            "Give one of --descriptors and",
        ),
        (("--access", "@access.json", "--local-roles", "{}"), "--local-roles and --alias go together."),
        (("--access", "@access.json", "--local-roles", "nothing", "--alias", "x"), "there is no built-in role [nothing]."),
        (("--access", "@access.json", "--local-roles", '{"r": 1}', "--alias", "x"), "--local-roles: failed to parse role"),
        (("--access", "@access.json", "--descriptors", "{}", "--authenticated-by", "a:b"), "goes with --roles"),
        (("--roles", "a", "--descriptors", "{}"), "--descriptors and --local-roles go with --key or --access."),
        (("--roles", "a", "--authenticated-by", "b"), "must be NAME:ROLES"),
        (("--access", "{}", "--descriptors", "{}"), "--access: must specify non-empty access"),
        (("--access", "@access.json", "--descriptors", "[]"), "--descriptors must be a JSON object"),
        (("--access", "@access.json", "--descriptors", "{"), "--descriptors: failed to parse role descriptors"),
        (("--roles", "a", "--expand-wildcards", "open,shut"), "[open,shut] is not allowed"),
        (("--roles", "a", "--expand-wildcards", "open,none"), "[open,none] is not allowed"),
        (("--key", "x", "--descriptors", "{}"), "There is no key store in"),
    ],
)
def test_how_it_may_be_called(folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str) -> None:
    printed = run(capsys, *arguments, code=2)
    assert text in printed
    assert printed.count("\n") == 1


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    roles = """
a: {indices: [{names: ["logs-*"], privileges: [read], query: '{"term": {"level": "ERROR"}}'}]}
b: {indices: [{names: ["products"], privileges: [read], field_security: {grant: [name]}}]}
c: {indices: [{names: ["*"], privileges: [view_index_metadata]}, {names: ["/logs-(app|web)-1/"], privileges: [read]}]}
d: {run_as: [bob]}
"""
    with audited(tmp_path_factory.mktemp("gateway"), roles) as made:
        yield made


EXPRESSIONS = [
    "*",
    "logs-*",
    "logs-app-1",
    "logs-all",
    "products",
    "nowhere",
    "no*",
    "-logs-web-1",
    "_all",
    "events",
    "<logs-{now",
]
PATTERNS = ["*", "logs*", "products", "logs-app-1", "logs-all", "events"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_the_explanation_is_the_decision(gateway: Audited, data: st.DataObject) -> None:
    """For random users, keys and expressions: what the gateway's event says of the request, and what the client gets."""
    names = data.draw(st.lists(st.sampled_from(EXPRESSIONS), max_size=3))
    options = IndicesOptions(
        ignore_unavailable=data.draw(st.booleans()),
        allow_no_indices=data.draw(st.booleans()),
        expand_closed=data.draw(st.booleans()),
        expand_hidden=data.draw(st.booleans()),
    )
    if data.draw(st.booleans()):
        patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2)
        sets = [
            json.dumps({"r": {"indices": [{"names": data.draw(patterns), "privileges": ["read"], **data.draw(_RULES)}]}}).encode()
            for _ in range(data.draw(st.integers(1, 2)))
        ]
        headers = by_key(gateway.key({"search": [{"names": data.draw(patterns)}]}), sets=tuple(sets))
    else:
        roles = data.draw(st.lists(st.sampled_from(["a", "b", "c", "superuser", "missing"]), max_size=2))
        acting = data.draw(st.sampled_from([None, User("al", roles=["d"]), User("al", roles=["a"])]))
        headers = by_certificate(*roles, acting=acting)
    gateway.take()
    request = SearchRequest(indices=names, indices_options=options, source={"size": 0})
    error = await gateway.ask(headers, payload=request.encode(V_8_19))
    (*_, event) = gateway.take()
    explanation = explained(gateway, headers, names, options)
    assert explanation.allowed is (event["event.action"] == "access_granted")
    if explanation.error is not None:
        assert error == explanation.error
    else:
        assert event.get("rcgateway.indices", []) == list(explanation.names or ())
        restricted = [index for index, queries in explanation.documents.items() if queries]
        assert sorted(event.get("rcgateway.document_rules", [])) == restricted
        restricted = [index for index, fields in explanation.fields.items() if fields is not None]
        assert sorted(event.get("rcgateway.field_rules", [])) == restricted
    json.dumps(explanation.to_json())
    assert explanation.text().startswith("allowed: " if explanation.allowed else "denied: ")


_RULES: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [
        {},
        {"query": '{"term": {"level": "ERROR"}}'},
        {"field_security": {"grant": ["level", "@*"]}},
        {"query": '{"match_all": {}}', "field_security": {"grant": ["*"], "except": ["host.*"]}},
    ]
)


def explained(gateway: Audited, headers: dict[str, str], names: list[str], options: IndicesOptions) -> Explanation:
    interface = TRANSPORT if AUTHENTICATION_HEADER in headers else REMOTE_CLUSTER
    dispatcher = gateway.dispatcher
    subject = dispatcher.models[interface].subject(Header(1, Status(0), V_8_19, 100, SEARCH, headers))
    return explain(build_role(subject, dispatcher.roles), SEARCH, names, options, dispatcher.backend.metadata())


def test_an_error_of_the_cause_is_told(gateway: Audited) -> None:
    headers = by_certificate("superuser")
    explanation = explained(gateway, headers, ["<logs-{now/x}>"], IndicesOptions())
    assert isinstance(explanation.error, ElasticsearchException)
    assert "caused by " in explanation.text()
    assert explanation.to_json()["error"]["caused_by"]["type"]
