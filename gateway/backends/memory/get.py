"""One document by its id, as ``ShardGetService`` gets it."""

from __future__ import annotations

from typing import Any, Final

from gateway.backends.memory.documents import parse_source
from gateway.backends.memory.fetch import parse_source_option
from gateway.backends.memory.fields import IgnoredFields
from gateway.backends.memory.index import Index
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.restricted import RestrictedIndex
from gateway.backends.memory.source_filter import dump_source
from protocol.errors import ElasticsearchException
from protocol.messages.get import ANY_VERSION, GetRequest, GetResponse, VersionType
from protocol.messages.hits import DocumentField

VERSION: Final = 1
"""The version of each document: the in-memory cluster does not count them."""


def check_get(request: GetRequest) -> None:
    """Refuses what Elasticsearch does before it looks for the index. Raises ElasticsearchException."""
    problems: list[str] = []
    if not request.id:
        problems.append("id is missing")
    least = 1 if request.version_type is VersionType.INTERNAL else 0
    if request.version < least and request.version != ANY_VERSION:
        problems.append(f"illegal version value [{request.version}] for version type [{request.version_type.name}]")
    if problems:
        listed = "".join(f"{number}: {problem};" for number, problem in enumerate(problems, 1))
        raise ElasticsearchException("action_request_validation_exception", f"Validation Failed: {listed}")
    if request.force_synthetic_source:
        raise illegal("[force_synthetic_source] is not supported by the in-memory cluster")


def get(index: Index, request: GetRequest) -> GetResponse:
    """The document of a (restricted) index, or that there is none. All documents are where searches see them, so that a realtime get finds
    no more. Fields are not stored, so that ``stored_fields`` gives values of ``_ignored`` only. Raises ElasticsearchException."""
    row = index.row(request.id)
    if row is None:
        return GetResponse(index=index.name, id=request.id)
    if request.version != ANY_VERSION and _conflicts(request):
        raise _conflict(index, request)
    stored = request.stored_fields
    for name in stored or ():
        if name in index.mapping.objects and index.field(name) is None:
            raise illegal(f"field [{name}] isn't a leaf field")
    response = GetResponse(index=index.name, id=request.id, seq_no=row, primary_term=1, version=VERSION, exists=True)
    raw = index.source(row)
    filter_ = parse_source_option(request.source if request.source is not None else stored is None or "_source" in stored)
    if filter_ is not None:
        response.source = dump_source(filter_(parse_source(raw))) if filter_.filters else raw
    if stored is not None and "_ignored" in stored and (ignored := _ignored(index, row)):
        response.meta_fields["_ignored"] = DocumentField(name="_ignored", values=ignored)
    return response


def _ignored(index: Index, row: int) -> list[Any]:
    """The names of the document's ignored fields. They are values of a field of their own, so that they are all shown, or none."""
    if not index.shows("_ignored"):
        return []
    whole = index.whole if isinstance(index, RestrictedIndex) else index
    names = IgnoredFields(whole)
    raw = whole.source(row)
    return list(names.of(parse_source(raw))) if names.possible(raw) else []


def _conflicts(request: GetRequest) -> bool:
    if request.version_type is VersionType.EXTERNAL_GTE:
        return request.version > VERSION
    return request.version != VERSION


def _conflict(index: Index, request: GetRequest) -> ElasticsearchException:
    return ElasticsearchException(
        "version_conflict_engine_exception",
        f"[{request.id}]: version conflict, current version [{VERSION}] is different than the one provided [{request.version}]",
        metadata={"es.index": [index.name], "es.index_uuid": [index.uuid], "es.shard": ["0"]},
    )
