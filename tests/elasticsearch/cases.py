"""Searches whose answer through the gateway must be that of a real remote: name, index expression, body."""

from __future__ import annotations

from typing import Any

from tests.elasticsearch.case import APP, AT, BOTH, ERROR, EVENTS, LOGS, PRODUCTS, TIMEOUT, Case
from tests.elasticsearch.cases_aggregations import AGGREGATIONS


def query(name: str, index: str, clause: dict[str, Any], **rest: Any) -> Case:
    return Case(f"query-{name}", index, {"query": clause, **rest})


def hits(name: str, index: str, **body: Any) -> Case:
    return Case(f"hits-{name}", index, body)


INDEX_CLAUSES: dict[str, dict[str, Any]] = {
    "term": {"term": {"_index": "ALIAS:logs-web-1"}},
    "term-unqualified": {"term": {"_index": "logs-web-1"}},
    "term-alias": {"term": {"_index": "ALIAS:logs-all"}},
    "term-pattern": {"term": {"_index": "*:logs-w*"}},
    "term-insensitive": {"term": {"_index": {"value": "ALIAS:LOGS-WEB-1", "case_insensitive": True}}},
    "terms": {"terms": {"_index": ["ALIAS:logs-app-1", "x"]}},
    "prefix": {"prefix": {"_index": "ALIAS:logs-a"}},
    "prefix-unqualified": {"prefix": {"_index": "logs-a"}},
    "wildcard": {"wildcard": {"_index": "*:logs-w*"}},
    "wildcard-unqualified": {"wildcard": {"_index": "*logs-w*"}},
    "match": {"match": {"_index": "ALIAS:logs-app-1"}},
    "query_string": {"query_string": {"query": '_index:"ALIAS:logs-app-1"'}},
    "must-not": {"bool": {"must_not": [{"term": {"_index": "ALIAS:logs-app-1"}}]}},
}

