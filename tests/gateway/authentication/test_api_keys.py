"""Texts and their order are Elasticsearch's: ApiKeyService of x-pack security, and the reference of the remote cluster interface."""

import base64
import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from gateway.authentication import api_keys
from gateway.authentication.api_key import CreatedApiKey
from gateway.authentication.api_key_database import Record
from gateway.authentication.api_keys import POLL_INTERVAL, ApiKeyStore
from tests.gateway.authentication.support import LOGS, METRICS, NOW, Clock, refusal


def test_a_new_key_in_elasticsearchs_forms(store: ApiKeyStore) -> None:
    created = store.create("k1", LOGS, expiration="30d", metadata={"team": "a"}, certificate_identity="CN=.*")
    shown = created.to_json()
    assert list(shown) == ["id", "name", "expiration", "api_key", "encoded"]
    assert (len(shown["id"]), len(shown["api_key"])) == (20, 22)
    assert base64.b64decode(shown["encoded"]).decode() == f"{shown['id']}:{shown['api_key']}"
    assert shown["expiration"] == NOW + 30 * 86400 * 1000
    key = store.get(shown["id"])
    assert key is not None
    assert key.to_json() == {
        "id": shown["id"],
        "name": "k1",
        "type": "cross_cluster",
        "creation": NOW,
        "expiration": NOW + 30 * 86400 * 1000,
        "invalidated": False,
        "username": "_gateway",
        "realm": "gateway",
        "realm_type": "gateway",
        "metadata": {"team": "a"},
        "role_descriptors": LOGS.role_descriptors,
        "certificate_identity": "CN=.*",
        "access": LOGS.request,
    }


def test_no_expiration_is_not_shown(store: ApiKeyStore) -> None:
    created = store.create("k1", LOGS)
    assert "expiration" not in created.to_json()
    assert "expiration" not in created.key.to_json()


def test_the_secret_is_nowhere_but_in_the_answer(store: ApiKeyStore) -> None:
    created = store.create("k1", LOGS)
    assert created.api_key not in repr(created)
    assert created.api_key not in json.dumps(created.key.to_json())
    for path in store.path.parent.iterdir():
        assert created.api_key.encode() not in path.read_bytes()
        assert base64.b64encode(created.api_key.encode()).rstrip(b"=") not in path.read_bytes()


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with ApiKeyStore(tmp_path / "data") as store:
            store.create("k1", LOGS)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
            assert set(modes.values()) == {0o600}
            assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_two_keys_share_nothing(store: ApiKeyStore) -> None:
    made = [store.create("same", LOGS) for _ in range(50)]
    assert len({each.key.id for each in made}) == len({each.api_key for each in made}) == 50
    assert not any(each.key.id.startswith("-") for each in made)
    with sqlite3.connect(store.path) as database:
        assert len(set(database.execute("SELECT salt FROM api_keys").fetchall())) == 50
    database.close()


def test_a_right_credential(store: ApiKeyStore) -> None:
    created = store.create("k1", LOGS)
    for _ in range(2):
        assert store.verify(created.key.id, created.api_key) == created.key


def test_refusals_are_those_of_elasticsearch(store: ApiKeyStore, clock: Clock) -> None:
    good = store.create("good", LOGS)
    expired = store.create("expired", LOGS, expiration="10s")
    invalid = store.create("invalid", LOGS)
    rest = store.create("rest", None, type="rest")
    bound = store.create("bound", LOGS, certificate_identity="CN=local,.*")
    store.invalidate([invalid.key.id])
    clock.seconds += 10
    cases = [
        ("nobody", "x" * 22, "unable to find apikey with id nobody"),
        (good.key.id, expired.api_key, f"invalid credentials for API key [{good.key.id}]"),
        (good.key.id, "", f"invalid credentials for API key [{good.key.id}]"),
        (good.key.id, "é\ud800", f"invalid credentials for API key [{good.key.id}]"),
        (expired.key.id, expired.api_key, "api key is expired"),
        (invalid.key.id, invalid.api_key, f"api key [{invalid.key.id}] has been invalidated"),
        (
            rest.key.id,
            rest.api_key,
            f"authentication expected API key type of [cross_cluster], but API key [{rest.key.id}] has type [rest]",
        ),
        (
            bound.key.id,
            bound.api_key,
            f"API key (type:[cross_cluster], id:[{bound.key.id}]) requires certificate identity matching [CN=local,.*], "
            "but no certificate was provided",
        ),
    ]
    for key_id, secret, reason in cases:
        error = refusal(store.verify, key_id, secret)
        assert (error.type, error.status, error.reason) == ("security_exception", 401, reason)
        assert error.headers == {"WWW-Authenticate": ['Basic realm="security", charset="UTF-8"']}


