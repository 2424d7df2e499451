"""The calls of tests/vectors/engine/restricted.jsonl.gz: searches and field capabilities."""

from __future__ import annotations

from typing import Any


def _q(query: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"query": query, "_source": False, "size": 8, **more}


def _a(aggregation: dict[str, Any], query: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"size": 0, "aggs": {"a": aggregation}, **({"query": query} if query else {})}


_ALL: dict[str, Any] = {"match_all": {}}
_FIRST = {"size": 3, "sort": ["n"]}

SEARCHES: dict[str, dict[str, Any]] = {
    # queries
    "all": {"size": 60, "_source": ["n"]},
    "all_source": {"size": 6},
    "q_match_title": _q({"match": {"title": "alpha report"}}),
    "q_match_body": _q({"match": {"body": "alpha kappa"}}),
    "q_match_and": _q({"match": {"body": {"query": "alpha beta", "operator": "and"}}}),
    "q_phrase": _q({"match_phrase": {"title": "beta delta"}}),
    "q_phrase_prefix": _q({"match_phrase_prefix": {"body": "alpha be"}}),
    "q_bool_prefix": _q({"match_bool_prefix": {"body": "alpha be"}}),
    "q_multi": _q({"multi_match": {"query": "alpha", "fields": ["title", "body"]}}),
    "q_multi_all": _q({"multi_match": {"query": "alpha", "lenient": True}}),
    "q_multi_cross": _q(
        {"multi_match": {"query": "alpha secret", "fields": ["title", "body", "secret.note"], "type": "cross_fields"}}
    ),
    "q_multi_pattern": _q({"multi_match": {"query": "c1", "fields": ["*code*", "title*"]}}),
    "q_query_string": _q({"query_string": {"query": "alpha OR c1"}}),
    "q_query_string_field": _q({"query_string": {"query": "secret.code:c1 OR title:beta"}}),
    "q_query_string_exists": _q({"query_string": {"query": "_exists_:secret.code"}}),
    "q_simple_query_string": _q({"simple_query_string": {"query": "alpha + report"}}),
    "q_simple_negative": _q({"simple_query_string": {"query": "alpha -beta", "fields": ["secret.*", "nothing*"]}}),
    "q_multi_zero_terms": _q({"multi_match": {"query": " ", "fields": ["sec*"], "zero_terms_query": "all"}}),
    "q_term_tenant": _q({"term": {"tenant": "a"}}),
    "q_term_code": _q({"term": {"secret.code": "c1"}}),
    "q_term_alias": _q({"term": {"level_alias": "warn"}}),
    "q_term_code_alias": _q({"term": {"code_alias": "c1"}}),
    "q_term_raw": _q({"term": {"title.raw": "Beta delta report"}}),
    "q_term_ignoring_case": _q({"term": {"user.name": {"value": "U1", "case_insensitive": True}}}),
    "q_terms": _q({"terms": {"level": ["warn", "debug"]}}),
    "q_term_bool": _q({"term": {"ok": True}}),
    "q_term_ip": _q({"term": {"ip": "10.0.1.0/24"}}),
    "q_term_ignored": _q({"term": {"bad": 10}}),
    "q_range_n": _q({"range": {"n": {"gte": 5, "lt": 50}}}),
    "q_range_ts": _q({"range": {"ts": {"gte": "2024-01-05", "lt": "2024-01-20"}}}),
    "q_range_tn": _q({"range": {"tn": {"gte": "2024-02-05"}}}),
    "q_range_price": _q({"range": {"price": {"lte": 30}}}),
    "q_range_keyword": _q({"range": {"user.name": {"gte": "u2"}}}),
    "q_prefix": _q({"prefix": {"user.email": "u1"}}),
    "q_wildcard": _q({"wildcard": {"user.email": "*@example.org"}}),
    "q_regexp": _q({"regexp": {"secret.code": "c[12]"}}),
    "q_fuzzy": _q({"fuzzy": {"body": "alpho"}}),
    "q_exists_secret": _q({"exists": {"field": "secret"}}),
    "q_exists_code": _q({"exists": {"field": "secret.code"}}),
    "q_exists_text": _q({"exists": {"field": "body"}}),
    "q_exists_nodv": _q({"exists": {"field": "nodv"}}),
    "q_exists_pattern": _q({"exists": {"field": "sec*"}}),
    "q_exists_items": _q({"exists": {"field": "items"}}),
    "q_not_exists": _q({"bool": {"must_not": {"exists": {"field": "secret.code"}}}}),
    "q_not_term": _q({"bool": {"must_not": {"term": {"secret.code": "c1"}}}}),
    "q_nested": _q({"nested": {"path": "items", "query": {"term": {"items.sku": "s1"}}}}),
    "q_nested_all": _q({"nested": {"path": "items", "query": _ALL}}),
    "q_nested_text": _q({"nested": {"path": "items", "query": {"match": {"items.note": "alpha item"}}, "score_mode": "max"}}),
    "q_nested_twice": _q({"nested": {"path": "items.parts", "query": {"term": {"items.parts.x": "x1"}}}}),
    "q_nested_not": _q({"bool": {"must_not": {"nested": {"path": "items", "query": {"exists": {"field": "items.qty"}}}}}}),
    "q_ids": _q({"ids": {"values": ["0", "1", "2", "3"]}}),
    "q_term_id": _q({"term": {"_id": "1"}}),
    "q_index": _q({"term": {"_index": "hb-main"}}),
    "q_constant_score": _q({"constant_score": {"filter": {"term": {"level": "warn"}}, "boost": 2}}),
    "q_dis_max": _q(
        {"dis_max": {"queries": [{"match": {"title": "alpha"}}, {"term": {"secret.code": "c2"}}], "tie_breaker": 0.3}}
    ),
    "q_boosting": _q(
        {
            "boosting": {
                "positive": {"match": {"title": "report"}},
                "negative": {"term": {"secret.code": "c1"}},
                "negative_boost": 0.2,
            }
        }
    ),
    "q_should": _q(
        {"bool": {"must": {"term": {"tenant": "a"}}, "should": [{"term": {"secret.code": "c3"}}, {"term": {"level": "warn"}}]}}
    ),
    "q_named": _q(
        {
            "bool": {
                "should": [
                    {"term": {"secret.code": {"value": "c1", "_name": "code"}}},
                    {"range": {"n": {"gte": 0, "_name": "n"}}},
                ]
            }
        },
        sort=["_doc"],
    ),
    "q_everything": _q({"match": {"everything": "alpha"}}),
    "q_dynamic": _q({"term": {"dyn.first.keyword": "d1"}}),
    # counting
    "count_all": {"size": 0, "track_total_hits": True},
    "count_term": {"size": 0, "track_total_hits": True, "query": {"term": {"tenant": "a"}}},
    "count_limit": {"size": 0, "track_total_hits": 7},
    "terminate": {"size": 0, "terminate_after": 5, "query": {"range": {"n": {"gte": 0}}}},
    "post_filter": {**_FIRST, "post_filter": {"term": {"secret.code": "c1"}}, "_source": False},
    "min_score": {"query": {"match": {"body": "alpha"}}, "min_score": 0.4, "_source": False, "size": 4},
    # sorts
    **{
        f"sort_{name}": {"size": 4, "_source": False, "sort": criteria}
        for name, criteria in {
            "n": [{"n": "desc"}],
            "keyword": [{"level": "asc"}, {"n": "asc"}],
            "code": [{"secret.code": "asc"}, {"_doc": "asc"}],
            "alias": [{"code_alias": "desc"}, {"n": "asc"}],
            "date": [{"ts": {"order": "desc", "format": "yyyy-MM-dd"}}],
            "nanos": [{"tn": "desc"}],
            "price": [{"price": {"order": "desc", "missing": "_first"}}, {"n": "asc"}],
            "ip": [{"ip": "desc"}],
            "bool": [{"ok": "asc"}, {"_doc": "asc"}],
            "text": [{"body": "asc"}],
            "raw": [{"title.raw": "asc"}],
            "nested": [{"items.qty": {"order": "desc", "nested": {"path": "items"}}}],
            "nested_filter": [
                {"items.qty": {"order": "asc", "nested": {"path": "items", "filter": {"term": {"items.sku": "s1"}}}}}
            ],
            "missing": [{"secret.code": {"order": "asc", "missing": "c3"}}, {"_doc": "asc"}],
            "unmapped": [{"nowhere": {"order": "asc", "unmapped_type": "long"}}],
            "unknown": [{"nowhere": "asc"}],
            "index": [{"_index": "asc"}, {"_doc": "asc"}],
            "seq_no": [{"_seq_no": "desc"}],
        }.items()
    },
    "sort_after": {"size": 3, "_source": False, "sort": [{"n": "asc"}], "search_after": [20]},
    # fetching
    "source_off": {**_FIRST, "_source": False},
    "source_includes": {**_FIRST, "_source": ["user.*", "title"]},
    "source_excludes": {**_FIRST, "_source": {"excludes": ["user.name", "secret"]}},
    "source_both": {**_FIRST, "_source": {"includes": ["user", "mixed"], "excludes": ["*.name"]}},
    "fields_all": {"size": 12, "_source": False, "fields": ["*"]},
    "fields_some": {
        **_FIRST,
        "_source": False,
        "fields": ["title*", "user.*", "secret.*", "level_alias", "code_alias", "everything"],
    },
    "fields_items": {**_FIRST, "_source": False, "fields": ["items.*"]},
    "fields_dates": {
        **_FIRST,
        "_source": False,
        "fields": [{"field": "ts", "format": "yyyy"}, {"field": "tn", "format": "epoch_millis"}],
    },
    "fields_unmapped": {"size": 6, "_source": False, "fields": [{"field": "off*", "include_unmapped": True}]},
    "fields_metadata": {**_FIRST, "_source": False, "fields": ["_id", "_index", "_ignored", "_tier", "_version"]},
    "docvalues": {
        **_FIRST,
        "_source": False,
        "docvalue_fields": [
            "level",
            "secret.code",
            "n",
            "price",
            "ts",
            "ip",
            "ok",
            "title.raw",
            "tags",
            "level_alias",
            "code_alias",
        ],
    },
    "docvalues_metadata": {**_FIRST, "_source": False, "docvalue_fields": ["_seq_no", "_index"]},
    "stored": {**_FIRST, "stored_fields": ["title", "secret.code"]},
    "stored_none": {**_FIRST, "stored_fields": "_none_"},
    "stored_source": {**_FIRST, "stored_fields": ["_source"]},
    "version": {**_FIRST, "_source": False, "version": True, "seq_no_primary_term": True},
    "highlight": {"size": 5, "_source": False, "query": {"match": {"body": "alpha"}}, "highlight": {"fields": {"body": {}}}},
    "highlight_all": {
        "size": 5,
        "_source": False,
        "query": {"multi_match": {"query": "alpha secret", "fields": ["title", "body", "secret.note"]}},
        "highlight": {"fields": {"*": {}}},
    },
    "highlight_plain": {
        "size": 5,
        "_source": False,
        "query": {"bool": {"should": [{"term": {"secret.code": "c1"}}, {"term": {"level": "warn"}}]}},
        "highlight": {"type": "plain", "fields": {"secret.code": {}, "level": {}}},
    },
    "highlight_other": {
        "size": 5,
        "_source": False,
        "query": {"match": {"title": "alpha"}},
        "highlight": {"require_field_match": False, "fields": {"body": {}, "title": {}, "secret.note": {}}},
    },
    "highlight_query": {
        **_FIRST,
        "_source": False,
        "highlight": {"fields": {"secret.note": {"highlight_query": {"match": {"secret.note": "secret"}}}}},
    },
    "collapse": {"size": 6, "_source": False, "collapse": {"field": "level"}, "sort": [{"n": "desc"}]},
    "collapse_code": {"size": 6, "_source": False, "collapse": {"field": "secret.code"}, "sort": [{"n": "asc"}]},
    "collapse_text_alias": {"size": 6, "_source": False, "collapse": {"field": "title_alias"}},
    "collapse_number": {"size": 6, "_source": False, "collapse": {"field": "i"}},
    # aggregations
    "a_terms": _a({"terms": {"field": "level"}}),
    "a_terms_code": _a({"terms": {"field": "secret.code"}}),
    "a_terms_alias": _a({"terms": {"field": "code_alias"}}),
    "a_terms_number": _a({"terms": {"field": "i", "size": 4}}),
    "a_terms_zero": _a({"terms": {"field": "user.address.zip", "min_doc_count": 0, "size": 100}}, {"range": {"n": {"lt": 4}}}),
    "a_terms_zero_level": _a({"terms": {"field": "level", "min_doc_count": 0}}, {"term": {"tenant": "a"}}),
    "a_terms_zero_number": _a({"terms": {"field": "n", "min_doc_count": 0, "size": 100}}, {"term": {"tenant": "a"}}),
    "a_terms_zero_nested": _a(
        {"nested": {"path": "items"}, "aggs": {"b": {"terms": {"field": "items.sku", "min_doc_count": 0}}}},
        {"term": {"tenant": "a"}},
    ),
    "a_terms_missing": _a({"terms": {"field": "secret.code", "missing": "none"}}),
    "a_terms_index": _a({"terms": {"field": "_index"}}),
    "a_terms_text": _a({"terms": {"field": "body"}}),
    "a_terms_sub": _a(
        {"terms": {"field": "tenant"}, "aggs": {"b": {"avg": {"field": "price"}}, "c": {"terms": {"field": "secret.code"}}}}
    ),
    "a_global": _a({"global": {}, "aggs": {"b": {"terms": {"field": "tenant"}}}}, {"term": {"level": "warn"}}),
    "a_filter": _a({"filter": {"term": {"secret.code": "c1"}}, "aggs": {"b": {"max": {"field": "n"}}}}),
    "a_filters": _a(
        {"filters": {"other_bucket": True, "filters": {"x": {"term": {"level": "warn"}}, "y": {"exists": {"field": "secret"}}}}}
    ),
    "a_missing": _a({"missing": {"field": "secret.code"}}),
    "a_cardinality": _a({"cardinality": {"field": "user.address.zip"}}),
    "a_stats": _a({"extended_stats": {"field": "price"}}),
    "a_percentiles": _a({"percentiles": {"field": "n"}}),
    "a_value_count": _a({"value_count": {"field": "tags"}}),
    "a_min_date": _a({"min": {"field": "ts"}}),
    "a_nanos": _a({"terms": {"field": "tn"}, "aggs": {"b": {"max": {"field": "tn"}}}}),
    "a_nanos_histogram": _a({"date_histogram": {"field": "tn", "calendar_interval": "week"}}),
    "a_nanos_composite": _a({"composite": {"sources": [{"t": {"terms": {"field": "tn"}}}], "size": 5}}),
    "a_nanos_deviation": _a({"median_absolute_deviation": {"field": "tn"}}),
    "a_terms_text_alias": _a({"terms": {"field": "title_alias"}}),
    "a_histogram": _a({"histogram": {"field": "n", "interval": 10}}),
    "a_date_histogram": _a({"date_histogram": {"field": "ts", "calendar_interval": "week"}}),
    "a_range": _a({"range": {"field": "price", "ranges": [{"to": 20}, {"from": 20}]}}),
    "a_ip_range": _a({"ip_range": {"field": "ip", "ranges": [{"mask": "10.0.1.0/24"}]}}),
    "a_composite": _a(
        {"composite": {"size": 20, "sources": [{"t": {"terms": {"field": "tenant"}}}, {"c": {"terms": {"field": "level"}}}]}}
    ),
    "a_composite_missing": _a(
        {"composite": {"size": 20, "sources": [{"c": {"terms": {"field": "secret.code", "missing_bucket": True}}}]}}
    ),
    "a_nested": _a({"nested": {"path": "items"}, "aggs": {"b": {"terms": {"field": "items.sku"}}}}),
    "a_reverse_nested": _a(
        {
            "nested": {"path": "items"},
            "aggs": {
                "b": {
                    "terms": {"field": "items.sku"},
                    "aggs": {"c": {"reverse_nested": {}, "aggs": {"d": {"terms": {"field": "tenant"}}}}},
                }
            },
        }
    ),
    "a_top_hits": _a({"terms": {"field": "tenant"}, "aggs": {"b": {"top_hits": {"size": 1, "sort": [{"n": "desc"}]}}}}),
    "a_top_hits_fields": _a(
        {
            "top_hits": {
                "size": 2,
                "sort": [{"n": "asc"}],
                "_source": ["secret", "user"],
                "docvalue_fields": ["secret.code"],
                "fields": ["title*"],
            }
        }
    ),
    "a_weighted": _a({"weighted_avg": {"value": {"field": "price"}, "weight": {"field": "i"}}}),
}
"""Bodies by name, each for the index ``main``."""

