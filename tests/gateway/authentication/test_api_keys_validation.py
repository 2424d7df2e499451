"""Which keys may be made and changed, and the words of the refusals: Elasticsearch's."""

from typing import Any

import pytest

from gateway.authentication.api_key import Access
from gateway.authentication.api_key_validation import MAX_DISTINGUISHED_NAME_LENGTH, check_key, matches_identity
from gateway.authentication.api_keys import ApiKeyStore
from tests.gateway.authentication.support import LOGS, METRICS, NOW, Clock, refusal
from tests.vectors import read_lines


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("CN=local", "CN=local", True),
        ("CN=local", "CN=local,O=x", False),
        ("CN=local.*", "CN=local,O=x", True),
        ("CN=.*", "CN=a\nb", False),
        ("CN=.*", "CN=a\u2028b", False),
        (r"CN=\d+", "CN=٣", False),
        (r"CN=\w+", "CN=é", False),
        ("(?i)cn=local", "CN=LOCAL", True),
    ],
)
def test_identity(store: ApiKeyStore, pattern: str, name: str, fits: bool) -> None:
    created = store.create("k", LOGS, certificate_identity=pattern)
    if fits:
        store.verify(created.key.id, created.api_key, certificate_dn=name)
        return
    assert refusal(store.verify, created.key.id, created.api_key, certificate_dn=name).reason == (
        f"DN from provided certificate [{name}] does not match API Key certificate identity pattern [{pattern}]"
    )


def test_a_certificate_is_not_asked_of_a_key_without_identity(store: ApiKeyStore) -> None:
    created = store.create("k", LOGS)
    assert store.verify(created.key.id, created.api_key, certificate_dn="CN=whoever") == created.key


@pytest.mark.parametrize(
    ("named", "faults"),
    [
        ({"name": ""}, ["api key name is required"]),
        ({"name": "x" * 257}, ["api key name may not be more than 256 characters long"]),
        ({"name": "😀" * 129}, ["api key name may not be more than 256 characters long"]),
        ({"name": " x"}, ["api key name may not begin or end with whitespace"]),
        ({"name": "_x"}, ["api key name may not begin with an underscore"]),
        (
            {"name": "_" * 257 + " "},
            [
                "api key name may not be more than 256 characters long",
                "api key name may not begin or end with whitespace",
                "api key name may not begin with an underscore",
            ],
        ),
        ({"metadata": {"_x": 1}}, ["API key metadata keys may not start with [_]"]),
        ({"certificate_identity": "CN=("}, ["Invalid certificate_identity format: [CN=(]. Must be a valid regex."]),
        # Python takes these literally, with a warning; in Java they are operations on sets.
        ({"certificate_identity": "CN=[a&&b]"}, ["Invalid certificate_identity format: [CN=[a&&b]]. Must be a valid regex."]),
        ({"certificate_identity": "CN=[[a]b]"}, ["Invalid certificate_identity format: [CN=[[a]b]]. Must be a valid regex."]),
        ({"certificate_identity": "a" * 4097}, [f"Invalid certificate_identity format: [{'a' * 4097}]. Must be a valid regex."]),
    ],
)
def test_what_may_not_be_created(store: ApiKeyStore, named: dict[str, Any], faults: list[str]) -> None:
    error = refusal(store.create, named.pop("name", "k"), LOGS, **named)
    listed = "".join(f"{number}: {fault};" for number, fault in enumerate(faults, 1))
    assert (error.type, error.reason) == ("action_request_validation_exception", f"Validation Failed: {listed}")
    assert store.all_keys() == []


def test_names_at_the_limit(store: ApiKeyStore) -> None:
    for name in ("x" * 256, "😀" * 128, "\u3000x"):
        store.create(name, LOGS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("30", "failed to parse setting [expiration] with value [30] as a time value: unit is missing or unrecognized"),
        ("x", "failed to parse setting [expiration] with value [x] as a time value: unit is missing or unrecognized"),
        ("-2d", "failed to parse setting [expiration] with value [-2d] as a time value: negative durations are not supported"),
        ("1.5d", "failed to parse [1.5d], fractional time values are not supported"),
        ("xd", "failed to parse [xd]"),
    ],
)
def test_expirations_that_are_none(store: ApiKeyStore, text: str, reason: str) -> None:
    error = refusal(store.create, "k", LOGS, expiration=text)
    assert (error.type, error.reason) == ("illegal_argument_exception", reason)


