"""Hits as REST shows them."""

from __future__ import annotations

import math
from typing import Any

from protocol.errors import ElasticsearchException
from protocol.messages.hits import DocumentField, Explanation, NestedIdentity, Relation, SearchHit, SearchHits
from protocol.rest.texts import loads, number, shown, single

Json = dict[str, Any]

_IGNORED = "_ignored"


def render_hits(found: SearchHits, *, total_as_int: bool = False, named_scores: bool = False) -> Json:
    """``{"total": …, "max_score": …, "hits": […]}``: the ``hits`` of a response, of inner hits and of ``top_hits``."""
    body: Json = {}
    if total_as_int:
        body["total"] = -1 if found.total is None else found.total.value
    elif found.total is not None:
        body["total"] = {"value": found.total.value, "relation": "eq" if found.total.relation is Relation.EQUAL_TO else "gte"}
    body["max_score"] = None if math.isnan(found.max_score) else single(found.max_score)
    body["hits"] = [render_hit(hit, total_as_int=total_as_int, named_scores=named_scores) for hit in found.hits]
    return body


def render_hit(hit: SearchHit, *, total_as_int: bool = False, named_scores: bool = False) -> Json:
    """One hit; the name of its index has the alias of its cluster before it."""
    body: Json = {}
    if hit.shard is not None:
        shard, alias = hit.shard.shard_id, hit.shard.cluster_alias
        if hit.explanation is not None:
            body |= {"_shard": f"[{shard.index}][{shard.shard}]", "_node": hit.shard.node_id}
        body["_index"] = f"{alias}:{shard.index}" if alias else shard.index
    if hit.id is not None:
        body["_id"] = hit.id
    if hit.nested is not None:
        body["_nested"] = _nested(hit.nested)
    if hit.version != -1:
        body["_version"] = hit.version
    if hit.seq_no != -2:
        body |= {"_seq_no": hit.seq_no, "_primary_term": hit.primary_term}
    body["_score"] = None if math.isnan(hit.score) else single(hit.score)
    if hit.rank != -1:
        body["_rank"] = hit.rank
    body |= meta_fields(hit.meta_fields)
    if hit.source:
        body["_source"] = source(hit.source)
    if fields := {name: shown(field.values) for name, field in hit.fields.items() if field.values}:
        body["fields"] = fields
    if ignored := {name: shown(field.ignored_values) for name, field in hit.fields.items() if field.ignored_values}:
        body["ignored_field_values"] = ignored
    if hit.highlight:
        body["highlight"] = {name: None if fragments is None else list(fragments) for name, fragments in hit.highlight.items()}
    if hit.sort.formatted:
        body["sort"] = shown(hit.sort.formatted)
    if hit.matched_queries:
        names = hit.matched_queries
        body["matched_queries"] = {name: single(score) for name, score in names.items()} if named_scores else list(names)
    if hit.explanation is not None:
        body["_explanation"] = _explanation(hit.explanation)
    if hit.inner_hits:
        body["inner_hits"] = {
            name: {"hits": render_hits(inner, total_as_int=total_as_int, named_scores=named_scores)}
            for name, inner in hit.inner_hits.items()
        }
    return body


def meta_fields(fields: dict[str, DocumentField]) -> Json:
    """``_ignored`` is a list, the others have one value each."""
    return {
        name: shown(field.values) if name == _IGNORED else shown(field.values[0])
        for name, field in fields.items()
        if field.values
    }


def source(data: bytes) -> Any:
    """A document's ``_source``. Raises ElasticsearchException where it is not JSON, which a document may be indexed as."""
    try:
        return loads(data)
    except (ValueError, RecursionError):
        raise ElasticsearchException("illegal_argument_exception", "a [_source] that is not JSON is not supported") from None


def _nested(identity: NestedIdentity) -> Json:
    body: Json = {} if identity.field is None else {"field": identity.field}
    if identity.offset != -1:
        body["offset"] = identity.offset
    if identity.child is not None:
        body["_nested"] = _nested(identity.child)
    return body


def _explanation(explanation: Explanation) -> Json:
    value = explanation.value if isinstance(explanation.value, int) else number(explanation.value)
    return {
        "value": value,
        "description": explanation.description,
        "details": [_explanation(detail) for detail in explanation.details],
    }
