"""Reading one document, and the terms of a field, in REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from protocol.exceptions.rest import render
from protocol.messages.get import ANY_VERSION, GetRequest, GetResponse, VersionType
from protocol.messages.hits import DocumentField
from protocol.messages.options import IndicesOptions
from protocol.messages.terms_enum import DEFAULT_TIMEOUT, ShardOperationFailure, TermsEnumRequest, TermsEnumResponse
from protocol.rest import canonical, scalars
from protocol.rest.calls import Call, members, options_params, text_params, time_text
from protocol.rest.hits import meta_fields, source
from protocol.rest.parameters import Given, Parameters
from protocol.rest.places import illegal
from protocol.rest.search_request import invalid, shown_source
from protocol.rest.texts import shown

Json = dict[str, Any]

_VERSION_TYPES = {kind.name.lower(): kind for kind in VersionType}
_SHOWN_BESIDE = frozenset({"_index", "_id", "_version", "_seq_no", "_primary_term", "found", "_source", "fields"})


def get_request(call: Call) -> GetRequest:
    """``GET /{index}/_doc/{id}``"""
    params = Parameters(call.params, f"{call.path}/_doc/{call.id}")
    if len(call.indices) != 1 or not call.id:
        raise invalid(*(["index is missing"] if len(call.indices) != 1 else []), *([] if call.id else ["id is missing"]))
    request = GetRequest(index=call.indices[0], id=call.id)
    request.refresh = params.flag("refresh", False)
    request.routing = params.text("routing")
    request.preference = params.text("preference")
    request.realtime = params.flag("realtime", True)
    request.stored_fields = params.names("stored_fields")
    version, kind = params.text("version"), params.text("version_type")
    if version is not None:
        if not version.lstrip("-").isdigit():
            raise illegal(f'For input string: "{version}"')
        request.version = int(version)
    if kind is not None:
        if kind not in _VERSION_TYPES:
            raise illegal(f"No version type match [{kind}]")
        request.version_type = _VERSION_TYPES[kind]
    request.source = shown_source(params)
    request.force_synthetic_source = params.flag("force_synthetic_source", False)
    params.finish()
    return request


def get_call(request: GetRequest) -> Call:
    source_ = request.source
    listed = source_ if isinstance(source_, dict) else {}
    params = text_params(
        refresh=True if request.refresh else None,
        routing=request.routing,
        preference=request.preference,
        realtime=None if request.realtime else False,
        stored_fields=request.stored_fields,
        version=None if request.version == ANY_VERSION else request.version,
        version_type=None if request.version_type is VersionType.INTERNAL else request.version_type.name.lower(),
        _source=None if source_ is None else source_ is not False,
        _source_includes=listed.get("includes") or None,
        _source_excludes=listed.get("excludes") or None,
        force_synthetic_source=True if request.force_synthetic_source else None,
    )
    return Call([] if request.index is None else [request.index], params, id=request.id)


def show_get(response: GetResponse, params: Given) -> Json:  # noqa: ARG001 - the form of all
    body: Json = {"_index": response.index, "_id": response.id}
    if not response.exists:
        return body | {"found": False}
    if response.version != -1:
        body["_version"] = response.version
    if response.seq_no != -2:
        body |= {"_seq_no": response.seq_no, "_primary_term": response.primary_term}
    body |= meta_fields(response.meta_fields) | {"found": True}
    if response.source:
        body["_source"] = source(response.source)
    if response.fields:
        body["fields"] = {name: shown(field.values) for name, field in response.fields.items()}
    return body


def read_get(body: Mapping[str, Any]) -> GetResponse:
    response = GetResponse(index=body["_index"], id=body["_id"], exists=body["found"] is True)
    if not response.exists:
        return response
    response.version = body.get("_version", -1)
    response.seq_no, response.primary_term = body.get("_seq_no", -2), body.get("_primary_term", 0)
    response.source = orjson.dumps(body["_source"]) if "_source" in body else b""
    response.fields = {name: DocumentField(name=name, values=list(values)) for name, values in body.get("fields", {}).items()}
    for name, value in body.items():
        if name not in _SHOWN_BESIDE:
            response.meta_fields[name] = DocumentField(name=name, values=list(value) if isinstance(value, list) else [value])
    return response


_TERMS_ENUM = ("field", "string", "search_after", "size", "case_insensitive", "timeout", "index_filter")


def terms_enum_request(call: Call) -> TermsEnumRequest:
    """``POST /{index}/_terms_enum``"""
    params = Parameters(call.params, f"{call.path}/_terms_enum")
    body, place = call.parsed()
    members(body, place, "terms_enum_request", _TERMS_ENUM)
    request = TermsEnumRequest(indices=list(call.indices), field="")
    for name in ("field", "string", "search_after"):
        if name in body:
            setattr(request, name, scalars.text(body[name], place.at(name)))
    if "size" in body:
        request.size = scalars.whole(body["size"], place.at("size"))
    if "case_insensitive" in body:
        request.case_insensitive = scalars.boolean(body["case_insensitive"], place.at("case_insensitive"))
    if "timeout" in body:
        request.timeout = scalars.parse_time(scalars.text(body["timeout"], place.at("timeout")), "timeout")
    if "index_filter" in body:
        request.index_filter = canonical.query(body["index_filter"], place.at("index_filter"))
    request.options = params.indices_options(IndicesOptions())
    params.finish()
    return request


def terms_enum_call(request: TermsEnumRequest) -> Call:
    body: Json = {"field": request.field, "size": request.size, "case_insensitive": request.case_insensitive}
    optional = {"string": request.string, "search_after": request.search_after, "index_filter": request.index_filter}
    body |= {name: value for name, value in optional.items() if value is not None}
    if request.timeout is not None and request.timeout != DEFAULT_TIMEOUT:
        body["timeout"] = time_text(request.timeout)
    return Call(request.indices, options_params(request.options, IndicesOptions()), body)


def show_terms_enum(response: TermsEnumResponse, params: Given) -> Json:  # noqa: ARG001
    shards: Json = {
        "total": response.total_shards,
        "successful": response.successful_shards,
        "failed": response.failed_shards,
    }
    if response.failures:
        shards["failures"] = [_failure(failure) for failure in response.failures]
    return {"_shards": shards, "terms": list(response.terms), "complete": response.complete}


def _failure(failure: ShardOperationFailure) -> Json:
    return {
        "shard": failure.shard,
        "index": failure.index,
        "status": failure.status,
        "reason": render(failure.cause),
    }


def read_terms_enum(body: Mapping[str, Any]) -> TermsEnumResponse:
    shards = body.get("_shards", {})
    return TermsEnumResponse(
        total_shards=shards.get("total", 1),
        successful_shards=shards.get("successful", 1),
        failed_shards=shards.get("failed", 0),
        terms=list(body["terms"]),
        complete=body["complete"],
    )
