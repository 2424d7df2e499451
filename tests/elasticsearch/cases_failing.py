"""Searches that a real node refuses: by name, the body. What a node refuses before it asks a remote cluster is not among them, nor are
texts that come out of parser generators."""

from __future__ import annotations

from typing import Any

from tests.elasticsearch.case import AT

Body = dict[str, Any]


def _queries(**queries: Body) -> dict[str, Body]:
    return {name.replace("_", "-"): {"query": query} for name, query in queries.items()}


def _on(kind: str, field: str, **values: Any) -> dict[str, Body]:
    """Queries of one kind on one field."""
    return {f"{kind}-{name}".replace("_", "-"): {"query": {kind: {field: value}}} for name, value in values.items()}


def _aggregations(**definitions: Body) -> dict[str, Body]:
    return {f"aggregation-{name}".replace("_", "-"): {"size": 0, "aggs": {"x": it}} for name, it in definitions.items()}


def _metrics(*kinds: str, field: str) -> dict[str, Body]:
    return {f"aggregation-{kind}-{field}": {"size": 0, "aggs": {"x": {kind: {"field": field}}}} for kind in kinds}


def _ordered(kind: Body, **orders: tuple[str, Body]) -> dict[str, Body]:
    """Buckets ordered by what cannot be: the path, and the sub-aggregation ``m``."""
    ((name, parameters),) = kind.items()
    return {
        f"order-{name}-{case}".replace("_", "-"): {
            "size": 0,
            "aggs": {"x": {name: {**parameters, "order": {path: "asc"}}, "aggs": {"m": sub}}},
        }
        for case, (path, sub) in orders.items()
    }


def _sorts(**sorts: Any) -> dict[str, Body]:
    return {f"sort-{name}".replace("_", "-"): {"sort": [sort]} for name, sort in sorts.items()}


def _after(**cases: tuple[list[Any], list[Any]]) -> dict[str, Body]:
    return {f"after-{name}": {"sort": sort, "search_after": values} for name, (sort, values) in cases.items()}


def _options(option: str, **values: Any) -> dict[str, Body]:
    return {f"{option}-{name}".replace("_", "-"): {option: value} for name, value in values.items()}


def _pipelines(**cases: tuple[str, Body]) -> dict[str, Body]:
    """``max_bucket`` over the levels: the path, and the sub-aggregation ``s``."""
    return {
        f"pipeline-{name}".replace("_", "-"): {
            "size": 0,
            "aggs": {
                "d": {"terms": {"field": "level"}, "aggs": {"s": sub}},
                "x": {"max_bucket": {"buckets_path": path}},
            },
        }
        for name, (path, sub) in cases.items()
    }


TOO_LONG = "a" * 1001
LATENCY = {"field": "latency"}
TERMS = {"terms": {"field": "service"}, "aggs": {"m": {"max": LATENCY}}}
NESTED = {"nested": {"path": "nowhere", "query": {"match_all": {}}}}
WRONG_DATE = {"range": {AT: {"gte": "zzz"}}}
WRONG_NUMBER = {"term": {"http.status": "many"}}

