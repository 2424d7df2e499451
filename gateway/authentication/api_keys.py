"""API keys: their store in SQLite, and the check of a credential against it.

The store is used from one thread, that of the event loop: its calls are short (a read by primary key takes tens of microseconds),
and reads do not wait for the writes of other processes (WAL). Those, such as ``rcgateway keys``, change the same file at any
time; SQLite's ``data_version`` tells that they did, and is asked at most every POLL_INTERVAL. Each forked worker must open its
own store.

Secrets have 128 bits from the system's generator, so a salted SHA-256 protects them as well as a slow hash would. Elasticsearch
uses it for API keys too.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from gateway.authentication.api_key import Access, ApiKey, CreatedApiKey, Invalidation, KeyType
from gateway.authentication.api_key_database import Database, Record
from gateway.authentication.api_key_validation import check_key, check_update, matches_identity, parse_expiration
from gateway.authentication.subjects import BASIC_CHALLENGE
from protocol.errors import ElasticsearchException

FILE_NAME = "api_keys.sqlite"
SECRET_BYTES = 16  # 22 characters of base64
CACHE_SIZE = 25_000  # Elasticsearch's xpack.security.authc.api_key.cache.max_keys
CACHE_SECONDS = 24 * 3600.0  # and its cache.ttl
POLL_INTERVAL = 0.2  # seconds; a change of another process is honoured within it
DEFAULT_USERNAME = "_gateway"
DEFAULT_REALM = "gateway"


class _Unchanged:
    """The type of UNCHANGED."""


UNCHANGED: Final = _Unchanged()


# An unknown id is hashed against this, so that it takes the time of a known one.
_NOBODY_SALT = b"\0" * 16


class RefusedCredential(ElasticsearchException):
    """A credential that is not good: a security_exception of status 401.

    Elasticsearch's authentication ``ends_at_once`` where the key is none to be used here; else it goes on to other realms, and ends
    with nobody having been authenticated.
    """

    def __init__(self, reason: str, *, ends_at_once: bool = False) -> None:
        super().__init__("security_exception", reason, status=401, headers={"WWW-Authenticate": [BASIC_CHALLENGE]})
        self.ends_at_once = ends_at_once


class ApiKeyStore:
    """The keys under a folder (``path.data``), which is made when it is missing.

    ``clock`` gives milliseconds since the epoch, ``monotonic`` seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = folder / FILE_NAME
        self._clock = clock
        self._monotonic = monotonic
        self._database = Database(self.path)
        self._data_version = self._database.data_version()
        self._polled = monotonic()
        self._cache: OrderedDict[str, tuple[float, Record]] = OrderedDict()
        self._generation = 0

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> ApiKeyStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def generation(self) -> int:
        """Grows when any key has changed: what was derived from a key under another generation must be thrown away."""
        self._poll()
        return self._generation

    def create(
        self,
        name: str,
        access: Access | None,
        *,
        expiration: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        certificate_identity: str | None = None,
        username: str = DEFAULT_USERNAME,
        realm: str = DEFAULT_REALM,
        realm_type: str = DEFAULT_REALM,
        type: KeyType = "cross_cluster",  # noqa: A002 - Elasticsearch's name of the field
    ) -> CreatedApiKey:
        """A new key (``access``: see ``gateway.authorization.access.parse_access``); ``expiration`` is a time from now, such as ``30d``.

        A key of type ``rest`` has no access and is good for nothing here, other than to be refused by name.
        Raises ElasticsearchException as the create call does.
        """
        if (access is None) != (type == "rest"):
            raise ValueError("a cross-cluster key has an access, a REST key none")
        lifetime = parse_expiration(expiration)
        check_key(name, metadata, certificate_identity)
        now = self._clock()
        key = ApiKey(
            id=_new_id(),
            name=name,
            type=type,
            creation=now,
            expiration=_expiration(now, lifetime),
            invalidated=False,
            invalidation=None,
            username=username,
            realm=realm,
            realm_type=realm_type,
            metadata=dict(metadata or {}),
            certificate_identity=certificate_identity,
            access=access.request if access else None,
            role_descriptors=access.role_descriptors if access else {},
        )
        secret, salt = secrets.token_urlsafe(SECRET_BYTES), secrets.token_bytes(16)
        self._write(Record(key, salt, _digest(salt, secret)))
        return CreatedApiKey(key, secret)

    def update(
        self,
        key_id: str,
        *,
        access: Access | None = None,
        metadata: Mapping[str, Any] | None = None,
        certificate_identity: str | _Unchanged | None = UNCHANGED,
        expiration: str | None = None,
    ) -> bool:
        """Change what is given; a ``certificate_identity`` of None removes it. False when nothing is different.

        Raises ElasticsearchException as the update call does.
        """
        lifetime = parse_expiration(expiration)
        identity = None if isinstance(certificate_identity, _Unchanged) else certificate_identity
        check_update(access is not None, metadata, identity, certificate_identity is not UNCHANGED, lifetime)
        with self._database.transaction():
            record = self._database.load(key_id)
            if record is None:
                raise ElasticsearchException(
                    "resource_not_found_exception", f"no API key owned by requesting user found for ID [{key_id}]"
                )
            key, now = record.key, self._clock()
            _check_updatable(key, now)
            changed = replace(
                key,
                access=key.access if access is None else access.request,
                role_descriptors=key.role_descriptors if access is None else access.role_descriptors,
                metadata=key.metadata if metadata is None else dict(metadata),
                certificate_identity=key.certificate_identity if isinstance(certificate_identity, _Unchanged) else identity,
                expiration=key.expiration if lifetime is None else _expiration(now, lifetime),
            )
            if changed == key:
                return False
            self._write(Record(changed, record.salt, record.hash))
        return True

    def invalidate(self, key_ids: Sequence[str] = (), *, name: str | None = None) -> Invalidation:
        """Invalidate keys by id, or all of a name. There is no way back."""
        if not key_ids and not name:
            raise ElasticsearchException(
                "illegal_argument_exception", "One of [api key id, api key name, username, realm name] must be specified"
            )
        done: list[str] = []
        before: list[str] = []
        now = self._clock()
        with self._database.transaction():
            for record in [self._database.load(key_id) for key_id in dict.fromkeys(key_ids)] if key_ids else self._database.all():
                if record is None or (name and record.key.name != name):
                    continue
                if record.key.invalidated:
                    before.append(record.key.id)
                else:
                    self._write(Record(replace(record.key, invalidated=True, invalidation=now), record.salt, record.hash))
                    done.append(record.key.id)
        return Invalidation(tuple(done), tuple(before))

    def get(self, key_id: str) -> ApiKey | None:
        record = self._database.load(key_id)
        return record.key if record else None

    def all_keys(self) -> list[ApiKey]:
        """All keys, invalid and expired ones too, in the order of their creation."""
        return [record.key for record in self._database.all()]

    def verify(self, credential_id: str, secret: str, *, now: int | None = None, certificate_dn: str | None = None) -> ApiKey:
        """The key that a credential proves, for the cross-cluster interface; ``now`` in milliseconds since the epoch.

        Raises RefusedCredential with the text of Elasticsearch for the first fault, in its order:
        unknown, invalidated, wrong secret, another type, identity, expired.
        """
        try:
            record = self._cached(credential_id)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise RefusedCredential(
                f"apikey authentication for id {credential_id} encountered a failure", ends_at_once=True
            ) from error
        proven = hmac.compare_digest(
            _digest(record.salt if record else _NOBODY_SALT, secret), record.hash if record else _NOBODY_SALT * 2
        )
        if record is None:
            raise RefusedCredential(f"unable to find apikey with id {credential_id}")
        key = record.key
        if key.invalidated:
            raise RefusedCredential(f"api key [{credential_id}] has been invalidated")
        if not proven:
            raise RefusedCredential(f"invalid credentials for API key [{credential_id}]")
        if key.type != "cross_cluster":
            raise RefusedCredential(
                f"authentication expected API key type of [cross_cluster], but API key [{credential_id}] has type [{key.type}]",
                ends_at_once=True,
            )
        _check_identity(key, certificate_dn)
        if key.is_expired(self._clock() if now is None else now):
            raise RefusedCredential("api key is expired")
        return key

    def still_holds(self, key: ApiKey, generation: int) -> bool:
        """Whether a key that was verified under that ``generation`` would be verified again. False where that cannot be told."""
        try:
            unchanged = self.generation == generation
        except (sqlite3.Error, OSError, ValueError):
            return False
        return unchanged and not (key.expiration is not None and key.is_expired(self._clock()))

    def _cached(self, key_id: str) -> Record | None:
        self._poll()
        entry = self._cache.get(key_id)
        now = self._monotonic()
        if entry is not None and now - entry[0] < CACHE_SECONDS:
            self._cache.move_to_end(key_id)
            return entry[1]
        # Unknown ids are not remembered: whoever can make them up could push out the known ones.
        record = self._database.load(key_id)
        if record is not None:
            self._cache[key_id] = (now, record)
            self._cache.move_to_end(key_id)
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return record

    def _poll(self) -> None:
        """Forget what other processes have changed. A file that was put in the place of ours (a backup, say) is opened anew."""
        now = self._monotonic()
        if now - self._polled < POLL_INTERVAL:
            return
        if self._database.was_replaced():
            self._forget()
            replacement = Database(self.path, must_exist=True)
            self._database.close()
            self._database = replacement
            self._data_version = replacement.data_version()
        elif (version := self._database.data_version()) != self._data_version:
            self._forget()
            self._data_version = version
        self._polled = now

    def _forget(self) -> None:
        self._cache.clear()
        self._generation += 1

    def _write(self, record: Record) -> None:
        self._database.write(record)
        self._forget()


