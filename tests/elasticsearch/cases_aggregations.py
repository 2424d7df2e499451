"""The aggregations among the searches of :mod:`tests.elasticsearch.cases`."""

from __future__ import annotations

from typing import Any

from tests.elasticsearch.case import AT, BOTH, ERROR, EVENTS, LOGS, PRODUCTS, TIMEOUT, Case


def aggregation(name: str, index: str, aggs: dict[str, Any], **rest: Any) -> Case:
    return Case(f"aggregation-{name}", index, {"size": 0, "aggs": aggs, **rest})


DAYS: dict[str, Any] = {
    "d": {
        "date_histogram": {"field": AT, "calendar_interval": "day"},
        "aggs": {
            "s": {"sum": {"field": "http.bytes"}},
            "st": {"stats": {"field": "latency"}},
            "f": {"filter": ERROR, "aggs": {"m": {"avg": {"field": "latency"}}}},
            "l": {"terms": {"field": "level"}, "aggs": {"s": {"sum": {"field": "http.bytes"}}}},
            "p": {"percentiles": {"field": "latency", "percents": [50, 99]}},
        },
    }
}


def pipeline(name: str, definition: dict[str, Any], **rest: Any) -> Case:
    return aggregation(f"pipeline-{name}", LOGS, {**DAYS, "x": {**definition, **rest}})