QUERIES = {
    **_queries(
        nested=NESTED,
        nested_object={"nested": {"path": "host", "query": {"match_all": {}}}},
        nested_in_bool={"bool": {"must": [NESTED]}},
        date_in_bool={"bool": {"filter": [WRONG_DATE]}},
        date_in_constant_score={"constant_score": {"filter": WRONG_DATE}},
        number_in_dis_max={"dis_max": {"queries": [WRONG_NUMBER]}},
        minimum_should_match={"match": {"message": {"query": "a b", "minimum_should_match": "x"}}},
        minimum_should_match_percent={"bool": {"should": [{"match_all": {}}], "minimum_should_match": "75x%"}},
        multi_match_number={"multi_match": {"query": "x", "fields": ["http.status", "message"]}},
        multi_match_phrase_prefix={"multi_match": {"query": "x", "type": "phrase_prefix", "fields": ["http.status"]}},
        exists_source={"exists": {"field": "_source"}},
        term_source={"term": {"_source": "x"}},
        phrase_number={"match_phrase_prefix": {"http.status": "4"}},
        phrase_keyword={"match_phrase_prefix": {"service": "c"}},
        phrase_numbers={"match_phrase": {"http.status": "4 5"}},
        analyzer_match={"match": {"message": {"query": "x", "analyzer": "nope"}}},
        analyzer_phrase={"match_phrase": {"message": {"query": "x", "analyzer": "nope"}}},
        analyzer_multi_match={"multi_match": {"query": "x", "fields": ["message"], "analyzer": "nope"}},
        analyzer_query_string={"query_string": {"query": "x", "analyzer": "nope"}},
        analyzer_simple_query_string={"simple_query_string": {"query": "x", "analyzer": "nope"}},
    ),
    **_on(
        "range",
        AT,
        date={"gte": "not a date"},
        date_month={"gte": "2026-13-01"},
        date_empty={"gte": ""},
        date_format={"gte": "2026-11", "format": "yyyy"},
        date_math_unit={"gte": "now+1x"},
        date_math_rounding={"gte": "2026-11-01||/q"},
        date_math_truncated={"gte": "now+"},
        date_math_operator={"gte": "now*1d"},
        date_math_rest={"gte": "2026-11-01||+1dd"},
        date_math_many={"gte": "now/2d"},
    ),
    **_on("term", AT, date="not a date"),
    **_on("terms", AT, date=["not a date"]),
    **_on("match", AT, date="not a date"),
    **_on("match_phrase", AT, date="not a date"),
    **_on("term", "http.status", number="many", number_empty=""),
    **_on("terms", "http.status", number=[1, "many"]),
    **_on("match", "http.status", number="many", number_fuzzy={"query": "404", "fuzziness": "AUTO"}),
    **_on("range", "http.status", number={"gte": "many"}),
    **_on("range", "http.bytes", exponent={"lt": "1e"}),
    **_on("term", "latency", decimal="slow"),
    **_on("range", "latency", decimal={"gte": "slow"}),
    **_on("term", "host.ip", address="not an address", network="10.0.0.0/99", network_length="10.0.0.0/x"),
    **_on("range", "host.ip", address={"gte": "nope"}),
    **_on("terms", "host.ip", address=["10.0.0.1", "x"]),
    **_on("match", "host.ip", address="x y"),
    **_on("term", "ok", boolean="perhaps"),
    **_on("terms", "ok", boolean=["true", "x"]),
    **_on("match", "ok", boolean="perhaps"),
    **_on("range", "ok", boolean={"gte": "perhaps"}),
    **{
        f"{kind}-{field}": {"query": {kind: {field: "4"}}}
        for kind in ("prefix", "wildcard", "regexp", "fuzzy")
        for field in ("http.status", AT, "host.ip", "ok", "_id")
    },
    **_on("regexp", "service", group="a(", set="[a", counts="a{2,1}", long=TOO_LONG),
    **_on("regexp", "_index", index=".*"),
    **_on("fuzzy", "_index", index="logs"),
    **_on("range", "_index", index={"gte": "1"}),
    **_on("range", "_id", id={"gte": "1"}),
    **_on("term", "_index", index=":x"),
    **_options("post_filter", number=WRONG_NUMBER, date=WRONG_DATE),
}

SORTS = {
    **_sorts(
        unmapped={"nowhere": "asc"},
        text={"message": "asc"},
        object={"host": "asc"},
        id={"_id": "asc"},
        source={"_source": "asc"},
        mode_sum={"service": {"order": "asc", "mode": "sum"}},
        mode_avg={"service": {"order": "asc", "mode": "avg"}},
        format={"service": {"order": "asc", "format": "yyyy"}},
        missing={"http.bytes": {"order": "asc", "missing": "x"}},
        missing_date={AT: {"order": "asc", "missing": "x"}},
        nested={"http.bytes": {"order": "asc", "nested": {"path": "nowhere"}}},
        nested_object={"http.bytes": {"order": "asc", "nested": {"path": "http"}}},
        numeric_type={"service": {"order": "asc", "numeric_type": "long"}},
        numeric_type_nanos={"http.bytes": {"order": "asc", "numeric_type": "date_nanos"}},
        unmapped_type_text={"nowhere": {"order": "asc", "unmapped_type": "text"}},
        unmapped_type_unknown={"nowhere": {"order": "asc", "unmapped_type": "nope"}},
    ),
    **_after(
        arity=([{"http.bytes": "asc"}], [1, 2]),
        number=([{"http.bytes": "asc"}], ["x"]),
        date=([{AT: "asc"}], ["x"]),
        address=([{"host.ip": "asc"}], ["x"]),
        decimal=([{"latency": "asc"}], ["x"]),
        boolean=([{"ok": "asc"}], ["x"]),
        null=([{"http.bytes": "asc"}], [None]),
        score=(["_score"], ["x"]),
        doc=(["_doc"], ["x"]),
    ),
    "after-without-sort": {"search_after": [1]},
}

