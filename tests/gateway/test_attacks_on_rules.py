"""Forged subject infos, and descriptors that are made to cost: whatever is sent, the key bounds it, and work has a bound."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.documents import DemoIndex
from protocol.connection import ServerConnection, State
from protocol.errors import ElasticsearchException, WireError
from protocol.frames import Status, encode_frame
from protocol.security import SUBJECT_INFO_HEADER, Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19
from tests.gateway.exported import REALM, Asking, Remote, exported

BOUND_SECONDS = 20.0
"""Far more than any of this takes, and far less than what is asked for would take."""
MAPPINGS = {"properties": {"tenant": {"type": "keyword"}, "secret": {"type": "keyword"}}}
DOCUMENTS = tuple((f"id{number}", {"tenant": "ab"[number % 2], "secret": f"s{number}"}) for number in range(10))
ACCESS = {"names": ["open"], "query": '{"term": {"tenant": "a"}}', "field_security": {"grant": ["tenant"]}}
ALL = b'{"r":{"indices":[{"names":["*"],"privileges":["all"],"allow_restricted_indices":true}]}}'


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    body = {"mappings": MAPPINGS, "settings": {}}
    indices = [DemoIndex("open", body, DOCUMENTS), DemoIndex("vault", body, DOCUMENTS)]
    with exported(tmp_path_factory.mktemp("rules"), indices) as remote:
        yield remote


@pytest.fixture(scope="module")
def narrow(remote: Remote) -> str:
    """The credentials of a key that shows the documents of one tenant in one index, and one field."""
    return remote.key(ACCESS)


@pytest.fixture(autouse=True)
def quiet(unconfigured_logs: None) -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@contextmanager
def bounded() -> Iterator[None]:
    """Fails, rather than waits, when work has no end. An alarm, since the work does not give the loop a chance to look at the time."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still at work after {BOUND_SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, BOUND_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seen(who: Asking) -> list[tuple[str, str, Any]]:
    """Index, id and source of everything that the user can get at; nothing where the request is refused."""
    return found(who, "*")


def found(who: Asking, *names: str) -> list[tuple[str, str, Any]]:
    try:
        answer = who.search(*names, size=100, query={"match_all": {}})
    except ElasticsearchException as error:
        refusal = error
    else:
        return [(str(hit.index), str(hit.id), json.loads(hit.source or b"{}")) for hit in answer.hits.hits]
    assert not str(refusal.reason).startswith("internal error"), refusal
    return []


ALLOWED = [("open", f"id{number}", {"tenant": "a"}) for number in range(0, 10, 2)]


def within_the_key(documents: list[tuple[str, str, Any]]) -> bool:
    return all(one in ALLOWED for one in documents)


def test_the_key_alone_bounds_a_user_who_claims_everything(remote: Remote, narrow: str) -> None:
    assert seen(remote.user(ALL, credentials=narrow)) == ALLOWED


CLAIMS = {
    "an internal user": Authentication(
        User("_xpack_security", internal=True), RealmRef(node_name="n", name="__attach", type="__attach"), version=V_8_19
    ),
    "the system": Authentication(
        User("_system", internal=True), RealmRef(node_name="n", name="__attach", type="__attach"), version=V_8_19
    ),
    "a superuser": Authentication(User("elastic", roles=["superuser"]), REALM, version=V_8_19),
    "an API key with its own descriptors": Authentication(
        User("alice"),
        RealmRef(node_name="n", name="_es_api_key", type="_es_api_key"),
        type=AuthenticationType.API_KEY,
        metadata={
            "_security_api_key_id": "x",
            "_security_api_key_role_descriptors": ALL,
            "_security_api_key_limited_by_role_descriptors": ALL,
        },
        version=V_8_19,
    ),
    "one who was authenticated elsewhere": Authentication(
        User("alice"),
        RealmRef(node_name="n", name="_es_cross_cluster_access", type="_es_cross_cluster_access"),
        type=AuthenticationType.API_KEY,
        metadata={"_security_api_key_id": "x", "_security_cross_cluster_access_role_descriptors": [ALL]},
        version=V_8_19,
    ),
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))
def test_nobody_is_more_than_the_key(remote: Remote, narrow: str, claim: Authentication) -> None:
    for sets in ([ALL], [ALL, ALL], []):
        assert within_the_key(seen(remote.asking(SubjectInfo(claim, list(sets)).encode(), narrow)))


def test_no_set_is_nothing(remote: Remote, narrow: str) -> None:
    assert seen(remote.user(credentials=narrow)) == []
    assert seen(remote.user(ALL, b"{}", credentials=narrow)) == []


def test_the_other_models_header_gives_nothing_here(remote: Remote, narrow: str) -> None:
    superuser = Authentication(User("elastic", roles=["superuser"]), REALM, version=V_8_19)
    info = SubjectInfo(Authentication(User("alice"), REALM, version=V_8_19), [ALL]).encode()
    with pytest.raises(ElasticsearchException, match="is not allowed for cross cluster requests"):
        remote.asking(info, narrow, _xpack_security_authentication=superuser.encode()).search("*")


