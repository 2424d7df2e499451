"""Refusals: what a real remote says, the gateway says, by status, type and reason; ids, addresses and names of nodes aside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.security import Authentication, AuthenticationType, RealmRef, SubjectInfo, SubjectType, User
from protocol.versions import V_8_19
from tests.elasticsearch.case import Case
from tests.elasticsearch.cases_failing import EVERYWHERE, FAILING
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rig.clusters import USER_PASSWORD, Clusters, forget_remote, set_remote
from tests.elasticsearch.rig.keys import BAD_KEYS
from tests.elasticsearch.rig.maven import NEWEST_8, NEWEST_9
from tests.elasticsearch.rig.raw import RawClient
from tests.elasticsearch.ways import EVERY_WAY
from tests.vectors import read_lines

VERSIONS = pytest.mark.parametrize("version", [NEWEST_9, NEWEST_8])
RACES = 5
UNSUCCESSFUL = "es.additional_unsuccessful_credentials"
CREDENTIALS, SUBJECT_INFO = "_cross_cluster_access_credentials", "_cross_cluster_access_subject_info"


def search(clusters: Clusters, version: str, alias: str, expression: str, user: str | None = None, body: Any = None) -> Any:
    login = ("elastic", "changeme") if user is None else (user, USER_PASSWORD)
    with clusters.locals[version].client(*login) as client:
        answer = client.post("/" + expression.replace("R:", f"{alias}:") + "/_search", json=body or {})
    return {"status": answer.status_code, "body": _without_names(normalize(answer.json(), alias), clusters)}


def _without_names(value: Any, clusters: Clusters) -> Any:
    if isinstance(value, dict):
        return {key: _without_names(entry, clusters) for key, entry in value.items() if key not in ("index_uuid", "node")}
    if isinstance(value, list):
        return [_without_names(entry, clusters) for entry in value]
    if not isinstance(value, str):
        return value
    for key in clusters.keys.values():
        value = value.replace(key["id"], "KEY")
    value = re.sub(r"\[(?:remote|gateway)\]", "[NODE]", value)
    value = re.sub(r"of user \[[\w@-]+\]", "of user [CREATOR]", value)
    return re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", value)


EXPRESSIONS = {
    "outside": "R:secret",
    "outside-missing": "R:nowhere",
    "missing": "R:missing",
    "several": "R:logs-app-1,R:secret",
    "missing-of-several": "R:logs-app-1,R:missing",
    "no-match-not-allowed": "R:missing-*?allow_no_indices=false",
}


@VERSIONS
@pytest.mark.parametrize("model", ["key", "cert"])
@pytest.mark.parametrize("user", [None, "alice", "bob"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_index_is_refused_in_the_same_words(clusters: Clusters, version: str, model: str, user: str | None, name: str) -> None:
    expression, _, parameters = EXPRESSIONS[name].partition("?")
    expression = f"{expression}/_search?{parameters}" if parameters else expression
    real = search(clusters, version, f"real_{model}_proxy", expression.replace("/_search", ""), user)
    ours = search(clusters, version, f"gw_{model}_proxy", expression.replace("/_search", ""), user)
    assert not (found := list(differences(real, ours))), "\n".join(found)


FAILURES = [
    (version, *failure)
    for number, failure in enumerate(
        [*((name, "R:logs-app-1") for name in FAILING), *((name, "R:logs-*") for name in EVERYWHERE)]
    )
    for version in ((NEWEST_9, NEWEST_8) if EVERY_WAY else ((NEWEST_9, NEWEST_8)[number % 2],))
]


@pytest.mark.parametrize(("version", "name", "expression"), FAILURES)
def test_a_search_fails_in_the_same_words(clusters: Clusters, version: str, name: str, expression: str) -> None:
    case = Case(name, expression, FAILING[name])
    real, ours = (
        search(clusters, version, alias, expression, body=case.sent(alias)) for alias in ("real_key_proxy", "gw_key_proxy")
    )
    assert real["status"] >= 400, "the case itself is wrong"
    assert not (found := list(differences(real, ours))), "\n".join(found)


@VERSIONS
@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_bad_key_does_not_connect(clusters: Clusters, version: str, name: str) -> None:
    ours = search_with_bad_key(clusters, version, "gw", name)
    assert ours["status"] >= 400
    assert_told_alike(lambda: search_with_bad_key(clusters, version, "real", name), ours)


def assert_told_alike(ask_real: Callable[[], Any], ours: Any) -> None:
    """A real node's two checks race, so it is asked until it has told what the gateway tells."""
    found: list[str] = []
    for _ in range(RACES):
        if not (found := unlike_either_check(ask_real(), ours)):
            return
    pytest.fail("\n".join(found))


def unlike_either_check(real: Any, ours: Any) -> list[str]:
    """What differs from the gateway's words, when it is not in the words of a real node's first check, which races with the second."""
    found = list(differences(real, ours))
    return found if found and list(differences(real, first_check(ours))) else []


def first_check(refusal: Any) -> Any:
    """A refusal of the second check as the first one tells it: the fault itself, and one challenge."""
    if isinstance(refusal, list):
        return [first_check(each) for each in refusal]
    if not isinstance(refusal, dict):
        return refusal
    told = {key: first_check(value) for key, value in refusal.items()}
    faults = [told.pop("additional_unsuccessful_credentials", None), *told.get("metadata", {}).pop(UNSUCCESSFUL, [])]
    for fault in filter(None, faults):
        told["reason"] = fault.removeprefix("API key: ")
    if "headers" in told:
        told["headers"] = {name: values[:1] for name, values in told["headers"].items()}
    if isinstance(told.get("header"), dict):
        told["header"] = {name: values[0] for name, values in told["header"].items()}
    return told