HITS = {
    "window": {"from": 9_999, "size": 100},
    "window-size": {"size": 10_001},
    **_options(
        "collapse",
        text={"field": "message"},
        unmapped={"field": "nowhere"},
        date={"field": AT},
        ip={"field": "host.ip"},
        boolean={"field": "ok"},
        index={"field": "_index"},
        array={"field": "tags"},
    ),
    "collapse-after": {"collapse": {"field": "service"}, "sort": [{"http.bytes": "asc"}], "search_after": [3]},
    **{
        f"highlight-{name}": {"query": {"match": {"message": "timeout"}}, "highlight": {**options, "fields": {"message": {}}}}
        for name, options in {
            "fvh": {"type": "fvh"},
            "type": {"type": "nope"},
            "fragmenter": {"type": "plain", "fragmenter": "nope"},
        }.items()
    },
    **_options(
        "docvalue_fields",
        text=["message"],
        format=[{"field": "service", "format": "yyyy"}],
        format_boolean=[{"field": "ok", "format": "yyyy"}],
        format_date=[{"field": AT, "format": "nonsense"}],
        id=["_id"],
        source=["_source"],
    ),
    **_options(
        "fields",
        format=[{"field": "service", "format": "yyyy"}],
        format_number=[{"field": "http.bytes", "format": "yyyy"}],
        format_date=[{"field": AT, "format": "nonsense"}],
        source=["_source"],
    ),
    **_options("indices_boost", missing=[{"nowhere": 2}], remote=[{"ALIAS:logs-app-1": 2}]),
}