def test_of_several_faults_the_first_is_told(store: ApiKeyStore, clock: Clock) -> None:
    """Invalidated, secret, type, identity, expiry."""
    created = store.create("k", None, type="rest", expiration="1s", certificate_identity="CN=x")
    key_id, secret = created.key.id, created.api_key
    bound = store.create("k", LOGS, expiration="1s", certificate_identity="CN=x")
    clock.seconds += 5
    assert (refusal(store.verify, key_id, "wrong").reason or "").startswith("invalid credentials")
    assert (refusal(store.verify, key_id, secret).reason or "").startswith("authentication expected API key type")
    assert "requires certificate identity" in (refusal(store.verify, bound.key.id, bound.api_key).reason or "")
    assert refusal(store.verify, bound.key.id, bound.api_key, certificate_dn="CN=x").reason == "api key is expired"
    store.invalidate([key_id])
    assert (refusal(store.verify, key_id, "wrong").reason or "").endswith("has been invalidated")


def test_the_moment_of_expiry(store: ApiKeyStore) -> None:
    created = store.create("k", LOGS, expiration="1500ms")
    # Elasticsearch counts a lifetime in whole seconds.
    assert created.key.expiration == NOW + 1000
    store.verify(created.key.id, created.api_key, now=NOW + 999)
    assert refusal(store.verify, created.key.id, created.api_key, now=NOW + 1000).reason == "api key is expired"


def test_invalidation_is_for_good(store: ApiKeyStore, clock: Clock) -> None:
    first, second, third = (store.create(name, LOGS).key.id for name in ("a", "a", "b"))
    clock.seconds += 1
    assert store.invalidate([first, "nobody", first]).to_json() == {
        "invalidated_api_keys": [first],
        "previously_invalidated_api_keys": [],
        "error_count": 0,
    }
    clock.seconds += 1
    result = store.invalidate(name="a")
    assert (result.invalidated, result.previously_invalidated) == ((second,), (first,))
    shown = {key.id: (key.invalidated, key.invalidation) for key in store.all_keys()}
    assert shown == {first: (True, NOW + 1000), second: (True, NOW + 2000), third: (False, None)}
    assert refusal(store.invalidate).reason == "One of [api key id, api key name, username, realm name] must be specified"


def test_keys_come_in_the_order_of_their_creation(store: ApiKeyStore, clock: Clock) -> None:
    ids = []
    for number in range(20):
        clock.seconds += number % 2
        ids.append(store.create("k", LOGS).key.id)
    assert [key.id for key in store.all_keys()] == ids


def test_a_change_of_another_process_is_honoured_within_the_poll_interval(
    store: ApiKeyStore, other: ApiKeyStore, clock: Clock
) -> None:
    created = store.create("k", LOGS)
    store.verify(created.key.id, created.api_key)
    generation = store.generation
    other.update(created.key.id, access=METRICS)
    clock.seconds += POLL_INTERVAL
    assert store.verify(created.key.id, created.api_key).access == METRICS.request
    assert store.generation > generation
    other.invalidate([created.key.id])
    clock.seconds += POLL_INTERVAL
    assert (refusal(store.verify, created.key.id, created.api_key).reason or "").endswith("has been invalidated")


def test_a_key_of_another_process_is_known_at_once(store: ApiKeyStore, other: ApiKeyStore) -> None:
    created = other.create("k", LOGS)
    assert store.verify(created.key.id, created.api_key) == created.key


def test_an_own_change_is_honoured_at_once(store: ApiKeyStore) -> None:
    created = store.create("k", LOGS)
    store.verify(created.key.id, created.api_key)
    generation = store.generation
    store.invalidate([created.key.id])
    assert store.generation > generation
    assert (refusal(store.verify, created.key.id, created.api_key).reason or "").endswith("has been invalidated")


