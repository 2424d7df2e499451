"""From the bodies of Elasticsearch's own calls to empty indices: create-index, and the index template of a data stream."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from gateway.backends.memory.data_streams import (
    BACKING_PREFIX,
    FAILURE_PREFIX,
    TIMESTAMP_FIELD,
    DataStream,
    backing_index,
)
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping_parser import parse_mappings
from gateway.backends.memory.settings import parse_settings
from protocol.errors import ElasticsearchException

MAX_NAME_BYTES: Final = 255
_FORBIDDEN: Final = frozenset('\\/*?"<>| ,#:')
_ALIAS_PROPERTIES: Final = frozenset({"filter", "is_hidden", "is_write_index", "routing", "index_routing", "search_routing"})
_STREAM_ALIAS_PROPERTIES: Final = frozenset({"filter", "is_write_index"})
_OBJECTS: Final = frozenset({"settings", "mappings", "aliases"})
_TEMPLATE_KEYS: Final = _OBJECTS | {"data_stream_options", "lifecycle"}
_DATA_STREAM_KEYS: Final = frozenset(
    {"index_patterns", "priority", "version", "_meta", "data_stream", "template", "created", "generations"}
)
_TIMESTAMP_TYPES: Final = ("date", "date_nanos")
_FAILURE_MAPPINGS: Final[dict[str, Any]] = {
    "dynamic": False,
    "properties": {
        TIMESTAMP_FIELD: {"type": "date"},
        "document": {"properties": {"id": {"type": "keyword"}, "routing": {"type": "keyword"}, "index": {"type": "keyword"}}},
        "error": {
            "properties": {
                "message": {"type": "text"},
                "stack_trace": {"type": "text"},
                "type": {"type": "keyword"},
                "pipeline": {"type": "keyword"},
                "pipeline_trace": {"type": "keyword"},
                "processor_tag": {"type": "keyword"},
                "processor_type": {"type": "keyword"},
            }
        },
    },
}
"""Those of ``DataStreamFailureStoreDefinition``, but for ``match_only_text`` of the message, which is of the same family."""


def check_name(name: str) -> str | None:
    """Why Elasticsearch would not create an index with this name, or None."""
    if not name:
        return "Invalid index name [], must not be empty"
    if name in (".", ".."):
        return f"Invalid index name [{name}], must not be '.' or '..'"
    if name != name.lower():
        return f"Invalid index name [{name}], must be lowercase"
    if name[0] in "_-+":
        return f"Invalid index name [{name}], must not start with '_', '-', or '+'"
    if any(letter in _FORBIDDEN for letter in name):
        return f"Invalid index name [{name}], must not contain the following characters {sorted(_FORBIDDEN)}"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"Invalid index name [{name}], index name is too long, ({len(name.encode())} > {MAX_NAME_BYTES})"
    return None


def create_index(name: str, body: Any) -> Index:
    """An empty index of a create-index body, which may also say ``state`` (``open`` or ``close``) and ``system`` (true: an index of
    Elasticsearch's own, hence restricted). Raises ElasticsearchException."""
    if not isinstance(body, dict):
        raise _parse("request body is required to be an object")
    for key, value in body.items():
        if key in ("state", "system"):
            continue
        if key not in _OBJECTS:
            raise _parse(f"unknown key [{key}] for create index")
        if not isinstance(value, dict):
            raise _parse(f"key [{key}] must be an object")
    if body.get("state", "open") not in ("open", "close"):
        raise _illegal(f"[state] must be open or close, not [{body['state']}]")
    index = _index(
        name, body, aliases=_aliases(body.get("aliases", {})), closed=body.get("state") == "close", system=_flag(body, "system")
    )
    if index.settings.get("index.number_of_shards", "1") != "1":
        for alias, properties in index.aliases.items():
            if properties.keys() & {"routing", "search_routing"}:
                # A search by the alias would find what is in some of the shards.
                raise _illegal(
                    f"the routing of alias [{alias}] is not supported by the in-memory cluster where an index has several shards"
                )
    return index


def create_data_stream(name: str, body: Any) -> list[Index]:
    """The empty indices of a data stream, oldest first, from the body of the index template that makes it: ``data_stream``
    (``hidden``), ``template`` (``settings``, ``mappings``, ``aliases``, ``data_stream_options``). Of our own are

    - ``created``: the date in the names of its indices, ``yyyy-MM-dd`` (today, unless given);
    - ``generations``: a list of ``data`` and ``failures``, an index of the stream or of its failure store for each, numbered from 1 on
      (``["data"]``, unless given).

    Raises ElasticsearchException."""
    if not isinstance(body, dict):
        raise _parse("request body is required to be an object")
    for key in body:
        if key not in _DATA_STREAM_KEYS:
            raise _parse(f"unknown key [{key}] for a data stream")
    _check_stream_name(name)
    template = _object(body, "template")
    for key in template:
        if key not in _TEMPLATE_KEYS:
            raise _parse(f"unknown key [{key}] in [template]")
    kinds = body.get("generations", ["data"])
    if not isinstance(kinds, list) or "data" not in kinds or not set(kinds) <= {"data", "failures"}:
        raise _illegal("[generations] must be a list of data and failures, with data at least once")
    if "failures" in kinds and not _failure_store(template):
        raise _illegal("[generations] has failures, but [template.data_stream_options.failure_store.enabled] is not true")
    created = _created(body)
    names = [backing_index(name, number, created, failures=kind == "failures") for number, kind in enumerate(kinds, 1)]
    stream = DataStream(
        name,
        indices=tuple(index for index, kind in zip(names, kinds, strict=True) if kind == "data"),
        failure_indices=tuple(index for index, kind in zip(names, kinds, strict=True) if kind == "failures"),
        aliases=_aliases(_object(template, "aliases"), _STREAM_ALIAS_PROPERTIES),
        hidden=_flag(_object(body, "data_stream"), "hidden"),
    )
    mappings = _with_timestamp(_object(template, "mappings"))
    settings = _object(template, "settings")
    return [
        _index(
            index,
            {"settings": {}, "mappings": _FAILURE_MAPPINGS} if failures else {"settings": settings, "mappings": mappings},
            stream=stream,
            hidden=True,
        )
        for index in names
        for failures in (index in stream.failure_indices,)
    ]


def _index(
    name: str,
    body: dict[str, Any],
    *,
    aliases: dict[str, dict[str, Any]] | None = None,
    stream: DataStream | None = None,
    hidden: bool = False,
    closed: bool = False,
    system: bool = False,
) -> Index:
    settings = parse_settings(body.get("settings", {}))
    mappings = body.get("mappings", {})
    mapping = parse_mappings(mappings)
    mapping.max_fields = int(settings.get("index.mapping.total_fields.limit", mapping.max_fields))
    index = Index(
        name,
        mapping=mapping,
        mappings=mappings,
        settings=settings | ({"index.hidden": "true"} if hidden else {}),
        aliases=aliases,
        hidden=hidden or settings.get("index.hidden") == "true",
        closed=closed,
        system=system,
        data_stream=stream,
    )
    if stream is not None:
        field = mapping.field(TIMESTAMP_FIELD)
        if field is None or field.type not in _TIMESTAMP_TYPES:
            kind = "object" if field is None else field.type
            raise _illegal(
                f"data stream timestamp field [{TIMESTAMP_FIELD}] is of type [{kind}], but [{','.join(_TIMESTAMP_TYPES)}] is expected"
            )
    return index


def _check_stream_name(name: str) -> None:
    wrong = check_name(name)
    if wrong is None:
        for prefix in (BACKING_PREFIX, FAILURE_PREFIX):
            if name.startswith(prefix):
                wrong = f"data_stream [{name}] must not start with '{prefix}'"
    if wrong is not None:
        raise _illegal(wrong)


def _failure_store(template: dict[str, Any]) -> bool:
    return _flag(_object(_object(template, "data_stream_options"), "failure_store"), "enabled")


def _created(body: dict[str, Any]) -> date:
    text = body.get("created")
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise _illegal(f"[created] must be a date of the form yyyy-MM-dd, not [{text}]") from None


def _with_timestamp(mappings: dict[str, Any]) -> dict[str, Any]:
    """The mappings with the field that each data stream has."""
    if "_data_stream_timestamp" in mappings:
        mappings = {key: value for key, value in mappings.items() if key != "_data_stream_timestamp"}
    return mappings | {"properties": {TIMESTAMP_FIELD: {"type": "date"}} | _object(mappings, "properties")}


def _aliases(aliases: dict[str, Any], known: frozenset[str] = _ALIAS_PROPERTIES) -> dict[str, Any]:
    for name, properties in aliases.items():
        if not isinstance(properties, dict):
            raise _parse(f"alias [{name}] must be an object")
        for key, value in properties.items():
            if key not in known:
                raise _illegal(f"Unknown field [{key}] in alias [{name}]")
            if key == "filter" and not isinstance(value, dict):
                raise _illegal(f"filter of alias [{name}] must be a query")
            if key in ("is_hidden", "is_write_index") and not isinstance(value, bool):
                raise _illegal(f"[{key}] of alias [{name}] must be true or false")
    return aliases


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    found = body.get(key, {})
    if not isinstance(found, dict):
        raise _parse(f"key [{key}] must be an object")
    return found


def _flag(body: dict[str, Any], key: str) -> bool:
    found = body.get(key, False)
    if not isinstance(found, bool):
        raise _illegal(f"[{key}] must be true or false, not [{found}]")
    return found


def _parse(reason: str) -> ElasticsearchException:
    return ElasticsearchException("parse_exception", reason, status=400)


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason, status=400)