AGGREGATIONS = {
    **_metrics("sum", "stats", "min", "percentiles", "median_absolute_deviation", field="service"),
    **_metrics("terms", "sum", "cardinality", "value_count", "missing", field="message"),
    **_metrics("avg", field="host.ip"),
    **_metrics("terms", field="_id"),
    **_aggregations(
        histogram_keyword={"histogram": {"field": "service", "interval": 5}},
        date_histogram_keyword={"date_histogram": {"field": "service", "fixed_interval": "1d"}},
        range_keyword={"range": {"field": "service", "ranges": [{"to": 3}]}},
        date_range_bound={"date_range": {"field": AT, "ranges": [{"to": "zzz"}]}},
        date_range_format={"date_range": {"field": AT, "format": "yyyy", "ranges": [{"to": "2026-11-11"}]}},
        ip_range_keyword={"ip_range": {"field": "service", "ranges": [{"to": "10.0.0.1"}]}},
        weighted_avg={"weighted_avg": {"value": LATENCY, "weight": {"field": "service"}}},
        terms_missing={"terms": {"field": "http.bytes", "missing": "x"}},
        terms_missing_date={"terms": {"field": AT, "missing": "x"}},
        terms_include_number={"terms": {"field": "http.bytes", "include": "a.*"}},
        terms_include_numbers={"terms": {"field": "http.bytes", "include": ["a"]}},
        terms_include_ip={"terms": {"field": "host.ip", "include": "a.*"}},
        terms_format={"terms": {"field": "service", "format": "yyyy"}},
        terms_format_date={"terms": {"field": AT, "format": "nonsense"}},
        histogram_many={"histogram": {"field": "http.bytes", "interval": 1, "min_doc_count": 0}},
        histogram_missing={"histogram": {"field": "http.bytes", "interval": 100_000, "missing": "zz"}},
        date_histogram_many={"date_histogram": {"field": AT, "fixed_interval": "1s", "min_doc_count": 0}},
        date_histogram_bounds={
            "date_histogram": {
                "field": AT,
                "fixed_interval": "1d",
                "min_doc_count": 0,
                "extended_bounds": {"min": "zzz", "max": "yyy"},
            }
        },
        date_histogram_hard_bounds={"date_histogram": {"field": AT, "fixed_interval": "1d", "hard_bounds": {"min": "zzz"}}},
        date_histogram_format={"date_histogram": {"field": AT, "fixed_interval": "1d", "format": "nonsense"}},
        date_histogram_missing={"date_histogram": {"field": AT, "fixed_interval": "1d", "missing": "zz"}},
        filter_date={"filter": WRONG_DATE},
        filter_number={"filter": WRONG_NUMBER},
        filters_number={"filters": {"filters": {"a": WRONG_NUMBER}}},
        filters_nested={"filters": {"filters": {"a": NESTED}}},
        reverse_nested={"reverse_nested": {}},
        global_below={"filter": {"match_all": {}}, "aggs": {"g": {"global": {}}}},
        composite_text={"composite": {"sources": [{"a": {"terms": {"field": "message"}}}]}},
        composite_histogram={"composite": {"sources": [{"a": {"histogram": {"field": "service", "interval": 3}}}]}},
        composite_dates={"composite": {"sources": [{"a": {"date_histogram": {"field": "service", "fixed_interval": "1d"}}}]}},
        composite_after={"composite": {"sources": [{"a": {"terms": {"field": "http.bytes"}}}], "after": {"a": "x"}}},
        composite_after_name={"composite": {"sources": [{"a": {"terms": {"field": "http.bytes"}}}], "after": {"b": 1}}},
        composite_after_arity={"composite": {"sources": [{"a": {"terms": {"field": "level"}}}], "after": {"a": 1, "b": 1}}},
        composite_size={"composite": {"size": 100_000, "sources": [{"a": {"terms": {"field": "http.bytes"}}}]}},
        composite_below={
            "terms": {"field": "level"},
            "aggs": {"c": {"composite": {"sources": [{"a": {"terms": {"field": "service"}}}]}}},
        },
        top_hits_sort={"top_hits": {"sort": [{"nowhere": "asc"}]}},
        top_hits_sort_text={"top_hits": {"sort": [{"message": "asc"}]}},
        top_hits_window={"top_hits": {"size": 101}},
        top_hits_fields={"top_hits": {"docvalue_fields": ["message"]}},
    ),
    # Terms of keywords are left out: a node checks their order, or fails in reducing them, by how it counts them.
    **_ordered(
        {"terms": {"field": "http.status"}},
        unknown=("nope", {"avg": LATENCY}),
        many=("m", {"stats": LATENCY}),
        value=("m.zz", {"avg": LATENCY}),
    ),
    **_ordered(
        {"histogram": {"field": "http.bytes", "interval": 100_000}},
        unknown=("nope", {"avg": LATENCY}),
        many=("m", {"stats": LATENCY}),
        many_name=("m.zz", {"stats": LATENCY}),
        percent=("m[77]", {"percentiles": LATENCY}),
        value=("m.zz", {"avg": LATENCY}),
        below_metric=("m>zz", {"avg": LATENCY}),
        buckets=("m", TERMS),
        below_buckets=("m>m", TERMS),
        bucket_name=("m.zz", {"filter": {"match_all": {}}}),
        below_bucket=("m>zz", {"filter": {"match_all": {}}}),
    ),
    **_pipelines(
        bucket=("d", {"max": LATENCY}),
        key=("d._key", {"max": LATENCY}),
        stats=("d>s", {"stats": LATENCY}),
        stats_name=("d>s.zz", {"stats": LATENCY}),
        value=("d>s.zz", {"max": LATENCY}),
        percentiles=("d>s", {"percentiles": LATENCY}),
        percentiles_name=("d>s.x", {"percentiles": LATENCY}),
        bucket_of_key=("d['NOPE']>s>m", TERMS),
        several=("d>s>m", TERMS),
        single=("d>s", {"filter": {"match_all": {}}}),
        top_hits=("d>s", {"top_hits": {"size": 1}}),
        top_hits_several=("d>s._score", {"top_hits": {"size": 2}}),
    ),
}

EVERYWHERE: dict[str, Body] = {**QUERIES, **AGGREGATIONS}
"""What fails in every index; the others may fail in that of the hits only."""

FAILING: dict[str, Body] = {**EVERYWHERE, **SORTS, **HITS}