def _check_identity(key: ApiKey, distinguished_name: str | None) -> None:
    if key.certificate_identity is None:
        return
    if distinguished_name is None:
        raise RefusedCredential(
            f"API key (type:[{key.type}], id:[{key.id}]) requires certificate identity matching [{key.certificate_identity}], "
            "but no certificate was provided",
            ends_at_once=True,
        )
    if not matches_identity(key.certificate_identity, distinguished_name):
        raise RefusedCredential(
            f"DN from provided certificate [{distinguished_name}] does not match API Key certificate identity pattern "
            f"[{key.certificate_identity}]",
            ends_at_once=True,
        )


def _check_updatable(key: ApiKey, now: int) -> None:
    reason = None
    if key.invalidated:
        reason = f"cannot update invalidated API key [{key.id}]"
    elif key.is_expired(now):
        reason = f"cannot update expired API key [{key.id}]"
    elif key.type != "cross_cluster":
        reason = f"cannot update API key of type [{key.type}] while expected type is [cross_cluster]"
    if reason is not None:
        raise ElasticsearchException("illegal_argument_exception", reason)


def _expiration(now: int, lifetime: int | None) -> int | None:
    """Milliseconds since the epoch, from a lifetime in nanoseconds that counts in whole seconds, as in Elasticsearch."""
    return None if lifetime is None else now + lifetime // 10**9 * 1000


def _new_id() -> str:
    """20 characters, as Elasticsearch's ids have; none begins with a dash, which a command line would take for an option."""
    while (key_id := secrets.token_urlsafe(15)).startswith("-"):
        pass
    return key_id


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()
