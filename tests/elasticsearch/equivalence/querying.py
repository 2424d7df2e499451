"""Queries, sorts and what is shown of hits, on fields and documents of which some are hidden."""

from __future__ import annotations

from tests.elasticsearch.equivalence.asks import Ask, hits, search

QUERYING = [
    search("query-secret", "sales-*", hits({"term": {"secret": "s1"}})),
    search("query-alias-field", "sales-*", hits({"bool": {"should": [{"term": {"who": "s2"}}, {"term": {"place": "north"}}]}})),
    search(
        "query-string",
        "sales-*,hr-*",
        hits({"query_string": {"query": "paid OR secretly OR s3", "lenient": True}}),
        ignore_unavailable="true",
    ),
    search(
        "multi-match",
        "sales-eu,sales-us",
        hits({"multi_match": {"query": "Ada paid", "fields": ["customer.*", "no*"], "lenient": True}}),
    ),
    search("scored", "sales-eu", {"query": {"match": {"notes": "gift refund"}}, "size": 20}),
    search(
        "exists",
        "sales*",
        hits({"bool": {"must": [{"exists": {"field": "customer"}}], "must_not": [{"exists": {"field": "amount"}}]}}),
    ),
    search(
        "sort-hidden-field",
        "sales-*,hr-*",
        {"size": 5, "sort": [{"secret": {"order": "asc", "unmapped_type": "keyword"}}, {"_doc": "asc"}]},
    ),
    search(
        "sort-amount", "sales-*", {"size": 5, "sort": [{"amount": {"order": "desc", "missing": "_first"}}, {"@timestamp": "asc"}]}
    ),
    search(
        "source-filter",
        "sales-*,hr-people",
        hits(_source={"includes": ["customer.*", "ssn", "s*", "name"], "excludes": ["*.vip"]}),
        ignore_unavailable="true",
    ),
    search("fields", "sales-*", hits(_source=False, fields=["*"], docvalue_fields=["secret", "amount", "customer.email", "who"])),
    search("stored", "sales-eu", hits(version=True, seq_no_primary_term=True, stored_fields=["_source"])),
    search(
        "highlight",
        "sales-*,hr-*",
        hits(
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
    search(
        "collapse",
        "sales-*",
        {
            "size": 5,
            "query": {"exists": {"field": "tags"}},
            "sort": [{"region": "asc"}, {"_index": "asc"}, {"_doc": "asc"}],
            "collapse": {"field": "region"},
        },
    ),
    search("post-filter", "sales-*", hits(post_filter={"term": {"tenant": "a"}}, min_score=0.5)),
    search("ids", "sales-*,hr-*", hits({"ids": {"values": ["11-1", "11-2", "11-3", "12-4", "12-5", "13-6", "p1", "p2", "p3"]}})),
    search("exists-secret", "sales-*", hits({"query_string": {"query": "_exists_:secret AND NOT _exists_:notes"}})),
    search(
        "patterns",
        "sales-*,hr-*",
        hits(
            {
                "bool": {
                    "should": [
                        {"prefix": {"ssn": "1"}},
                        {"wildcard": {"customer.email": "*a1*"}},
                        {"regexp": {"secret": "s[45]"}},
                        {"fuzzy": {"region": "nort"}},
                    ]
                }
            }
        ),
    ),
    search(
        "ranges-hidden",
        "sales-*,hr-*",
        hits({"bool": {"should": [{"range": {"salary": {"gte": 150000}}}, {"range": {"amount": {"lt": 9}}}]}}),
    ),
    search(
        "not-hidden",
        "sales-*",
        hits({"bool": {"must_not": [{"terms": {"secret": ["s1", "s2"]}}, {"match": {"notes": "paid"}}]}}),
    ),
    search(
        "phrases",
        "sales-*",
        hits(
            {
                "bool": {
                    "should": [{"match_phrase": {"customer.name": "Ada Lovelace"}}, {"match_bool_prefix": {"notes": "gift re"}}]
                }
            }
        ),
    ),
    search(
        "simple",
        "sales-*,hr-*",
        hits({"simple_query_string": {"query": "gift +paid | Grace", "fields": ["*name*", "notes", "review.text"]}}),
    ),
    search(
        "everywhere",
        "*",
        {"size": 3, "query": {"multi_match": {"query": "secretly", "fields": ["*"], "lenient": True}}},
        ignore_unavailable="true",
    ),
    search(
        "scored-compound",
        "sales-us",
        {
            "size": 9,
            "query": {
                "boosting": {
                    "positive": {"match": {"notes": "paid late"}},
                    "negative": {"term": {"secret": "s1"}},
                    "negative_boost": 0.3,
                }
            },
        },
    ),
    search(
        "boosted", "sales-eu,sales-us", {"size": 6, "query": {"match": {"notes": "gift"}}, "indices_boost": [{"sales-us": 3}]}
    ),
    search(
        "named",
        "sales-*",
        hits(
            {
                "bool": {
                    "should": [
                        {"term": {"secret": {"value": "s3", "_name": "hidden"}}},
                        {"term": {"tenant": {"value": "b", "_name": "shown"}}},
                    ]
                }
            }
        ),
    ),
    search(
        "collapse-secret",
        "sales-*",
        {
            "size": 5,
            "query": {"exists": {"field": "secret"}},
            "sort": [{"_index": "asc"}, {"_doc": "asc"}],
            "collapse": {"field": "secret"},
        },
    ),
    search(
        "search-after",
        "sales-*",
        {"size": 4, "sort": [{"quantity": "asc"}, {"secret": "desc"}, {"_doc": "asc"}], "search_after": [3, "s4", 5]},
    ),
    search(
        "sort-alias-field",
        "sales-*",
        {"size": 4, "sort": [{"who": "asc"}, {"place": "desc"}, {"_index": "asc"}, {"_doc": "asc"}]},
    ),
    search(
        "highlight-query",
        "sales-*",
        hits(
            highlight={
                "fields": {"notes": {}, "customer.*": {}, "secret": {}},
                "highlight_query": {
                    "bool": {
                        "should": [{"match": {"notes": "gift"}}, {"term": {"secret": "s1"}}, {"match": {"customer.name": "ada"}}]
                    }
                },
            }
        ),
    ),
    search(
        "fields-unmapped",
        "sales-*,hr-*,dynamic-*",
        hits(_source=["s*", "size"], fields=["customer.*", {"field": "*h*", "include_unmapped": True}]),
        ignore_unavailable="true",
    ),
    search(
        "metadata",
        "sales-eu",
        hits(
            {"term": {"_id": "11-3"}},
            docvalue_fields=["_index", "_seq_no"],
            fields=["_id", "_index", "_version"],
            stored_fields=["_none_"],
        ),
    ),
    search("timeout-and-limits", "sales-*", {"size": 0, "terminate_after": 1000, "timeout": "10s", "track_total_hits": 5}),
    Ask("search-uri", "GET", "/R:sales-*/_search?q=secret:s1+OR+paid&size=3&sort=_doc&_source_excludes=tags"),
    search(
        "nested",
        "sales-*",
        hits(
            {
                "nested": {
                    "path": "items",
                    "query": {"bool": {"must": [{"term": {"items.sku": "k1"}}, {"range": {"items.price": {"gt": 9}}}]}},
                }
            }
        ),
    ),
    search(
        "nested-exists",
        "sales-*",
        hits({"nested": {"path": "items", "query": {"exists": {"field": "items.price"}}}}, fields=["items.*"]),
    ),
    search(
        "nested-not",
        "sales-*",
        hits({"bool": {"must_not": [{"nested": {"path": "items", "query": {"match": {"items.label": "gift paid"}}}}]}}),
    ),
    search(
        "nested-sort",
        "sales-*",
        {
            "size": 4,
            "sort": [
                {"items.price": {"order": "desc", "mode": "max", "nested": {"path": "items"}}},
                {"_index": "asc"},
                {"_doc": "asc"},
            ],
            "_source": ["items.sku", "tenant"],
        },
    ),
]