SEVERAL: dict[str, dict[str, Any]] = {
    "both_all": {"size": 5, "_source": ["n", "title"]},
    "both_sort_n": {"size": 5, "_source": False, "sort": [{"n": "desc"}]},
    "both_sort_ts": {"size": 5, "_source": False, "sort": [{"ts": "asc"}], "query": {"range": {"ts": {"gte": "2024-01-13"}}}},
    "both_sort_code": {"size": 5, "_source": False, "sort": [{"secret.code": "asc"}, {"n": "asc"}]},
    "both_term": _q({"term": {"tenant": "b"}}),
    "both_terms": _a({"terms": {"field": "level"}, "aggs": {"b": {"terms": {"field": "_index"}}}}),
    "both_collapse": {"size": 6, "_source": False, "collapse": {"field": "tenant"}, "sort": [{"n": "desc"}]},
}
"""Bodies for both indices at once."""

ON_ALIAS: dict[str, dict[str, Any]] = {
    "alias_all": {"size": 5, "_source": ["n"]},
    "alias_count": {"size": 0, "track_total_hits": True},
    "alias_match": _q({"match": {"body": "alpha beta"}}),
    "alias_global": _a({"global": {}, "aggs": {"b": {"terms": {"field": "tenant"}}}}, {"match_none": {}}),
    "alias_zero": _a({"terms": {"field": "tenant", "min_doc_count": 0}}, {"match_none": {}}),
    "alias_filter": _a({"filter": {"term": {"level": "warn"}}}, {"term": {"tenant": "a"}}),
}
"""Bodies for the alias ``warned``."""