AGGREGATIONS = [
    aggregation("terms", LOGS, {"x": {"terms": {"field": "service"}}}),
    aggregation("terms-size", LOGS, {"x": {"terms": {"field": "host.name", "size": 3}}}),
    aggregation("terms-number", LOGS, {"x": {"terms": {"field": "http.status"}}}),
    aggregation("terms-boolean", LOGS, {"x": {"terms": {"field": "ok"}}}),
    aggregation("terms-ip", LOGS, {"x": {"terms": {"field": "host.ip", "size": 5}}}),
    aggregation("terms-double", PRODUCTS, {"x": {"terms": {"field": "rating", "size": 5}}}),
    aggregation("terms-array", LOGS, {"x": {"terms": {"field": "tags"}}}),
    aggregation("terms-missing", LOGS, {"x": {"terms": {"field": "tags", "missing": "none"}}}),
    aggregation("terms-key-order", LOGS, {"x": {"terms": {"field": "service", "order": {"_key": "desc"}, "size": 3}}}),
    aggregation(
        "terms-metric-order",
        LOGS,
        {"x": {"terms": {"field": "service", "order": {"m": "desc"}}, "aggs": {"m": {"avg": {"field": "latency"}}}}},
    ),
    aggregation("terms-include", LOGS, {"x": {"terms": {"field": "service", "include": "c.*|a.*", "exclude": "cat.*"}}}),
    aggregation("terms-include-list", LOGS, {"x": {"terms": {"field": "service", "include": ["auth", "email"]}}}),
    aggregation(
        "terms-min-count-0", LOGS, {"x": {"terms": {"field": "service", "min_doc_count": 0}}}, query={"ids": {"values": ["1-1"]}}
    ),
    aggregation(
        "terms-sub",
        LOGS,
        {
            "x": {
                "terms": {"field": "level"},
                "aggs": {"s": {"terms": {"field": "service", "size": 2}, "aggs": {"b": {"stats": {"field": "http.bytes"}}}}},
            }
        },
    ),
    aggregation("terms-unmapped", LOGS, {"x": {"terms": {"field": "nowhere"}}}),
    aggregation("terms-empty", LOGS, {"x": {"terms": {"field": "service"}}}, query={"match_none": {}}),
    aggregation("histogram", LOGS, {"x": {"histogram": {"field": "http.bytes", "interval": 250000}}}),
    aggregation("histogram-gaps", LOGS, {"x": {"histogram": {"field": "latency", "interval": 50, "min_doc_count": 0}}}),
    aggregation(
        "histogram-offset", PRODUCTS, {"x": {"histogram": {"field": "price", "interval": 100, "offset": 25, "keyed": True}}}
    ),
    aggregation(
        "histogram-bounds",
        LOGS,
        {
            "x": {
                "histogram": {
                    "field": "http.status",
                    "interval": 100,
                    "min_doc_count": 0,
                    "extended_bounds": {"min": 0, "max": 700},
                }
            }
        },
    ),
    aggregation(
        "date_histogram-calendar",
        LOGS,
        {"x": {"date_histogram": {"field": AT, "calendar_interval": "day"}, "aggs": {"a": {"avg": {"field": "latency"}}}}},
    ),
    aggregation("date_histogram-fixed", LOGS, {"x": {"date_histogram": {"field": AT, "fixed_interval": "6h"}}}),
    aggregation(
        "date_histogram-zone",
        LOGS,
        {
            "x": {
                "date_histogram": {
                    "field": AT,
                    "calendar_interval": "day",
                    "time_zone": "America/New_York",
                    "format": "yyyy-MM-dd",
                }
            }
        },
    ),
    aggregation(
        "date_histogram-month",
        PRODUCTS,
        {"x": {"date_histogram": {"field": "released", "calendar_interval": "month", "min_doc_count": 1}}},
    ),
    aggregation(
        "date_histogram-gaps",
        LOGS,
        {"x": {"date_histogram": {"field": AT, "fixed_interval": "12h", "min_doc_count": 0}}},
        query={"term": {"host.name": "web-03"}},
    ),
    aggregation(
        "date_histogram-week", LOGS, {"x": {"date_histogram": {"field": AT, "calendar_interval": "1w", "time_zone": "+02:00"}}}
    ),
    aggregation(
        "range",
        LOGS,
        {"x": {"range": {"field": "latency", "ranges": [{"to": 10}, {"from": 10, "to": 50}, {"from": 50, "key": "slow"}]}}},
    ),
    aggregation(
        "range-keyed",
        LOGS,
        {
            "x": {
                "range": {"field": "http.bytes", "keyed": True, "ranges": [{"to": 1000}, {"from": 1000}]},
                "aggs": {"m": {"max": {"field": "latency"}}},
            }
        },
    ),
    aggregation(
        "date_range",
        LOGS,
        {
            "x": {
                "date_range": {
                    "field": AT,
                    "format": "yyyy-MM-dd",
                    "ranges": [{"to": "2026-11-03"}, {"from": "2026-11-03", "to": "2026-11-05||/d"}, {"from": "2026-11-05"}],
                }
            }
        },
    ),
    aggregation("filter", LOGS, {"x": {"filter": ERROR, "aggs": {"m": {"max": {"field": "latency"}}}}}),
    aggregation("filters", LOGS, {"x": {"filters": {"filters": {"e": ERROR, "t": TIMEOUT}, "other_bucket_key": "rest"}}}),
    aggregation("filters-anonymous", LOGS, {"x": {"filters": {"filters": [ERROR, {"term": {"level": "WARN"}}]}}}),
    aggregation("missing", LOGS, {"x": {"missing": {"field": "latency"}, "aggs": {"s": {"sum": {"field": "http.bytes"}}}}}),
    aggregation("global", LOGS, {"x": {"global": {}, "aggs": {"a": {"avg": {"field": "http.bytes"}}}}}, query=ERROR),
    aggregation(
        "composite",
        LOGS,
        {
            "x": {
                "composite": {
                    "size": 4,
                    "sources": [{"l": {"terms": {"field": "level"}}}, {"s": {"terms": {"field": "service", "order": "desc"}}}],
                }
            }
        },
    ),
    aggregation(
        "composite-after",
        LOGS,
        {
            "x": {
                "composite": {
                    "size": 3,
                    "sources": [
                        {"d": {"date_histogram": {"field": AT, "fixed_interval": "1d"}}},
                        {"l": {"terms": {"field": "level"}}},
                    ],
                    "after": {"d": 1793664000000, "l": "ERROR"},
                }
            }
        },
    ),
    aggregation(
        "composite-histogram",
        LOGS,
        {
            "x": {
                "composite": {"size": 5, "sources": [{"h": {"histogram": {"field": "http.bytes", "interval": 300000}}}]},
                "aggs": {"a": {"avg": {"field": "latency"}}},
            }
        },
    ),
    *[
        aggregation(kind, LOGS, {"x": {kind: {"field": "latency"}}})
        for kind in ("avg", "sum", "min", "max", "stats", "extended_stats", "value_count", "percentiles")
    ],
    aggregation("cardinality", LOGS, {"x": {"cardinality": {"field": "host.name"}}}),
    aggregation("cardinality-many", LOGS, {"x": {"cardinality": {"field": "http.bytes"}}}),
    aggregation("cardinality-precision", LOGS, {"x": {"cardinality": {"field": "http.bytes", "precision_threshold": 100}}}),
    aggregation("percentiles-list", LOGS, {"x": {"percentiles": {"field": "latency", "percents": [50, 99.9], "keyed": False}}}),
    aggregation("min-date", LOGS, {"x": {"min": {"field": AT}}, "y": {"max": {"field": AT, "format": "yyyy"}}}),
    aggregation("avg-missing", LOGS, {"x": {"avg": {"field": "latency", "missing": 0}}}),
    aggregation("stats-array", PRODUCTS, {"x": {"stats": {"field": "sizes"}}}),
    aggregation("stats-empty", LOGS, {"x": {"stats": {"field": "latency"}, "meta": {"why": "empty"}}}, query={"match_none": {}}),
    aggregation("extended_stats-sigma", LOGS, {"x": {"extended_stats": {"field": "http.bytes", "sigma": 3}}}),
    aggregation(
        "top_hits",
        LOGS,
        {
            "x": {
                "terms": {"field": "level", "size": 2},
                "aggs": {"t": {"top_hits": {"size": 2, "sort": [{"http.bytes": "desc"}], "_source": ["http.bytes"]}}},
            }
        },
    ),
    aggregation("top_hits-scored", LOGS, {"x": {"top_hits": {"size": 2}}}, query=TIMEOUT),
    aggregation(
        "deep",
        LOGS,
        {
            "d": {
                "date_histogram": {"field": AT, "calendar_interval": "day"},
                "aggs": {
                    "l": {
                        "terms": {"field": "level"},
                        "aggs": {
                            "c": {"cardinality": {"field": "service"}},
                            "p": {"percentiles": {"field": "latency", "percents": [50]}},
                        },
                    }
                },
            }
        },
    ),
    aggregation("dynamic", EVENTS, {"k": {"terms": {"field": "kind.keyword"}, "aggs": {"s": {"sum": {"field": "amount"}}}}}),
    aggregation(
        "several-indices", "logs-*,products", {"c": {"terms": {"field": "category"}}, "l": {"terms": {"field": "level"}}}
    ),
    aggregation("terms-index", BOTH, {"x": {"terms": {"field": "_index"}}, "c": {"cardinality": {"field": "_index"}}}),
    aggregation("composite-index", BOTH, {"x": {"composite": {"sources": [{"i": {"terms": {"field": "_index"}}}]}}}),
    aggregation(
        "filters-index",
        BOTH,
        {"x": {"filters": {"filters": {"a": {"term": {"_index": "ALIAS:logs-app-1"}}, "b": {"term": {"_index": "logs-app-1"}}}}}},
    ),
    pipeline("max_bucket", {"max_bucket": {"buckets_path": "d>s"}}),
    pipeline("count", {"min_bucket": {"buckets_path": "d._count"}}),
    pipeline("single-bucket", {"avg_bucket": {"buckets_path": "d>f>m"}}),
    pipeline("format", {"sum_bucket": {"buckets_path": "d>f>m", "format": "#,##0.00"}}, meta={"why": "shown"}),
    pipeline("metric", {"stats_bucket": {"buckets_path": "d>st.max"}}),
    pipeline("extended", {"extended_stats_bucket": {"buckets_path": "d>s", "sigma": 3, "format": "0.0"}}),
    pipeline("key", {"max_bucket": {"buckets_path": "d>l['ERROR']>s"}}),
    pipeline("key-count", {"max_bucket": {"buckets_path": "d>l['ERROR']._count"}}),
    pipeline("key-unknown", {"max_bucket": {"buckets_path": "d>l['NOPE']>s"}}),
    pipeline("bucket_count", {"avg_bucket": {"buckets_path": "d>l._bucket_count"}}),
    pipeline("percentile", {"avg_bucket": {"buckets_path": "d>p[99]"}}),
    pipeline("percentiles", {"percentiles_bucket": {"buckets_path": "d>s"}}),
    pipeline("percentiles-list", {"percentiles_bucket": {"buckets_path": "d>s", "percents": [10, 50.5], "keyed": False}}),
    pipeline("percentiles-format", {"percentiles_bucket": {"buckets_path": "d>s", "format": "0.0", "keyed": False}}),
    *[
        aggregation(
            f"pipeline-{kind}-{policy}",
            LOGS,
            {
                "d": {
                    "date_histogram": {"field": AT, "fixed_interval": "3h", "min_doc_count": 0},
                    "aggs": {"a": {"avg": {"field": "latency"}}, "s": {"sum": {"field": "http.bytes"}}},
                },
                "x": {kind: {"buckets_path": "d>a", "gap_policy": policy}},
                "y": {kind: {"buckets_path": "d>s", "gap_policy": policy}},
            },
            query={"term": {"host.name": "web-03"}},
        )
        for kind in (
            *("avg_bucket", "sum_bucket", "min_bucket", "max_bucket", "stats_bucket", "extended_stats_bucket"),
            "percentiles_bucket",
        )
        for policy in ("skip", "insert_zeros", "keep_values")
    ],
    *[
        aggregation(f"pipeline-{kind}-empty", LOGS, {**DAYS, "x": {kind: {"buckets_path": "d>s"}}}, query={"match_none": {}})
        for kind in ("avg_bucket", "sum_bucket", "min_bucket", "stats_bucket", "extended_stats_bucket", "percentiles_bucket")
    ],
    aggregation(
        "pipeline-levels",
        LOGS,
        {
            "l": {"terms": {"field": "level"}, "aggs": {**DAYS, "m": {"max_bucket": {"buckets_path": "d>s"}}}},
            "first": {"avg_bucket": {"buckets_path": "l>m"}},
            "second": {"stats_bucket": {"buckets_path": "l>m.value"}},
            "below": {"sum_bucket": {"buckets_path": "l['ERROR']>d>s"}},
            "f": {"filter": ERROR, "aggs": {**DAYS, "m": {"min_bucket": {"buckets_path": "d>_count"}}}},
            "through": {"max_bucket": {"buckets_path": "f>d>s"}},
        },
    ),
    aggregation(
        "pipeline-kinds",
        LOGS,
        {
            "r": {"range": {"field": "latency", "ranges": [{"to": 10}, {"from": 10, "to": 50.5}, {"from": 50, "key": "slow"}]}},
            "i": {"ip_range": {"field": "host.ip", "ranges": [{"mask": "10.0.1.0/25"}, {"to": "10.0.2.0"}]}},
            "f": {"filters": {"filters": {"e": ERROR, "t": TIMEOUT}, "other_bucket": True}},
            "h": {"histogram": {"field": "http.bytes", "interval": 250000}},
            "n": {"terms": {"field": "http.status"}},
            "b": {"terms": {"field": "ok"}},
            "u": {"terms": {"field": "nowhere"}},
            **{f"max_{name}": {"max_bucket": {"buckets_path": f"{name}>_count"}} for name in "rifhnbu"},
            "key_h": {"sum_bucket": {"buckets_path": "h._key"}},
            "key_n": {"sum_bucket": {"buckets_path": "n._key"}},
        },
    ),
]
