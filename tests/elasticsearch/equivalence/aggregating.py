"""Aggregations over fields and documents of which some are hidden."""

from __future__ import annotations

from tests.elasticsearch.equivalence.asks import aggregation, search

AGGREGATING = [
    search(
        "terms",
        "sales-*",
        aggregation(
            s={"terms": {"field": "secret"}}, r={"terms": {"field": "region"}, "aggs": {"a": {"sum": {"field": "amount"}}}}
        ),
    ),
    search(
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
    search(
        "cardinality",
        "sales*",
        aggregation(
            e={"cardinality": {"field": "customer.email"}},
            w={"cardinality": {"field": "who"}},
            i={"cardinality": {"field": "_index"}},
        ),
    ),
    search(
        "missing-agg",
        "sales-*,hr-*",
        aggregation(
            m={"missing": {"field": "secret"}}, s={"missing": {"field": "ssn"}}, f={"filter": {"term": {"customer.vip": True}}}
        ),
    ),
    search(
        "top-hits",
        "sales-*",
        aggregation(
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
    search(
        "histograms",
        "sales-*,metrics-*",
        aggregation(
            d={"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}},
            a={"histogram": {"field": "amount", "interval": 50}},
        ),
    ),
    search(
        "composite",
        "sales-*",
        aggregation(
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
    search(
        "ranges",
        "sales-*,hr-*",
        aggregation(
            a={"range": {"field": "amount", "ranges": [{"to": 50}, {"from": 50}]}},
            s={"percentiles": {"field": "salary"}},
            i={"ip_range": {"field": "customer.ip", "ranges": [{"mask": "10.1.1.0/24"}]}},
        ),
    ),
    search(
        "by-index",
        "*,-.security*",
        aggregation(i={"terms": {"field": "_index", "size": 50}, "aggs": {"t": {"terms": {"field": "tenant"}}}}),
        expand_wildcards="open,hidden",
        ignore_unavailable="true",
    ),
    search(
        "by-id",
        "sales-*",
        aggregation(
            i={"terms": {"field": "customer.name.raw", "order": {"m": "desc"}}, "aggs": {"m": {"max": {"field": "amount"}}}}
        ),
    ),
    search(
        "stats",
        "sales-*,hr-*",
        aggregation(
            a={"extended_stats": {"field": "amount"}},
            s={"median_absolute_deviation": {"field": "salary"}},
            w={"weighted_avg": {"value": {"field": "amount"}, "weight": {"field": "quantity"}}},
        ),
    ),
    search(
        "filters",
        "sales-*",
        aggregation(
            f={
                "filters": {
                    "other_bucket": True,
                    "filters": {
                        "hidden": {"term": {"secret": "s1"}},
                        "ip": {"term": {"customer.ip": "10.1.1.0/24"}},
                        "text": {"match": {"notes": "late"}},
                    },
                }
            }
        ),
    ),
    search(
        "rare-and-missing",
        "sales-*",
        aggregation(
            m={"terms": {"field": "tags", "missing": "none", "min_doc_count": 0}},
            d={"date_range": {"field": "@timestamp", "ranges": [{"to": "2026-11-10"}]}},
        ),
    ),
    search(
        "pipelines",
        "sales-*",
        aggregation(
            t={"terms": {"field": "region"}, "aggs": {"s": {"sum": {"field": "amount"}}}},
            b={"max_bucket": {"buckets_path": "t>s"}},
        ),
    ),
    search(
        "nested-agg",
        "sales-*",
        aggregation(
            n={
                "nested": {"path": "items"},
                "aggs": {
                    "s": {
                        "terms": {"field": "items.sku"},
                        "aggs": {"r": {"reverse_nested": {}, "aggs": {"t": {"terms": {"field": "tenant"}}}}},
                    },
                    "p": {"stats": {"field": "items.price"}},
                },
            }
        ),
    ),
]