def test_a_store_put_in_the_place_of_ours_is_opened(store: ApiKeyStore, tmp_path: Path, clock: Clock) -> None:
    created = store.create("k", LOGS)
    store.verify(created.key.id, created.api_key)
    with ApiKeyStore(tmp_path / "backup", clock=clock.wall) as backup:
        replacement = backup.create("k", LOGS)
    for path in store.path.parent.glob("*-*"):
        path.unlink()
    backup.path.replace(store.path)
    clock.seconds += POLL_INTERVAL
    assert store.verify(replacement.key.id, replacement.api_key) == replacement.key
    assert refusal(store.verify, created.key.id, created.api_key).reason == f"unable to find apikey with id {created.key.id}"


def test_without_its_file_the_store_lets_nobody_in(store: ApiKeyStore, clock: Clock) -> None:
    created = store.create("k", LOGS)
    store.verify(created.key.id, created.api_key)
    store.path.unlink()
    clock.seconds += POLL_INTERVAL
    for _ in range(2):
        error = refusal(store.verify, created.key.id, created.api_key)
        assert (error.type, error.status) == ("security_exception", 401)
        assert error.reason == f"apikey authentication for id {created.key.id} encountered a failure"
    assert not store.path.exists()


def test_a_row_that_cannot_be_read_lets_nobody_in(store: ApiKeyStore, clock: Clock) -> None:
    first, second = (store.create("k", LOGS) for _ in range(2))
    database = sqlite3.connect(store.path)
    database.execute("UPDATE api_keys SET document = '{}' WHERE id = ?", (first.key.id,))
    database.commit()
    database.close()
    clock.seconds += POLL_INTERVAL
    assert (
        refusal(store.verify, first.key.id, first.api_key).reason
        == f"apikey authentication for id {first.key.id} encountered a failure"
    )
    store.verify(second.key.id, second.api_key)


def test_fields_may_not_be_moved_to_another_key(store: ApiKeyStore, clock: Clock) -> None:
    """Not even by hand in the file: whoever edits it copies a document to the wrong row more easily than to the right one."""
    narrow, wide = store.create("narrow", LOGS), store.create("wide", METRICS)
    database = sqlite3.connect(store.path)
    database.execute(
        "UPDATE api_keys SET document = (SELECT document FROM api_keys WHERE id = ?) WHERE id = ?", (wide.key.id, narrow.key.id)
    )
    database.commit()
    database.close()
    clock.seconds += POLL_INTERVAL
    assert "encountered a failure" in (refusal(store.verify, narrow.key.id, narrow.api_key).reason or "")


def test_the_cache_is_bounded_and_forgets_with_time(store: ApiKeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    load = store._database.load
    monkeypatch.setattr(api_keys, "CACHE_SIZE", 2)

    def counted(key_id: str) -> Record | None:
        loads.append(key_id)
        return load(key_id)

    monkeypatch.setattr(store._database, "load", counted)
    first, second, third = (store.create("k", LOGS) for _ in range(3))

    def verify(*created: CreatedApiKey) -> list[str]:
        loads.clear()
        for each in created:
            store.verify(each.key.id, each.api_key)
        return list(loads)

    assert verify(first, second, first) == [first.key.id, second.key.id]
    # The one that was not used for longest goes.
    assert verify(third, first, second) == [third.key.id, second.key.id]
    clock.seconds += api_keys.CACHE_SECONDS
    assert verify(second) == [second.key.id]
    for _ in range(3):
        refusal(store.verify, "nobody", "x")
    assert verify(second) == []


def test_a_store_of_another_version_is_refused(store: ApiKeyStore) -> None:
    database = sqlite3.connect(store.path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ValueError, match=r"has version \[99\] of the key store, this release reads \[1\]"):
        ApiKeyStore(store.path.parent)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "api_keys.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        ApiKeyStore(tmp_path)
    assert (tmp_path / "api_keys.sqlite").read_bytes() == b"x" * 5000


def test_keys_outlive_the_process(store: ApiKeyStore, tmp_path: Path) -> None:
    created = store.create("k", LOGS)
    store.close()
    with ApiKeyStore(tmp_path / "data") as again:
        assert again.verify(created.key.id, created.api_key) == created.key
