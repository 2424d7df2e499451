"""What a source has answered: nothing of it goes on that the Grant does not show, or that was not asked for.

All functions raise ``Wrong`` for what a source may not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.backends.decoding.bodies import DEFAULT_SIZE, wanted_source
from gateway.backends.decoding.queries import Shown
from gateway.backends.memory.fetch import parse_source_option
from gateway.backends.memory.shown_source import ShownSource
from gateway.backends.memory.source_filter import SourceFilter

Json = dict[str, Any]

_SEARCH: Final = frozenset({"took", "timed_out", "terminated_early", "_shards", "hits", "aggregations"})
_HIT: Final = frozenset(
    {
        *("_index", "_id", "_score", "_source", "fields", "highlight", "sort", "matched_queries"),
        *("_version", "_seq_no", "_primary_term", "_ignored", "_routing", "ignored_field_values"),
    }
)
_GET: Final = frozenset({"_index", "_id", "found", "_source", "_version", "_seq_no", "_primary_term", "_ignored", "_routing"})
_BY_FIELD: Final = ("fields", "highlight", "ignored_field_values")
_META: Final = ("_ignored", "_routing", "_version", "_seq_no", "_primary_term")
_KINDS: Final[dict[str, frozenset[str]]] = {"terms": frozenset({"sterms", "lterms", "dterms"})}
"""How typed keys call the results of an aggregation, where not as itself."""
_BESIDE: Final = frozenset(
    {
        *("doc_count", "key", "key_as_string", "doc_count_error_upper_bound", "sum_other_doc_count", "from", "to", "meta"),
        *("from_as_string", "to_as_string", "buckets", "value", "value_as_string"),
        *("count", "min", "max", "avg", "sum", "min_as_string", "max_as_string", "avg_as_string", "sum_as_string"),
    }
)


class Wrong(Exception):  # noqa: N818 - an answer is wrong
    """The text says what of it."""


class Strip:
    """What of a document of an index may be seen."""

    def __init__(self, shown: Shown, option: SourceFilter | None) -> None:
        self._shown = shown
        self._option = option
        self._visible = None if shown.fields is None else ShownSource(shown.fields)

    def __call__(self, hit: Json) -> Json:
        """A hit, or the answer to a get, with nothing in it but that."""
        kept = dict(hit)
        fields = self._shown.fields
        source = kept.pop("_source", None)
        if source is not None and self._option is not None and (fields is None or fields.allows("_source")):
            if not isinstance(source, dict):
                raise Wrong("a [_source] that is no map")
            kept["_source"] = self._option(source if self._visible is None else self._visible(source))
        if fields is None:
            return kept
        for part in _BY_FIELD:
            if part in kept:
                kept[part] = self._fields(part, kept[part])
        for name in _META:
            if not fields.allows(name):
                kept.pop(name, None)
        return kept

    def _fields(self, part: str, found: Any) -> Json:
        if not isinstance(found, dict):
            raise Wrong(f"[{part}] that is no map")
        for name, values in found.items():
            if isinstance(values, list) and any(isinstance(value, dict) for value in values):
                # Of a nested object's values nobody has looked at which may be seen.
                raise Wrong(f"objects in [{part}] of [{name}], where some fields only may be seen")
        return {name: values for name, values in found.items() if self._shown.shows(name)}


def checked_search(body: Any, source: Mapping[str, Any], asked: Mapping[str, Any], shown: Mapping[str, Shown]) -> Json:
    """The answer to a search for indices, each of which shows what it does. ``source`` is the body of the client's search, ``asked``
    the one that the source was asked."""
    if not isinstance(body, dict):
        raise Wrong("it is no map")
    _only(body, _SEARCH, "of a search")
    found = body.get("hits")
    if not isinstance(found, dict) or not isinstance(found.get("hits"), list):
        raise Wrong("[hits.hits] is not a list")
    _only(found, frozenset({"total", "max_score", "hits"}), "in [hits]")
    hits = found["hits"]
    size = asked.get("size", DEFAULT_SIZE)
    if len(hits) > size:
        raise Wrong(f"[{len(hits)}] hits, where [{size}] were asked for")
    _check_total(found.get("total"), len(hits), asked.get("track_total_hits"))
    option = parse_source_option(wanted_source(source))
    strips = {name: Strip(each, option) for name, each in shown.items()}
    checked = {
        "took": body.get("took", 0),
        "timed_out": body.get("timed_out", False),
        "_shards": _shards(body.get("_shards"), shown),
        "hits": {**found, "hits": [_hit(hit, strips, bool(source.get("sort"))) for hit in hits]},
    }
    for name in ("terminated_early", "aggregations"):
        if name in body:
            checked[name] = body[name]
    _check_aggregations(body.get("aggregations", {}), asked.get("aggs", {}))
    return checked


def checked_get(body: Any, index: str, document: str, option: SourceFilter | None, shown: Shown) -> Json:
    """The answer to a get of that document."""
    if not isinstance(body, dict) or not isinstance(body.get("found"), bool):
        raise Wrong("[found] is neither true nor false")
    _only(body, _GET, "of a get")
    if body.get("_index", index) != index or body.get("_id", document) != document:
        raise Wrong("another document than was asked for")
    named = {"_index": index, "_id": document, "found": body["found"]}
    if not body["found"] or not shown.shows("_id"):
        return {**named, "found": False}
    return {**Strip(shown, option)(body), **named}


def _hit(hit: Any, strips: Mapping[str, Callable[[Json], Json]], sorted_: bool) -> Json:
    if not isinstance(hit, dict):
        raise Wrong("a hit that is no map")
    _only(hit, _HIT, "in a hit")
    index = hit.get("_index")
    strip = strips.get(index) if isinstance(index, str) else None
    if strip is None:
        raise Wrong(f"a hit of the index [{index}], which was not asked for")
    if not isinstance(hit.get("_id"), str):
        raise Wrong("a hit without its [_id]")
    if sorted_ != ("sort" in hit):
        raise Wrong("a hit without its [sort]" if sorted_ else "a hit with a [sort], which was not asked for")
    return strip(hit)


def _check_total(total: Any, hits: int, limit: Any) -> None:
    if total is None:
        if limit is not False:
            raise Wrong("no [hits.total]")
        return
    value = total.get("value") if isinstance(total, dict) else None
    if type(value) is not int or total.get("relation") not in ("eq", "gte") or set(total) != {"value", "relation"}:
        raise Wrong("[hits.total] is not a value and a relation")
    if value < hits:
        raise Wrong(f"a total of [{value}] with [{hits}] hits")


def _shards(shards: Any, shown: Mapping[str, Shown]) -> Json:
    """One for each index, unless the source says otherwise."""
    if shards is None:
        return {"total": len(shown), "successful": len(shown), "skipped": 0, "failed": 0}
    if not isinstance(shards, dict):
        raise Wrong("[_shards] is no map")
    _only(shards, frozenset({"total", "successful", "skipped", "failed", "failures"}), "in [_shards]")
    failures = shards.get("failures", [])
    if not isinstance(failures, list) or not all(isinstance(failure, dict) for failure in failures):
        raise Wrong("[_shards.failures] is not a list of maps")
    for failure in failures:
        _only(failure, frozenset({"shard", "index", "node", "reason"}), "in [_shards.failures]")
        if failure.get("index") not in shown:
            raise Wrong(f"a failure of the index [{failure.get('index')}], which was not asked for")
        failure.pop("node", None)
    counts = [shards.get(name, 0) for name in ("total", "successful", "skipped", "failed")]
    if any(type(count) is not int or count < 0 for count in counts):
        raise Wrong("[_shards] with counts that are none")
    total, successful, _, failed = counts
    if successful > total or len(failures) > failed or successful + failed != total:
        raise Wrong("[_shards] whose counts do not fit together")
    return shards


def _check_aggregations(results: Any, asked: Mapping[str, Any], place: str = "aggregations") -> None:
    if not isinstance(results, dict):
        raise Wrong(f"[{place}] is no map")
    names = set()
    for key, result in results.items():
        typed, hash_, name = key.partition("#")
        definition = asked.get(name)
        if not hash_ or definition is None:
            raise Wrong(f"an aggregation [{key}] in [{place}], which was not asked for; keys are [type#name]")
        kind = next(member for member in definition if member not in ("aggs", "meta"))
        if typed not in _KINDS.get(kind, {kind}):
            raise Wrong(f"a result [{key}] of aggregation [{name}], which is of type [{kind}]")
        names.add(name)
        _check_result(result, kind, definition, f"{place}.{name}")
    if names != set(asked):
        raise Wrong(f"[{place}] without [{', '.join(sorted(set(asked) - names))}]")


def _check_result(result: Any, kind: str, definition: Mapping[str, Any], place: str) -> None:
    if not isinstance(result, dict):
        raise Wrong(f"[{place}] is no map")
    inner = definition.get("aggs", {})
    if kind in ("global", "filter", "missing"):
        _check_bucket(result, inner, place)
        return
    _only(result, _BESIDE, f"in [{place}]")
    if kind not in ("terms", "range", "filters"):
        return
    buckets = result.get("buckets")
    listed: Sequence[Any] = list(buckets.values()) if isinstance(buckets, dict) else buckets if isinstance(buckets, list) else ()
    if buckets is None or not isinstance(buckets, dict | list):
        raise Wrong(f"[{place}] without buckets")
    parameters = definition[kind]
    if kind == "terms" and len(listed) > parameters.get("size", 10):
        raise Wrong(f"[{len(listed)}] buckets in [{place}], where [{parameters.get('size', 10)}] were asked for")
    if kind == "filters":
        filters = parameters["filters"]
        same = set(buckets) == set(filters) if isinstance(filters, dict) and isinstance(buckets, dict) else None
        if not (len(buckets) == len(filters) if same is None and type(filters) is type(buckets) else same):
            raise Wrong(f"other buckets in [{place}] than its filters")
    for bucket in listed:
        _check_bucket(bucket, inner, place)


def _check_bucket(bucket: Any, inner: Mapping[str, Any], place: str) -> None:
    if not isinstance(bucket, dict) or type(bucket.get("doc_count")) is not int:
        raise Wrong(f"a bucket of [{place}] without a count")
    _check_aggregations({key: value for key, value in bucket.items() if key not in _BESIDE}, inner, place)


def _only(body: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for name in body:
        if name not in known:
            raise Wrong(f"a member [{name}] {where} that is not known")
