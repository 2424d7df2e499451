"""Loading the in-memory cluster from files.

``NAME.index.json`` is the body of Elasticsearch's create-index call for the index NAME (settings, mappings, aliases), and
``NAME.data_stream.json`` the body of the index template that makes the data stream NAME; definitions.py tells what more may stand in
them. ``*.ndjson`` and ``*.ndjson.gz`` are bulk files whose action lines name ``_index`` and ``_id``. An index that only bulk files name is
created with dynamic mappings. Documents for a data stream go to its last backing index, with the action ``create`` as everywhere;
``NAME::failures`` means its failure store, and older indices are written to by their full names.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from gateway.backends.memory.data_streams import TIMESTAMP_FIELD, DataStream
from gateway.backends.memory.definitions import check_name, create_data_stream, create_index
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import Mapping
from protocol.errors import ElasticsearchException

DEFINITION: Final = ".index.json"
DATA_STREAM: Final = ".data_stream.json"
BULK: Final = (".ndjson", ".ndjson.gz")
_ENDINGS: Final = (DEFINITION, DATA_STREAM, *BULK)
_FAILURES: Final = "::failures"
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
        (bulks if path.name.endswith(BULK) else definitions).append(path)
    indices: dict[str, Index] = {}
    for path in definitions:
        for index in _define(path):
            if index.name in indices:
                raise LoadError(path, f"index [{index.name}] is defined twice")
            indices[index.name] = index
    streams = {index.data_stream.name: index.data_stream for index in indices.values() if index.data_stream is not None}
    for name in streams:
        if name in indices:
            raise LoadError(Path(name + DATA_STREAM), f"data stream [{name}] conflicts with index")
    for path in bulks:
        _bulk(path, indices, streams)
    for index in indices.values():
        index.compact()
        index.warm()
    _check_aliases(indices, streams)
    return indices


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that would be loaded, in order. Raises LoadError for a path that is not there or a file of another kind."""
    for path in paths:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if found.is_file() and found.name.endswith(_ENDINGS))
        elif not path.exists():
            raise LoadError(path, "no such file or folder")
        elif path.name.endswith(_ENDINGS):
            yield path
        else:
            raise LoadError(path, f"not a file to load: its name must end in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")


def _define(path: Path) -> list[Index]:
    stream = path.name.endswith(DATA_STREAM)
    name = path.name.removesuffix(DATA_STREAM if stream else DEFINITION)
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
        return create_data_stream(name, body) if stream else [create_index(name, body)]
    except ElasticsearchException as error:
        raise LoadError(path, _reasons(error)) from None


def _check_aliases(indices: dict[str, Index], streams: dict[str, DataStream]) -> None:
    """Refuses aliases that stand for something else as well, and filters that are no queries, before anybody searches with them."""
    hidden: dict[str, bool] = {}
    for index in indices.values():
        for alias, properties in index.aliases.items():
            where = Path(index.name + DEFINITION)
            _check_alias(where, index, alias, properties, indices, streams)
            if hidden.setdefault(alias, bool(properties.get("is_hidden"))) != bool(properties.get("is_hidden")):
                raise LoadError(where, f"alias [{alias}] must have the same is_hidden setting on all indices")
    for stream in streams.values():
        for alias, properties in stream.aliases.items():
            where = Path(stream.name + DATA_STREAM)
            if alias in hidden:
                raise LoadError(where, f"data stream alias and indices alias have the same name ({alias})")
            _check_alias(where, indices[stream.write_index], alias, properties, indices, streams)


def _check_alias(
    where: Path,
    index: Index,
    alias: str,
    properties: dict[str, Any],
    indices: dict[str, Index],
    streams: dict[str, DataStream],
) -> None:
    from gateway.backends.memory.queries import compile_query

    if alias in indices or alias in streams:
        raise LoadError(where, f"Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias")
    try:
        if properties.get("filter"):
            compile_query(index, properties["filter"], now_millis=0)
    except ElasticsearchException as error:
        raise LoadError(where, f"failed to parse filter for alias [{alias}]: {_reasons(error)}") from None


def _open(path: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


def _bulk(path: Path, indices: dict[str, Index], streams: dict[str, DataStream]) -> None:
    number = 0
    try:
        with _open(path) as file:
            lines = enumerate(file, 1)
            for number, line in lines:
                if line.strip():
                    operation, name, _id = _action(path, number, line)
                    index = _written_to(path, number, operation, name, indices, streams)
                    if operation == "delete":
                        index.delete(_id)
                        continue
                    number, source = next(lines, (number, b""))
                    if not source.strip():
                        raise LoadError(path, f"the action [{operation}] is not followed by a document", number)
                    if operation == "create" and index.row(_id) is not None:
                        raise LoadError(path, f"[{_id}]: version conflict, document already exists", number)
                    if index.data_stream is not None:
                        _check_timestamp(path, number, source)
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


def _written_to(
    path: Path, number: int, operation: str, name: str, indices: dict[str, Index], streams: dict[str, DataStream]
) -> Index:
    """The index that a name stands for where documents are written; it is made when there is none."""
    stream = streams.get(name.removesuffix(_FAILURES))
    if stream is not None:
        if operation != "create":
            raise LoadError(path, "only write ops with an op_type of create are allowed in data streams", number)
        if not name.endswith(_FAILURES):
            return indices[stream.write_index]
        if not stream.failure_indices:
            raise LoadError(path, f"data stream [{stream.name}] has no failure store", number)
        return indices[stream.failure_indices[-1]]
    if name not in indices:
        wrong = check_name(name)
        if wrong is not None:
            raise LoadError(path, wrong, number)
        indices[name] = Index(name, mapping=Mapping())
    return indices[name]


def _check_timestamp(path: Path, number: int, source: bytes) -> None:
    try:
        document = orjson.loads(source)
    except orjson.JSONDecodeError:
        return  # The index tells what is wrong with it.
    found = document.get(TIMESTAMP_FIELD) if isinstance(document, dict) else None
    if found is None:
        raise LoadError(path, f"data stream timestamp field [{TIMESTAMP_FIELD}] is missing", number)
    if isinstance(found, list):
        raise LoadError(path, f"data stream timestamp field [{TIMESTAMP_FIELD}] encountered multiple values", number)


def _reasons(error: ElasticsearchException) -> str:
    """The reasons of an exception and its causes."""
    reasons = []
    found: ElasticsearchException | None = error
    while found is not None:
        reasons.append(f"{found.type}: {found.reason}")
        found = found.cause
    return ", caused by ".join(reasons)