def test_a_rest_key_has_no_access_and_a_cross_cluster_key_has(store: ApiKeyStore) -> None:
    arguments: list[tuple[Access | None, Any]] = [(LOGS, "rest"), (None, "cross_cluster")]
    for access, kind in arguments:
        with pytest.raises(ValueError, match="has an access"):
            store.create("k", access, type=kind)


def test_update_changes_what_is_given(store: ApiKeyStore) -> None:
    created = store.create("k", LOGS, metadata={"a": 1}, certificate_identity="CN=a", expiration="1d")
    key_id = created.key.id

    def now() -> Any:
        key = store.get(key_id)
        assert key is not None
        return key.access, dict(key.metadata), key.certificate_identity, key.expiration

    assert store.update(key_id, access=METRICS)
    assert now() == (METRICS.request, {"a": 1}, "CN=a", NOW + 86_400_000)
    assert store.update(key_id, metadata={})
    assert store.update(key_id, certificate_identity=None)
    assert now() == (METRICS.request, {}, None, NOW + 86_400_000)
    assert store.update(key_id, metadata={}, expiration="2d")
    assert now() == (METRICS.request, {}, None, NOW + 2 * 86_400_000)
    assert store.verify(key_id, created.api_key).role_descriptors == METRICS.role_descriptors


def test_an_update_that_changes_nothing(store: ApiKeyStore) -> None:
    key_id = store.create("k", LOGS, metadata={"a": 1, "b": 2}).key.id
    assert store.update(key_id, access=LOGS, metadata={"b": 2, "a": 1}) is False
    assert store.update(key_id, certificate_identity=None) is False


def test_updates_that_are_refused(store: ApiKeyStore, clock: Clock) -> None:
    key_id = store.create("k", LOGS).key.id
    expiring = store.create("k", LOGS, expiration="1s").key.id
    rest = store.create("k", None, type="rest").key.id
    gone = store.create("k", LOGS).key.id
    store.invalidate([gone])
    clock.seconds += 2
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        (
            key_id,
            {},
            "action_request_validation_exception",
            "Validation Failed: 1: must update [access], [metadata], or [certificate_identity] for cross-cluster API keys;",
        ),
        (
            key_id,
            {"metadata": {}, "expiration": "0"},
            "action_request_validation_exception",
            "Validation Failed: 1: API key expiration must be in the future;",
        ),
        (
            key_id,
            {"metadata": {"_": 1}},
            "action_request_validation_exception",
            "Validation Failed: 1: API key metadata keys may not start with [_];",
        ),
        ("nobody", {"metadata": {}}, "resource_not_found_exception", "no API key owned by requesting user found for ID [nobody]"),
        (gone, {"metadata": {}}, "illegal_argument_exception", f"cannot update invalidated API key [{gone}]"),
        (expiring, {"metadata": {}}, "illegal_argument_exception", f"cannot update expired API key [{expiring}]"),
        (
            rest,
            {"metadata": {}},
            "illegal_argument_exception",
            "cannot update API key of type [rest] while expected type is [cross_cluster]",
        ),
    ]
    for key, named, kind, reason in cases:
        error = refusal(store.update, key, **named)
        assert (error.type, error.reason) == (kind, reason)


IDENTITIES = read_lines("security_identities.jsonl")


@pytest.mark.parametrize("vector", IDENTITIES, ids=[f"{vector['pattern']} {vector['name']}" for vector in IDENTITIES])
def test_identities_match_as_in_java_or_less(vector: dict[str, Any]) -> None:
    """What is refused though Java takes it, and names of several lines, which match nothing."""
    pattern, name = vector["pattern"], vector["name"]
    narrower = {r"CN=\p{Lower}", "CN=[a-z&&[^b]]", "CN=[[a-z]]", "(?x)C N = x", "(?u)CN=x", r"CN=\0170"}
    if vector.get("invalid") or pattern in narrower:
        assert "Must be a valid regex" in str(refusal(check_key, "k", None, pattern).reason)
        assert not matches_identity(pattern, name)
    else:
        check_key("k", None, pattern)
        assert matches_identity(pattern, name) is (vector["matches"] and "\n" not in name)


def test_a_name_longer_than_any_is_not_compared() -> None:
    assert matches_identity("(.*)", "x" * MAX_DISTINGUISHED_NAME_LENGTH)
    assert not matches_identity("(.*)", "x" * (MAX_DISTINGUISHED_NAME_LENGTH + 1))
