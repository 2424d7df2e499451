"""Field capabilities of one index, as ``FieldCapabilitiesFetcher`` finds them in a real one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from gateway.authorization.index_access import IndexAccess
from gateway.backends.memory.fields import IgnoredFields
from gateway.backends.memory.index import Index
from gateway.backends.memory.mapping import FieldType
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.restricted import restricted
from gateway.globs import glob
from protocol.errors import ElasticsearchException
from protocol.messages.field_caps import FieldCapsFailure, IndexFieldCaps, IndexResponse

_METADATA: Final[tuple[tuple[str, str, bool, bool], ...]] = (
    ("_routing", "_routing", True, False),
    ("_doc_count", "integer", False, False),
    ("_ignored_source", "_ignored_source", False, False),
    ("_index", "_index", True, True),
    ("_index_mode", "_index_mode", True, True),
    ("_ignored", "_ignored", True, True),
    ("_tier", "keyword", True, True),
    ("_seq_no", "_seq_no", True, True),
    ("_nested_path", "_nested_path", True, False),
    ("_field_names", "_field_names", True, False),
    ("_data_stream_timestamp", "_data_stream_timestamp", False, False),
    ("_source", "_source", False, False),
    ("_id", "_id", True, False),
    ("_version", "_version", False, True),
)
"""The metadata fields of an index of 8.19: name, type, whether searchable and whether aggregatable."""

_OF_THE_INDEX: Final = frozenset({"_index", "_index_mode", "_tier"})
_OF_EACH_DOCUMENT: Final = frozenset({"_id", "_seq_no", "_source", "_version"})
_FAMILIES: Final = {"constant_keyword": "keyword"}
_FILTERS: Final = frozenset({"+metadata", "-metadata", "-nested", "-multifield", "-parent", "parent"})


def index_field_caps(
    index: Index,
    patterns: Sequence[str],
    *,
    filters: Sequence[str] = (),
    types: Sequence[str] = (),
    include_empty: bool = True,
) -> IndexResponse:
    """The fields that the patterns (with ``*``) match, as far as they may be seen. Raises ElasticsearchException.

    Whether a field is empty is a matter of the whole index, also for somebody who sees only some of its documents."""
    for filter_ in filters:
        if filter_ not in _FILTERS:
            raise illegal(f"Unknown field caps filter [{filter_}]")
    compiled = [glob(pattern).fullmatch for pattern in patterns]

    def wanted(name: str, kind: str, *, metadata: bool, nested: bool, multi: bool) -> bool:
        return (
            any(matches(name) for matches in compiled)
            and (not types or kind in types)
            and not (metadata and "-metadata" in filters)
            and not (not metadata and "+metadata" in filters)
            and not (nested and "-nested" in filters)
            and not (multi and "-multifield" in filters)
        )

    caps: dict[str, IndexFieldCaps] = {}
    for name, kind, searchable, aggregatable in _METADATA:
        if wanted(name, kind, metadata=True, nested=False, multi=False) and (include_empty or _metadata_held(name, index.whole)):
            caps[name] = IndexFieldCaps(
                name=name, type=kind, metadata_field=True, searchable=searchable, aggregatable=aggregatable
            )
    for name, field in index.mapping.fields.items():
        kind = _FAMILIES.get(field.type, field.type)
        if (
            not wanted(name, kind, metadata=False, nested=field.nested is not None, multi=field.parent is not None)
            or not (include_empty or bool(index.whole.table(field.nested).exists(field).any()))
            or not index.shows(field.name)
        ):
            continue
        caps[name] = IndexFieldCaps(
            name=name,
            type=kind,
            searchable=field.indexed or (field.doc_values and not field.is_text),
            aggregatable=field.doc_values and not field.is_text,
            meta=field.meta,
        )
        if "-parent" not in filters:
            _add_parents(index, field, caps)
    return IndexResponse(index=index.name, fields=caps, mapping_hash=_hash(caps))


def restricted_for_caps(
    indices: Iterable[Index], access: Callable[[str], IndexAccess], index_filter: Mapping[str, Any] | None
) -> tuple[list[Index], list[FieldCapsFailure]]:
    """The indices as field capabilities show them, and those that cannot be shown. Documents are looked at for a filter only, so that a
    role's queries do not matter, nor can fail, without one."""
    seen: list[Index] = []
    failures: dict[tuple[str, str | None], FieldCapsFailure] = {}
    for index in indices:
        shown = access(index.name)
        if not index_filter or "match_all" in index_filter:
            shown = IndexAccess(fields=shown.fields)
        try:
            seen.append(restricted(index, shown))
        except ElasticsearchException as error:
            same = failures.setdefault((error.type, error.reason), FieldCapsFailure(indices=[], exception=error))
            same.indices.append(index.name)
    return seen, list(failures.values())


def _metadata_held(name: str, index: Index) -> bool:
    if name == "_ignored":
        return IgnoredFields(index).anywhere(index)
    if name == "_nested_path":
        return bool(index.tables)
    if name == "_field_names":
        return any(field.named and index.table(field.nested).exists(field).any() for _, field in index.fields())
    return name in _OF_THE_INDEX or (bool(index.doc_count) and name in _OF_EACH_DOCUMENT)


def _add_parents(index: Index, field: FieldType, caps: dict[str, IndexFieldCaps]) -> None:
    path = field.name
    while "." in path:
        path = path.rpartition(".")[0]
        if path in caps:
            return
        if path in index.mapping.fields:
            continue
        node = index.mapping.objects.get(path)
        kind = "nested" if node is not None and node.is_nested else "object"
        caps[path] = IndexFieldCaps(name=path, type=kind, searchable=False, aggregatable=False)


def _hash(caps: dict[str, IndexFieldCaps]) -> str:
    """What is equal for indices with equal fields, so that they are sent once."""
    shown = sorted((cap.name, cap.type, cap.searchable, cap.aggregatable, sorted(cap.meta.items())) for cap in caps.values())
    return base64.b64encode(hashlib.sha256(orjson.dumps(shown)).digest()).decode() + "=standard"
