"""The table of API keys in SQLite: one row for each, its fields as one JSON document beside salt and hash."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gateway.authentication.api_key import ApiKey

SCHEMA_VERSION = 1
# Writers hold the lock for a millisecond; who waits longer than this reports an error rather than stand still.
LOCK_TIMEOUT = 5.0  # seconds

_SCHEMA = """
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    creation INTEGER NOT NULL,
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    document TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A key, and what proves its secret: ``hash`` is the SHA-256 of salt and secret."""

    key: ApiKey
    salt: bytes
    hash: bytes


class Database:
    """One open file. Raises sqlite3.Error and OSError; ValueError for a row or a file that another version wrote."""

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self._path = path
        if not must_exist:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite would create the file as the umask has it; its side files take over the mode of the file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._file = _file_identity(path)
        # Autocommit: a transaction is open only where `transaction` says so.
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=LOCK_TIMEOUT, isolation_level=None
        )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A key that was printed must still be there after the power failed.
        self._connection.execute("PRAGMA synchronous = FULL")
        with self.transaction():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                self._connection.execute(_SCHEMA)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise ValueError(
                    f"[{self._path}] has version [{version}] of the key store, this release reads [{SCHEMA_VERSION}]"
                )

    def close(self) -> None:
        self._connection.close()

    def data_version(self) -> int:
        """Changes when another connection, of this or of another process, has committed."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def was_replaced(self) -> bool:
        """Whether another file stands at the path now. Raises OSError when there is none."""
        return _file_identity(self._path) != self._file

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, with the write lock from the start: who changes what it has read does so alone."""
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield

    def load(self, key_id: str) -> Record | None:
        row = self._connection.execute("SELECT id, salt, hash, document FROM api_keys WHERE id = ?", (key_id,)).fetchone()
        return None if row is None else _record(*row)

    def all(self) -> list[Record]:
        """In the order of creation."""
        rows = self._connection.execute("SELECT id, salt, hash, document FROM api_keys ORDER BY creation, rowid")
        return [_record(*row) for row in rows]

    def write(self, record: Record) -> None:
        """Insert a key, or replace all of one but its secret."""
        key = record.key
        document = {field.name: getattr(key, field.name) for field in fields(ApiKey)}
        self._connection.execute(
            "INSERT INTO api_keys (id, creation, salt, hash, document) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (key.id, key.creation, record.salt, record.hash, json.dumps(document, ensure_ascii=False)),
        )


def _record(key_id: str, salt: bytes, digest: bytes, document: str) -> Record:
    stored: dict[str, Any] = json.loads(document)
    try:
        key = ApiKey(**stored)
    except TypeError as error:
        raise ValueError(f"the stored API key [{key_id}] has other fields than this release knows") from error
    if key.id != key_id:
        raise ValueError(f"the stored API key [{key_id}] holds the fields of another")
    return Record(key, salt, digest)


def _file_identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