QUERIES = [
    query("match_all", LOGS, {"match_all": {}}),
    query("match_all-boost", LOGS, {"match_all": {"boost": 2.5}}),
    query("match_none", LOGS, {"match_none": {}}),
    query("match", LOGS, {"match": {"message": "connection timeout"}}),
    query("match-and", LOGS, {"match": {"message": {"query": "connection timeout", "operator": "and"}}}),
    query("match-minimum", LOGS, {"match": {"message": {"query": "slow cache retry kafka", "minimum_should_match": "50%"}}}),
    query("match-fuzzy", LOGS, {"match": {"message": {"query": "conection databse", "fuzziness": "AUTO"}}}),
    query("match-keyword", LOGS, {"match": {"service": "checkout"}}),
    query("match-number", LOGS, {"match": {"http.status": "404"}}),
    query("match-boolean", LOGS, {"match": {"ok": "false"}}),
    query("match-date", LOGS, {"match": {AT: "2026-11-03"}}),
    query("match-ip", LOGS, {"match": {"host.ip": "10.0.1.0/24"}}),
    query("match-tokens", LOGS, {"match": {"message": "java.lang.OutOfMemoryError it's user_id=12"}}),
    query("match-unknown-field", LOGS, {"match": {"nowhere": "x"}}),
    query("match-stop-all", LOGS, {"match": {"message": {"query": "...", "zero_terms_query": "all"}}}),
    query("match-unicode", PRODUCTS, {"match": {"description": "Knife STEEL"}}),
    query("match-lenient", LOGS, {"match": {"http.status": {"query": "many", "lenient": True}}}),
    query("match_phrase", LOGS, {"match_phrase": {"message": "database connection timeout"}}),
    query("match_phrase-slop", LOGS, {"match_phrase": {"message": {"query": "timeout database", "slop": 3}}}),
    query("match_phrase-one", LOGS, {"match_phrase": {"message": "kafka"}}),
    query("multi_match", PRODUCTS, {"multi_match": {"query": "vintage oak", "fields": ["name^3", "description"]}}),
    query(
        "multi_match-most",
        PRODUCTS,
        {"multi_match": {"query": "oak lamp", "type": "most_fields", "fields": ["name", "description"]}},
    ),
    query(
        "multi_match-tie", PRODUCTS, {"multi_match": {"query": "oak lamp", "fields": ["name", "description"], "tie_breaker": 0.4}}
    ),
    query(
        "multi_match-phrase",
        PRODUCTS,
        {"multi_match": {"query": "oak lamp", "type": "phrase", "fields": ["name", "description"]}},
    ),
    query("multi_match-wildcard", PRODUCTS, {"multi_match": {"query": "glass", "fields": ["n*", "description"]}}),
    query("term", LOGS, ERROR),
    query("term-boost", LOGS, {"term": {"level": {"value": "WARN", "boost": 1.7}}}),
    query("term-insensitive", LOGS, {"term": {"level": {"value": "error", "case_insensitive": True}}}),
    query("term-number", LOGS, {"term": {"http.status": 503}}),
    query("term-boolean", LOGS, {"term": {"ok": True}}),
    query("term-text", LOGS, {"term": {"message": "kafka"}}),
    query("term-array", LOGS, {"term": {"tags": "canary"}}),
    query("term-ip", LOGS, {"term": {"host.ip": "10.0.2.0/26"}}),
    query("term-index", LOGS, {"term": {"_index": "logs-web-1"}}),
    *[query(f"index-{name}", BOTH, clause) for name, clause in INDEX_CLAUSES.items()],
    query("term-float", PRODUCTS, {"term": {"rating": 3.5}}),
    query("terms", LOGS, {"terms": {"service": ["auth", "email"], "boost": 2}}),
    query("terms-number", LOGS, {"terms": {"http.status": [404, 500, 503]}}),
    query("terms-array", PRODUCTS, {"terms": {"sizes": [33, 44]}}),
    query("range-long", LOGS, {"range": {"http.bytes": {"gte": 1000, "lt": 200000}}}),
    query("range-double", LOGS, {"range": {"latency": {"gt": 50.5, "lte": 99}}}),
    query("range-float-bound-on-long", LOGS, {"range": {"http.bytes": {"gt": 1000.5, "lte": 5000.5}}}),
    query("range-date", LOGS, {"range": {AT: {"gte": "2026-11-02", "lt": "2026-11-04T12:00:00Z"}}}),
    query("range-date-math", LOGS, {"range": {AT: {"gt": "2026-11-02||/d", "lte": "2026-11-03||+4h/h"}}}),
    query("range-date-format", LOGS, {"range": {AT: {"gte": "03/11/2026 06", "format": "dd/MM/yyyy HH"}}}),
    query("range-date-zone", LOGS, {"range": {AT: {"gte": "2026-11-03", "lte": "2026-11-03", "time_zone": "America/New_York"}}}),
    query("range-date-offset", LOGS, {"range": {AT: {"lt": "2026-11-02T03:00", "time_zone": "+05:30"}}}),
    query("range-date-millis", LOGS, {"range": {AT: {"gte": 1793923200000}}}),
    query("range-now", LOGS, {"range": {AT: {"lt": "now+100y"}}}),
    query("range-keyword", LOGS, {"range": {"service": {"gte": "auth", "lt": "email"}}}),
    query("range-ip", LOGS, {"range": {"host.ip": {"gte": "10.0.2.0", "lt": "10.0.3.0"}}}),
    query("range-own-format", PRODUCTS, {"range": {"released": {"gte": "2024-01-01", "lte": "2025-12-31"}}}),
    query("exists", LOGS, {"exists": {"field": "tags"}}),
    query("exists-object", LOGS, {"exists": {"field": "host"}}),
    query("exists-null", PRODUCTS, {"exists": {"field": "rating"}}),
    query("exists-text", LOGS, {"exists": {"field": "message"}}),
    query("prefix", LOGS, {"prefix": {"host.name": "web-1"}}),
    query("prefix-insensitive", LOGS, {"prefix": {"level": {"value": "err", "case_insensitive": True}}}),
    query("prefix-text", LOGS, {"prefix": {"message": "time"}}),
    query("wildcard", LOGS, {"wildcard": {"service": "c*k?ut"}}),
    query("wildcard-insensitive", LOGS, {"wildcard": {"service": {"value": "C*G", "case_insensitive": True}}}),
    query("wildcard-path", LOGS, {"wildcard": {"http.path": {"value": "/cart*"}}}),
    query("ids", LOGS, {"ids": {"values": ["1-3", "2-7", "nope"]}}),
    query(
        "bool",
        LOGS,
        {"bool": {"must": [TIMEOUT], "filter": [{"term": {"ok": False}}], "must_not": [{"term": {"service": "auth"}}]}},
    ),
    query("bool-should", LOGS, {"bool": {"should": [ERROR, {"match": {"message": "kafka"}}, {"term": {"service": "auth"}}]}}),
    query("bool-minimum", LOGS, {"bool": {"should": [ERROR, TIMEOUT, {"term": {"service": "auth"}}], "minimum_should_match": 2}}),
    query("bool-filter-should", LOGS, {"bool": {"filter": [ERROR], "should": [TIMEOUT], "boost": 1.5}}),
    query("bool-filter-only", LOGS, {"bool": {"filter": [ERROR]}}),
    query("bool-empty", LOGS, {"bool": {}}),
    query("bool-nested", LOGS, {"bool": {"must": [{"bool": {"should": [TIMEOUT, {"bool": {"must_not": [ERROR]}}]}}]}}),
    query("bool-must-not-only", LOGS, {"bool": {"must_not": [{"exists": {"field": "tags"}}]}}),
    query("constant_score", LOGS, {"constant_score": {"filter": TIMEOUT, "boost": 1.2}}),
    query(
        "dis_max",
        PRODUCTS,
        {"dis_max": {"queries": [{"match": {"name": "oak"}}, {"match": {"description": "lamp"}}], "tie_breaker": 0.3}},
    ),
    query("query_string", LOGS, {"query_string": {"query": "message:(timeout AND database) OR service:email"}}),
    query(
        "query_string-operators", LOGS, {"query_string": {"query": "+timeout -database level:ERROR", "default_field": "message"}}
    ),
    query("query_string-range", LOGS, {"query_string": {"query": "http.status:[400 TO 500} AND host.name:web-0*"}}),
    query("query_string-phrase", LOGS, {"query_string": {"query": '"connection timeout"', "fields": ["message"]}}),
    query("query_string-all-fields", LOGS, {"query_string": {"query": "checkout"}}),
    query("query_string-and", LOGS, {"query_string": {"query": "slow retry", "default_operator": "AND", "fields": ["message"]}}),
    query("query_string-exists", LOGS, {"query_string": {"query": "_exists_:tags AND NOT level:INFO"}}),
    query("query_string-boost", LOGS, {"query_string": {"query": "timeout^3 kafka", "default_field": "message"}}),
    query("query_string-escaped", LOGS, {"query_string": {"query": "http.path:\\/cart"}}),
    query("dynamic-text", EVENTS, {"match": {"actor.name": "user 7"}}),
    query("dynamic-keyword", EVENTS, {"term": {"actor.name.keyword": "user 7"}}),
    query("dynamic-long", EVENTS, {"term": {"codes": 3}}),
    query("dynamic-date", EVENTS, {"range": {"at": {"gte": "2026-11-03"}}}),
    query("dynamic-float", EVENTS, {"range": {"amount": {"gte": 50}}}),
    query("dynamic-boolean", EVENTS, {"term": {"actor.admin": True}}),
    query("alias", "shop", {"match": {"description": "steel"}}),
    query("several-indices", "logs-app-1,products", {"match_all": {}}, size=20),
    query("exclusion", "logs-*,-logs-web-1", {"match_all": {}}),
]

