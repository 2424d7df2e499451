"""What is asked. ``R:`` in a path or in the lines of an msearch stands for the alias of the remote cluster.

A real remote cluster has its own ``.security`` index, which the gateway has not: requests that could meet it exclude it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    name: str
    method: str
    path: str
    body: Any = None
    lines: tuple[Any, ...] = ()


def _search(name: str, expression: str, body: Body | None = None, **parameters: str) -> Ask:
    query = "&".join(f"{key}={value}" for key, value in parameters.items())
    return Ask(name, "POST", f"/{_remote(expression)}/_search" + (f"?{query}" if query else ""), body or SEEN)


def _get(name: str, path: str) -> Ask:
    return Ask(name, "GET", path)


def _remote(expression: str) -> str:
    """Each name of another cluster, exclusions as both versions understand them."""
    return ",".join(f"R:{name}" for name in expression.split(","))


SEEN: Body = {
    "size": 7,
    "sort": [{"_index": "asc"}, {"_doc": "asc"}],
    "track_total_hits": True,
    "aggs": {"i": {"terms": {"field": "_index", "size": 50}}},
}
"""The indices with documents, how many, and the first of them."""


def _hits(query: Body | None = None, **rest: Any) -> Body:
    return {"size": 5, "sort": [{"_index": "asc"}, {"_doc": "asc"}], "query": query or {"match_all": {}}, **rest}


def _aggregation(**definitions: Body) -> Body:
    return {"size": 0, "aggs": definitions}


_RESOLVING = [
    _search("wildcard", "*"),
    _search("all", "_all"),
    _search("prefix", "sales-*"),
    _search("exact", "sales-eu"),
    _search("two-exact", "sales-us,hr-people", ignore_unavailable="false"),
    _search("two-exact-lenient", "sales-apac,hr-people,nothing-there", ignore_unavailable="true"),
    _search("exclusion", "sales-*,-sales-us"),
    _search("wildcard-exclusion", "*,-sales-*,-.security*", expand_wildcards="open,hidden"),
    _search("alias", "sales"),
    _search("filtered-alias", "sales-north"),
    _search("alias-and-index", "sales-open,sales-eu"),
    _search("alias-wildcard", "sales-o*,peop*"),
    _search("hidden", "*notes*,.dotted-*,.async*", expand_wildcards="all", ignore_unavailable="true"),
    _search("dotted", ".d*,.a*"),
    _search("hidden-alias", "notes-hid*", expand_wildcards="hidden,open"),
    _search("restricted", ".async-search"),
    _search("closed", "archive-2024"),
    _search("closed-alias", "archive"),
    _search("closed-wildcard", "archive-*", expand_wildcards="open,closed", ignore_unavailable="true"),
    _search("missing", "missing-one"),
    _search("missing-strict", "missing-*", allow_no_indices="false"),
    _search("date-math", "%3Cdaily-%7Bnow%2Fd%7D%3E"),
    _search("date-math-wildcard", "%3Cdaily-%7Bnow%2FM%7Byyyy%7D%7D.*%3E"),
    _search("stream", "metrics-app"),
    _search("stream-alias", "metrics-all,metrics-*"),
    _search("backing", ".ds-metrics-*"),
    _search("odd-names", "unicode-*,plus%2B*,ünï"),
    _search("not-a-name", "_hidden"),
]
_QUERYING = [
    _search("query-secret", "sales-*", _hits({"term": {"secret": "s1"}})),
    _search("query-alias-field", "sales-*", _hits({"bool": {"should": [{"term": {"who": "s2"}}, {"term": {"place": "north"}}]}})),
    _search(
        "query-string",
        "sales-*,hr-*",
        _hits({"query_string": {"query": "paid OR secretly OR s3", "lenient": True}}),
        ignore_unavailable="true",
    ),
    _search(
        "multi-match",
        "sales-eu,sales-us",
        _hits({"multi_match": {"query": "Ada paid", "fields": ["customer.*", "no*"], "lenient": True}}),
    ),
    _search("scored", "sales-eu", {"query": {"match": {"notes": "gift refund"}}, "size": 20}),
    _search(
        "exists",
        "sales*",
        _hits({"bool": {"must": [{"exists": {"field": "customer"}}], "must_not": [{"exists": {"field": "amount"}}]}}),
    ),
    _search(
        "sort-hidden-field",
        "sales-*,hr-*",
        {"size": 5, "sort": [{"secret": {"order": "asc", "unmapped_type": "keyword"}}, {"_doc": "asc"}]},
    ),
    _search(
        "sort-amount", "sales-*", {"size": 5, "sort": [{"amount": {"order": "desc", "missing": "_first"}}, {"@timestamp": "asc"}]}
    ),
    _search(
        "source-filter",
        "sales-*,hr-people",
        _hits(_source={"includes": ["customer.*", "ssn", "s*", "name"], "excludes": ["*.vip"]}),
        ignore_unavailable="true",
    ),
    _search(
        "fields", "sales-*", _hits(_source=False, fields=["*"], docvalue_fields=["secret", "amount", "customer.email", "who"])
    ),
    _search("stored", "sales-eu", _hits(version=True, seq_no_primary_term=True, stored_fields=["_source"])),
    _search(
        "highlight",
        "sales-*,hr-*",
        _hits(
            {
                "query_string": {
                    "query": "gift OR Ada OR s1",
                    "fields": ["notes", "customer.name", "secret", "name"],
                    "lenient": True,
                }
            },
            highlight={"fields": {"*": {}}, "require_field_match": False},
        ),
    ),
    _search(
        "collapse",
        "sales-*",
        {
            "size": 5,
            "query": {"exists": {"field": "tags"}},
            "sort": [{"region": "asc"}, {"_index": "asc"}, {"_doc": "asc"}],
            "collapse": {"field": "region"},
        },
    ),
    _search("post-filter", "sales-*", _hits(post_filter={"term": {"tenant": "a"}}, min_score=0.5)),
    _search(
        "ids", "sales-*,hr-*", _hits({"ids": {"values": ["11-1", "11-2", "11-3", "12-4", "12-5", "13-6", "p1", "p2", "p3"]}})
    ),
    Ask("search-uri", "GET", "/R:sales-*/_search?q=secret:s1+OR+paid&size=3&sort=_doc&_source_excludes=tags"),
]
_AGGREGATING = [
    _search(
        "terms",
        "sales-*",
        _aggregation(
            s={"terms": {"field": "secret"}}, r={"terms": {"field": "region"}, "aggs": {"a": {"sum": {"field": "amount"}}}}
        ),
    ),
    _search(
        "global",
        "sales-*",
        {
            "size": 0,
            "query": {"term": {"tenant": "b"}},
            "aggs": {
                "g": {"global": {}, "aggs": {"n": {"value_count": {"field": "tenant"}}, "a": {"stats": {"field": "amount"}}}}
            },
        },
    ),
    _search(
        "cardinality",
        "sales*",
        _aggregation(
            e={"cardinality": {"field": "customer.email"}},
            w={"cardinality": {"field": "who"}},
            i={"cardinality": {"field": "_index"}},
        ),
    ),
    _search(
        "missing-agg",
        "sales-*,hr-*",
        _aggregation(
            m={"missing": {"field": "secret"}}, s={"missing": {"field": "ssn"}}, f={"filter": {"term": {"customer.vip": True}}}
        ),
    ),
    _search(
        "top-hits",
        "sales-*",
        _aggregation(
            t={
                "terms": {"field": "tenant"},
                "aggs": {
                    "h": {
                        "top_hits": {
                            "size": 2,
                            "sort": [{"_index": "asc"}, {"_doc": "asc"}],
                            "docvalue_fields": ["secret"],
                            "highlight": {"fields": {"*": {}}},
                        }
                    }
                },
            }
        ),
    ),
    _search(
        "histograms",
        "sales-*,metrics-*",
        _aggregation(
            d={"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}},
            a={"histogram": {"field": "amount", "interval": 50}},
        ),
    ),
    _search(
        "composite",
        "sales-*",
        _aggregation(
            c={
                "composite": {
                    "size": 8,
                    "sources": [
                        {"t": {"terms": {"field": "tenant"}}},
                        {"s": {"terms": {"field": "secret", "missing_bucket": True}}},
                    ],
                }
            }
        ),
    ),
    _search(
        "ranges",
        "sales-*,hr-*",
        _aggregation(
            a={"range": {"field": "amount", "ranges": [{"to": 50}, {"from": 50}]}},
            s={"percentiles": {"field": "salary"}},
            i={"ip_range": {"field": "customer.ip", "ranges": [{"mask": "10.1.1.0/24"}]}},
        ),
    ),
]
_OTHERS = [
    Ask("count", "POST", "/R:sales-*,R:hr-*/_count", {"query": {"match_all": {}}}),
    Ask(
        "count-query",
        "POST",
        "/R:*/_count",
        {"query": {"bool": {"should": [{"term": {"secret": "s1"}}, {"term": {"owner": "a"}}]}}},
    ),
    Ask(
        "msearch",
        "POST",
        "/_msearch",
        lines=(
            {"index": "R:sales-eu"},
            {"size": 1, "sort": ["_doc"]},
            {"index": "R:hr-*", "ignore_unavailable": True},
            {"size": 2, "sort": ["_doc"], "query": {"range": {"salary": {"gte": 50000}}}},
            {"index": ["R:archive-2025", "R:sales"]},
            {"size": 0, "track_total_hits": True},
        ),
    ),
    _get("field-caps", "/R:*,R:-.security*/_field_caps?fields=*"),
    _get("field-caps-exact", "/R:sales-eu,R:hr-people/_field_caps?fields=secret,who,ssn,name*,customer.*,salary"),
    Ask("field-caps-filter", "POST", "/R:sales-*/_field_caps?fields=*", {"index_filter": {"range": {"amount": {"gte": 195}}}}),
    _get("field-caps-not-empty", "/R:sales-*,R:empty-*,R:hr-*/_field_caps?fields=*&include_empty_fields=false"),
    _get("field-caps-unmapped", "/R:sales,R:people/_field_caps?fields=s*,t*&include_unmapped=true&ignore_unavailable=true"),
    _get("resolve-index", "/_resolve/index/R:*"),
    _get("resolve-index-all", "/_resolve/index/R:*,R:-.security*?expand_wildcards=all"),
    _get("resolve-index-names", "/_resolve/index/R:sales-n*,R:people,R:hr-people,R:archive*"),
    _get("resolve-index-exact", "/_resolve/index/R:sales-eu,R:metrics-app?ignore_unavailable=true"),
    _get("resolve-cluster", "/_resolve/cluster/R:sales-*"),
    _get("resolve-cluster-exact", "/_resolve/cluster/R:hr-people,R:archive-2024"),
    Ask("profile", "POST", "/R:sales-eu/_search", {"profile": True, "size": 0}),
    Ask("suggest", "POST", "/R:sales-*/_search", {"size": 0, "suggest": {"s": {"text": "gfit", "term": {"field": "notes"}}}}),
    Ask("terms-enum", "POST", "/R:sales-*/_terms_enum", {"field": "secret", "string": "s"}),
    Ask(
        "significant",
        "POST",
        "/R:sales-*/_search",
        {"size": 0, "query": {"term": {"region": "north"}}, "aggs": {"s": {"significant_terms": {"field": "secret"}}}},
    ),
]

REQUESTS: dict[str, Ask] = {ask.name: ask for ask in (*_RESOLVING, *_QUERYING, *_AGGREGATING, *_OTHERS)}