ON_CHANGED: dict[str, dict[str, Any]] = {
    "changed_all": {"size": 20, "_source": ["n", "level"]},
    "changed_count": {"size": 0, "track_total_hits": True},
    "changed_count_term": {"size": 0, "track_total_hits": True, "query": {"term": {"tenant": "a"}}},
    "changed_match": _q({"match": {"body": "alpha gamma"}}, size=20),
    "changed_term": _q({"term": {"level": "replaced"}}),
    "changed_zero": _a({"terms": {"field": "user.address.zip", "min_doc_count": 0, "size": 50}}),
    "changed_global": _a({"global": {}, "aggs": {"b": {"terms": {"field": "level"}}}}, {"match_none": {}}),
    "changed_ids": _q({"ids": {"values": ["2", "3", "4", "6"]}}),
    "changed_terminate": {"size": 0, "terminate_after": 3, "query": {"term": {"tenant": "a"}}},
    "changed_nested": _a({"nested": {"path": "items"}, "aggs": {"b": {"value_count": {"field": "items.qty"}}}}),
}
"""Bodies for the index with deletions."""

BODIES: dict[str, tuple[list[str], dict[str, Any]]] = {
    **{name: (["main"], body) for name, body in SEARCHES.items()},
    **{name: (["main", "other"], body) for name, body in SEVERAL.items()},
    **{name: (["warned"], body) for name, body in ON_ALIAS.items()},
    **{name: (["changed"], body) for name, body in ON_CHANGED.items()},
}
"""All searches: what they name, without the prefix, and their bodies."""

CAPS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "caps_all": ("fields=*", None),
    "caps_some": ("fields=title*,secret*,user*,*alias,items*,_id,_source,_ignored", None),
    "caps_filled": ("fields=*&include_empty_fields=false", None),
    "caps_types": ("fields=*&types=keyword,nested", None),
    "caps_no_metadata": ("fields=*&filters=-metadata,-multifield,-nested", None),
    "caps_no_parent": ("fields=*&filters=-parent", None),
    "caps_filter": ("fields=n,level,secret.code", {"index_filter": {"range": {"ts": {"gte": "2024-01-11"}}}}),
    "caps_filter_term": ("fields=n", {"index_filter": {"term": {"secret.code": "c1"}}}),
}
"""Field capabilities of ``main``: the query part of the path, and the body."""