HITS = [
    hits("sort", LOGS, sort=[{"http.bytes": "desc"}], size=5),
    hits(
        "sort-several", LOGS, sort=[{"service": "asc"}, {"latency": {"order": "desc", "missing": "_last"}}, {AT: "asc"}], size=30
    ),
    hits("sort-missing-first", LOGS, sort=[{"latency": {"order": "asc", "missing": "_first"}}, {"http.bytes": "asc"}], size=30),
    hits("sort-missing-value", LOGS, sort=[{"latency": {"order": "desc", "missing": 1000}}, {"http.bytes": "asc"}], size=30),
    hits("sort-score", LOGS, query=TIMEOUT, sort=["_score", {"http.bytes": "asc"}], size=15),
    hits("sort-doc", APP, sort=["_doc"], size=5),
    hits("sort-date-format", LOGS, sort=[{AT: {"order": "desc", "format": "yyyy/MM/dd HH:mm"}}], size=4),
    hits("sort-ip", LOGS, sort=[{"host.ip": "asc"}, {"http.bytes": "asc"}], size=4),
    hits("sort-boolean", LOGS, sort=[{"ok": "desc"}, {"http.bytes": "asc"}], size=4),
    hits(
        "sort-mode",
        PRODUCTS,
        sort=[{"sizes": {"order": "desc", "mode": "avg"}}, {"name.keyword": "asc"}, {"price": "asc"}],
        size=8,
    ),
    hits("sort-unmapped", LOGS, sort=[{"nowhere": {"order": "asc", "unmapped_type": "long"}}, {"http.bytes": "asc"}], size=3),
    hits("sort-track-scores", LOGS, query=TIMEOUT, sort=[{"http.bytes": "asc"}], track_scores=True, size=4),
    hits("sort-index", BOTH, sort=[{"_index": "desc"}, {"http.bytes": "asc"}], size=3),
    hits(
        "sort-index-after",
        BOTH,
        sort=[{"_index": "asc"}, {"http.bytes": "asc"}],
        search_after=["ALIAS:logs-app-1", 400000],
        size=3,
    ),
    *[
        hits(f"skipped-{name}", BOTH, query=clause, sort=[{"http.bytes": "asc"}], size=3, **rest)
        for name, clause, rest in (
            ("index", {"term": {"_index": "ALIAS:logs-app-1"}}, {}),
            ("index-none", {"term": {"_index": "logs-app-1"}}, {}),
            ("index-must-not", {"bool": {"must_not": [{"prefix": {"_index": "ALIAS:logs-app"}}]}}, {}),
            ("dates", {"range": {AT: {"gte": "2031"}}}, {}),
            ("dates-untracked", {"range": {AT: {"gte": "2031"}}}, {"track_total_hits": False}),
            ("dates-aggregation", {"range": {AT: {"gte": "2031"}}}, {"aggs": {"x": {"terms": {"field": "level"}}}}),
        )
    ],
    hits(
        "fields-index", BOTH, fields=["_index"], docvalue_fields=["_index"], _source=False, sort=[{"http.bytes": "asc"}], size=2
    ),
    hits("from-size", LOGS, sort=[{"http.bytes": "asc"}], **{"from": 40, "size": 7}),
    hits("size-0", LOGS, size=0),
    hits("search_after", LOGS, sort=[{"http.bytes": "asc"}], search_after=[500000], size=5),
    hits(
        "search_after-several",
        LOGS,
        sort=[{"service": "asc"}, {AT: "asc"}],
        search_after=["email", "2026-11-04T00:00:00Z"],
        size=5,
    ),
    hits("track_total_hits-false", LOGS, track_total_hits=False, size=1),
    hits("track_total_hits-number", LOGS, query={"range": {"http.bytes": {"gte": 10}}}, track_total_hits=100, size=1),
    hits("track_total_hits-true", LOGS, track_total_hits=True, size=1),
    hits("source-false", LOGS, query=ERROR, _source=False, size=3),
    hits("source-filter", LOGS, query=ERROR, _source={"includes": ["host.*", "mess*"], "excludes": ["host.ip"]}, size=3),
    hits("source-list", LOGS, query=ERROR, _source=["http", "tags"], size=3),
    hits(
        "fields",
        LOGS,
        query=ERROR,
        fields=["host.name", "http.*", {"field": AT, "format": "epoch_millis"}],
        _source=False,
        size=3,
    ),
    hits("fields-arrays", PRODUCTS, fields=["sizes", "name*", "released", "rating"], _source=False, size=5),
    hits(
        "docvalue_fields",
        LOGS,
        query=ERROR,
        docvalue_fields=["http.status", {"field": AT, "format": "yyyy"}, "host.ip", "tags"],
        size=3,
    ),
    hits("highlight", LOGS, query={"match": {"message": "timeout kafka"}}, highlight={"fields": {"message": {}}}, size=5),
    hits(
        "highlight-tags",
        LOGS,
        query=TIMEOUT,
        highlight={"pre_tags": ["<b>"], "post_tags": ["</b>"], "fields": {"message": {"number_of_fragments": 0}}},
        size=3,
    ),
    hits(
        "highlight-several",
        PRODUCTS,
        query={"multi_match": {"query": "steel knife", "fields": ["name", "description"]}},
        highlight={"fields": {"*": {}}},
        size=5,
    ),
    hits(
        "highlight-phrase",
        LOGS,
        query={"match_phrase": {"message": "connection timeout"}},
        highlight={"fields": {"message": {}}},
        size=3,
    ),
    hits("min_score", LOGS, query={"match": {"message": "kafka"}}, min_score=2.0),
    hits("version", LOGS, query=ERROR, version=True, seq_no_primary_term=True, sort=[{"http.bytes": "asc"}], size=2),
    hits("post_filter", LOGS, query=TIMEOUT, post_filter=ERROR, aggs={"l": {"terms": {"field": "level"}}}, size=5),
    hits(
        "named",
        LOGS,
        query={
            "bool": {
                "should": [
                    {"term": {"level": {"value": "ERROR", "_name": "e"}}},
                    {"match": {"message": {"query": "timeout", "_name": "t"}}},
                ]
            }
        },
        size=8,
    ),
    hits("collapse", LOGS, query=TIMEOUT, collapse={"field": "service"}, sort=[{"http.bytes": "asc"}]),
    hits("indices_boost", LOGS, query=TIMEOUT, indices_boost=[{"logs-web-1": 3}], size=6),
    hits("terminate_after", APP, query={"match_all": {}}, terminate_after=3),
]

SEARCHES = [*QUERIES, *HITS, *AGGREGATIONS]
