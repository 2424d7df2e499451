"""Loading the in-memory cluster from files.

``NAME.index.json`` is the body of Elasticsearch's create-index call for the index NAME (settings, mappings, aliases); ``*.ndjson`` and
``*.ndjson.gz`` are bulk files whose action lines name ``_index`` and ``_id``. An index that only bulk files name is created with
dynamic mappings.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import Mapping
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.settings import parse_settings
from protocol.errors import ElasticsearchException

DEFINITION: Final = ".index.json"
BULK: Final = (".ndjson", ".ndjson.gz")
MAX_NAME_BYTES: Final = 255
_FORBIDDEN: Final = frozenset('\\/*?"<>| ,#:')
_ALIAS_PROPERTIES: Final = frozenset({"filter", "is_hidden", "is_write_index", "routing", "index_routing", "search_routing"})
_ACTION_PROPERTIES: Final = frozenset({"_index", "_id", "routing", "require_alias", "op_type", "version", "version_type"})


class LoadError(Exception):
    """What could not be loaded: the message names the file, and the line within it."""

    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.line = line


def load(paths: Iterable[Path]) -> dict[str, Index]:
    """The indices, by name, of files and folders (whose files are read by name, subfolders too). Raises LoadError."""
    definitions: list[Path] = []
    bulks: list[Path] = []
    for path in files_of(paths):
        (definitions if path.name.endswith(DEFINITION) else bulks).append(path)
    indices: dict[str, Index] = {}
    for path in definitions:
        index = _define(path)
        if index.name in indices:
            raise LoadError(path, f"index [{index.name}] is defined twice")
        indices[index.name] = index
    for path in bulks:
        _bulk(path, indices)
    for index in indices.values():
        index.compact()
        index.warm()
    _check_aliases(indices)
    return indices


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that would be loaded, in order. Raises LoadError for a path that is not there or a file of another kind."""
    for path in paths:
        if path.is_dir():
            yield from (
                found for found in sorted(path.rglob("*")) if found.is_file() and found.name.endswith((DEFINITION, *BULK))
            )
        elif not path.exists():
            raise LoadError(path, "no such file or folder")
        elif path.name.endswith((DEFINITION, *BULK)):
            yield path
        else:
            raise LoadError(path, f"not a file to load: its name must end in {DEFINITION}, {BULK[0]} or {BULK[1]}")


def _define(path: Path) -> Index:
    name = path.name.removesuffix(DEFINITION)
    wrong = check_name(name)
    if wrong is not None:
        raise LoadError(path, wrong)
    try:
        body = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LoadError(path, str(error), error.lineno) from None
    except OSError as error:
        raise LoadError(path, error.strerror or str(error)) from None
    try:
        return create_index(name, body)
    except ElasticsearchException as error:
        raise LoadError(path, _reasons(error)) from None


def _check_aliases(indices: dict[str, Index]) -> None:
    """Refuses aliases that stand for an index as well, and filters that are no queries, before anybody searches with them."""
    from gateway.backends.memory.queries import compile_query

    for index in indices.values():
        for alias, properties in index.aliases.items():
            where = Path(index.name + DEFINITION)
            if alias in indices:
                raise LoadError(
                    where, f"Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias"
                )
            try:
                if properties.get("filter"):
                    compile_query(index, properties["filter"], now_millis=0)
            except ElasticsearchException as error:
                raise LoadError(where, f"failed to parse filter for alias [{alias}]: {_reasons(error)}") from None


def _open(path: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


def _bulk(path: Path, indices: dict[str, Index]) -> None:
    number = 0
    try:
        with _open(path) as file:
            lines = enumerate(file, 1)
            for number, line in lines:
                if line.strip():
                    operation, name, _id = _action(path, number, line)
                    index = indices.get(name)
                    if index is None:
                        index = indices[name] = _created(path, number, name)
                    if operation == "delete":
                        index.delete(_id)
                        continue
                    number, source = next(lines, (number, b""))
                    if not source.strip():
                        raise LoadError(path, f"the action [{operation}] is not followed by a document", number)
                    if operation == "create" and index.row(_id) is not None:
                        raise LoadError(path, f"[{_id}]: version conflict, document already exists", number)
                    index.add(_id, source.strip())
    except ElasticsearchException as error:
        raise LoadError(path, _reasons(error), number) from None
    except (OSError, EOFError, zlib.error) as error:
        raise LoadError(path, str(error), number or None) from None


def _action(path: Path, number: int, line: bytes) -> tuple[str, str, str]:
    """The operation, the index and the id of an action line."""
    try:
        action = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LoadError(path, f"Malformed action/metadata line, not JSON: {error}", number) from None
    if not (isinstance(action, dict) and len(action) == 1 and isinstance(next(iter(action.values())), dict)):
        raise LoadError(path, "Malformed action/metadata line, expected one action with an object", number)
    ((operation, properties),) = action.items()
    if operation not in ("index", "create", "delete"):
        known = "is not supported" if operation == "update" else "does not exist"
        raise LoadError(path, f"the action [{operation}] {known}: use index, create or delete", number)
    for key in properties:
        if key not in _ACTION_PROPERTIES:
            raise LoadError(path, f"Action/metadata line contains an unknown parameter [{key}]", number)
    for key in ("_index", "_id"):
        if not isinstance(properties.get(key), str) or not properties[key]:
            raise LoadError(path, f"the action [{operation}] must have [{key}]", number)
    if len(properties["_id"].encode()) > 512:
        raise LoadError(path, "id is too long, must be no longer than 512 bytes", number)
    return operation, properties["_index"], properties["_id"]


def _created(path: Path, number: int, name: str) -> Index:
    wrong = check_name(name)
    if wrong is not None:
        raise LoadError(path, wrong, number)
    return Index(name, mapping=Mapping())


def _reasons(error: ElasticsearchException) -> str:
    """The reasons of an exception and its causes."""
    reasons = []
    found: ElasticsearchException | None = error
    while found is not None:
        reasons.append(f"{found.type}: {found.reason}")
        found = found.cause
    return ", caused by ".join(reasons)