def search_with_bad_key(clusters: Clusters, version: str, kind: str, name: str) -> Any:
    local, alias = clusters.locals[version], f"{kind}_{name}"
    set_remote(local, alias, {"mode": "proxy", "proxy_address": clusters.address(kind, "key"), "skip_unavailable": False})
    try:
        return search(clusters, version, alias, "R:logs-app-1")
    finally:
        forget_remote(local, alias)


def encoded(clusters: Clusters, kind: str, name: str = "main") -> str:
    return "ApiKey " + str(clusters.keys[kind, name]["encoded"])


def subject_info(authentication: Authentication, *descriptors: bytes) -> str:
    return SubjectInfo(authentication, list(descriptors)).encode()


REALM = RealmRef(node_name="local", name="native1", type="native")
ALICE = Authentication(User("alice", roles=["r1"]), REALM, version=V_8_19)
READ_ALL = b'{"_remote_user":{"cluster":[],"indices":[{"names":["*"],"privileges":["all"]}]}}'
NESTED = next(
    authentication
    for line in read_lines("headers.jsonl")
    if line["kind"] == "authentication"
    and (authentication := Authentication.decode(line["header"])).subject_type is SubjectType.CROSS_CLUSTER_ACCESS
)
"""What a remote cluster made of a cross-cluster request, sent on to the next one."""
ATTACHED = RealmRef(node_name="local", name="__attach", type="__attach")
INTERNAL = Authentication(User("_xpack", internal=True), ATTACHED, AuthenticationType.INTERNAL, version=V_8_19)

HEADERS: dict[str, dict[str, str]] = {
    "no-credentials": {SUBJECT_INFO: subject_info(ALICE, READ_ALL)},
    "no-subject-info": {CREDENTIALS: "MAIN"},
    "extra-header": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(ALICE, READ_ALL), "_xpack_security_authentication": "x"},
    "not-an-api-key": {CREDENTIALS: "Basic abc", SUBJECT_INFO: subject_info(ALICE, READ_ALL)},
    "internal-user": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(INTERNAL)},
    "nested": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(NESTED, READ_ALL)},
    "no-descriptors": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(ALICE)},
    "empty-descriptors": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(ALICE, b"{}")},
    "foreign-privileges": {CREDENTIALS: "MAIN", SUBJECT_INFO: subject_info(ALICE, b'{"r":{"cluster":[],"run_as":["bob"]}}')},
    "unknown-privilege": {
        CREDENTIALS: "MAIN",
        SUBJECT_INFO: subject_info(ALICE, b'{"r":{"indices":[{"names":["*"],"privileges":["nonsense"]}]}}'),
    },
    "five-sets": {
        CREDENTIALS: "MAIN",
        SUBJECT_INFO: subject_info(ALICE, *[READ_ALL] * 4, b'{"r":{"indices":[{"names":["x"],"privileges":["read"]}]}}'),
    },
    **{name: {CREDENTIALS: name, SUBJECT_INFO: subject_info(ALICE, READ_ALL)} for name in BAD_KEYS},
}
CLOSED = {"no-credentials", "not-an-api-key", *BAD_KEYS}
"""Refused by their header: the connection is closed after the answer."""


def ask(clusters: Clusters, kind: str, headers: dict[str, str], index: str) -> tuple[Any, bool]:
    """What a hand-made client is told, and whether the connection is closed after."""
    certificates = clusters.folder / "certificates"
    sent = dict(headers)
    if sent.get(CREDENTIALS) == "MAIN":
        sent[CREDENTIALS] = encoded(clusters, kind)
    elif sent.get(CREDENTIALS) in BAD_KEYS:
        sent[CREDENTIALS] = encoded(clusters, kind, sent[CREDENTIALS])
    with RawClient(clusters.address(kind, "key"), certificates / "ca.crt") as client:
        client.shake_hands()
        payload = SearchRequest(indices=[index], source={"size": 0}).encode(V_8_19)
        answer = client.call(SEARCH, payload, sent)
        assert isinstance(answer, ElasticsearchException), "it was allowed"
        return _shown(answer, clusters), _answers_a_ping(client)


def _answers_a_ping(client: RawClient) -> bool:
    try:
        client.socket.sendall(b"ES\xff\xff\xff\xff")
        return client.receive() is not None
    except (TimeoutError, OSError):
        return False


def _shown(error: ElasticsearchException, clusters: Clusters) -> Any:
    """An exception inside its transport wrapper, as a tree of what a user sees."""
    while error.type == "remote_transport_exception" and error.cause is not None:
        error = error.cause
    shown = {
        "type": error.type,
        "reason": error.reason,
        "status": status_of(error),
        "headers": error.headers,
        "metadata": error.metadata,
    }
    if error.cause is not None:
        shown["cause"] = _shown(error.cause, clusters)
    return _without_names(shown, clusters)


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_refused_in_the_same_words(clusters: Clusters, name: str) -> None:
    ours, open_still = ask(clusters, "gw", HEADERS[name], "logs-app-1")
    assert_told_alike(lambda: ask(clusters, "real", HEADERS[name], "logs-app-1")[0], ours)
    assert open_still is (name not in CLOSED)