FOREIGN = [
    {"cluster": ["all"]},
    {"cluster": ["manage_security"]},
    {"applications": [{"application": "*", "privileges": ["*"], "resources": ["*"]}]},
    {"run_as": ["*"]},
    {"global": {"application": {"manage": {"applications": ["*"]}}}},
    {"remote_indices": [{"names": ["*"], "privileges": ["all"], "clusters": ["*"]}]},
]


@pytest.mark.parametrize("more", FOREIGN, ids=lambda more: next(iter(more)))
def test_privileges_that_do_not_travel_are_refused(remote: Remote, more: dict[str, Any]) -> None:
    body = {"indices": [{"names": ["*"], "privileges": ["all"]}], **more}
    with pytest.raises(ElasticsearchException, match="can only contain index and cluster privileges but other privileges found"):
        remote.user(json.dumps({"r": body}).encode()).search("*")


def test_a_subject_info_beyond_the_limit_of_headers_ends_the_connection_unread() -> None:
    large = json.dumps({"r": {"indices": [{"names": [f"index-{number}" for number in range(10_000)], "privileges": ["all"]}]}})
    info = SubjectInfo(CLAIMS["a superuser"], [large.encode()]).encode()
    frame = encode_frame(
        request_id=1, status=Status(0), version=V_8_19, payload=b"", action="a", request_headers={SUBJECT_INFO_HEADER: info}
    )
    machine = ServerConnection(offered=V_8_19, release="8.19.21")
    with pytest.raises(WireError, match=r"header size \[\d+\] exceeds limit of \[65536b\]"):
        list(machine.receive_data(frame[:100]))
    assert machine.state is State.CLOSED


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_subject_info_gives_no_more(remote: Remote, narrow: str, data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(SubjectInfo(CLAIMS["a superuser"], [ALL]).encode()))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    info = base64.b64encode(bytes(raw[:cut]) if data.draw(st.booleans()) else bytes(raw)).decode()
    assert within_the_key(seen(remote.asking(info, narrow)))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_for_a_subject_info_gives_no_more(remote: Remote, narrow: str, text: str) -> None:
    assert within_the_key(seen(remote.asking(text, narrow)))


LONG = "(a|b|ab)*" * 30 + "c"
BOMBS: dict[str, dict[str, Any]] = {
    "nested repetition in a name": {"names": ["/((a*)*)*b/"], "privileges": ["read"]},
    "counted repetition in a name": {"names": ["/((a{0,1000}){0,1000}){0,1000}/"], "privileges": ["read"]},
    "a long way back in a name": {"names": ["/.*a.{0,200}/", "/(.*a){20}.*/"], "privileges": ["read"]},
    "complement in a name": {"names": ["/~(~(~((a|b)*a(a|b){30})))/"], "privileges": ["read"]},
    "intersection in a name": {"names": ["/(" + "&".join(f".*{c}.*" for c in "abcdefghijklmnop") + ")/"], "privileges": ["read"]},
    "interval in a name": {"names": ["/<0-99999999999999999999>*/"], "privileges": ["read"]},
    "alternatives in a name": {"names": [f"/{LONG}/"], "privileges": ["read"]},
    "brackets in a name": {"names": ["/" + "(" * 20_000 + "a" + ")" * 20_000 + "/"], "privileges": ["read"]},
    "stars in a name": {"names": ["*" + "a*" * 2_000 + "b"], "privileges": ["read"]},
    "many names": {"names": [f"*{number}*" for number in range(2_000)], "privileges": ["read"]},
    "an action pattern": {"names": ["*"], "privileges": ["indices:data/read/" + "*a" * 2_000]},
    "repetition in a field": {
        "names": ["*"],
        "privileges": ["read"],
        "field_security": {"grant": ["/((a{0,1000}){0,1000}){0,1000}/"]},
    },
    "fields that exclude": {
        "names": ["*"],
        "privileges": ["read"],
        "field_security": {"grant": ["/(.*a.{0,60}|.*b.{0,60})/"], "except": ["/.*a.{0,50}b.{0,50}/"]},
    },
    "stars in a field": {"names": ["*"], "privileges": ["read"], "field_security": {"grant": ["*" + "a*" * 2_000 + "b"]}},
    "a deep query": {"names": ["*"], "privileges": ["read"], "query": '{"bool":{"must":' * 5_000 + "{}" + "}}" * 5_000},
    "a wide query": {
        "names": ["*"],
        "privileges": ["read"],
        "query": json.dumps({"bool": {"should": [{"wildcard": {"secret": f"*{number}*"}} for number in range(2_000)]}}),
    },
    "a regular expression in a query": {
        "names": ["*"],
        "privileges": ["read"],
        "query": json.dumps({"regexp": {"secret": "((s{0,1000}){0,1000}){0,1000}"}}),
    },
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=list(BOMBS))
def test_a_descriptor_that_is_made_to_cost_costs_little(remote: Remote, narrow: str, bomb: dict[str, Any]) -> None:
    who = remote.user(json.dumps({"r": {"indices": [bomb]}}).encode(), credentials=narrow)
    with bounded():
        seen_there = found(who, "*", "open", "a" * 50)
    assert within_the_key(seen_there)
