"""Aggregation results that are made here are read, rendered and reduced by Elasticsearch's own classes."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from protocol.messages.aggregations import AGGREGATION_RESULTS, AGGREGATIONS
from protocol.messages.aggregations.base import (
    COUNT_DESC_KEY_ASC,
    KEY_ASC,
    Bool,
    DateTime,
    DateTimeUnit,
    Decimal,
    InternalAggregation,
    Ip,
    MissingOrder,
    OrderElement,
    Raw,
    TimeUnitRounding,
)
from protocol.messages.aggregations.results.buckets import (
    CompositeBucket,
    CompositeSource,
    FiltersBucket,
    InternalComposite,
    InternalFilters,
)
from protocol.messages.aggregations.results.histograms import (
    DateEmptyBucketInfo,
    DateHistogramBucket,
    EmptyBucketInfo,
    HistogramBucket,
    InternalDateHistogram,
    InternalHistogram,
    LongBounds,
)
from protocol.messages.aggregations.results.metrics import (
    InternalAvg,
    InternalCardinality,
    InternalExtendedStats,
    InternalMax,
    InternalMin,
    InternalStats,
    InternalSum,
    InternalTDigestPercentileRanks,
    InternalTDigestPercentiles,
    InternalValueCount,
    InternalWeightedAvg,
)
from protocol.messages.aggregations.results.ranges import (
    BinaryRangeBucket,
    InternalBinaryRange,
    InternalDateRange,
    InternalRange,
    RangeBucket,
)
from protocol.messages.aggregations.results.single import (
    InternalFilter,
    InternalGlobal,
    InternalMissing,
    InternalNested,
    InternalReverseNested,
)
from protocol.messages.aggregations.results.sketches import HyperLogLogPlusPlus, TDigestState
from protocol.messages.aggregations.results.terms import (
    DoubleTerms,
    InternalTerms,
    LongTerms,
    StringTerms,
    TermsBucket,
    UnmappedTerms,
)
from protocol.messages.aggregations.results.top_hits import (
    FieldDoc,
    InternalTopHits,
    ScoreDoc,
    TopDocs,
    TopFieldDocs,
)
from protocol.messages.hits import SearchHit, SearchHits, SortField, SortFieldType, SortValues, TotalHits
from protocol.values import Long
from protocol.versions import V_8_19
from protocol.wire import Writer
from tests.elasticsearch.oracle import Oracle

Rest = dict[str, Any]

JANUARY, FEBRUARY, APRIL = 1767225600000, 1769904000000, 1775001600000
AVG = InternalAvg(name="m", sum=6.0, count=4)
AVG_REST = {"avg#m": {"value": 1.5}}

SHOWN: list[tuple[InternalAggregation, Rest]] = [
    (InternalAvg(name="a", sum=3.0, count=2), {"value": 1.5}),
    (InternalAvg(name="a"), {"value": None}),
    (InternalSum(name="a", sum=2.5, metadata={"color": "blue"}), {"value": 2.5, "meta": {"color": "blue"}}),
    (InternalMin(name="a"), {"value": None}),
    (
        InternalMax(name="a", max=JANUARY, format=DateTime(pattern="yyyy-MM-dd")),
        {"value": JANUARY, "value_as_string": "2026-01-01"},
    ),
    (InternalMax(name="a", max=2.25, format=Decimal(pattern="0.0")), {"value": 2.25, "value_as_string": "2.2"}),
    (InternalStats(name="a", count=2, min=1.0, max=3.0, sum=4.0), {"count": 2, "min": 1.0, "max": 3.0, "avg": 2.0, "sum": 4.0}),
    (InternalStats(name="a"), {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}),
    (InternalValueCount(name="a", value=7), {"value": 7}),
    (InternalWeightedAvg(name="a", sum=9.0, weight=6.0), {"value": 1.5}),
    (InternalCardinality(name="a"), {"value": 0}),
    (InternalCardinality(name="a", counts=HyperLogLogPlusPlus(14, [5, 9, -7])), {"value": 3}),
    (InternalCardinality(name="a", counts=HyperLogLogPlusPlus(4, registers=bytes(16))), {"value": 0}),
    (
        InternalTDigestPercentiles(name="a", keys=[50.0], state=TDigestState(size=3, centroids=[(1.0, 1), (2.0, 1), (3.0, 1)])),
        {"values": {"50.0": 2.0}},
    ),
    (InternalTDigestPercentiles(name="a", keys=[50.0], keyed=False), {"values": [{"key": 50.0, "value": None}]}),
    (
        InternalTDigestPercentileRanks(name="a", keys=[9.0], state=TDigestState(size=1, centroids=[(1.0, 1)])),
        {"values": {"9.0": 100.0}},
    ),
    (InternalFilter(name="a", doc_count=3, aggregations=[AVG]), {"doc_count": 3, **AVG_REST}),
    (InternalGlobal(name="a", doc_count=3), {"doc_count": 3}),
    (InternalMissing(name="a", doc_count=3), {"doc_count": 3}),
    (InternalNested(name="a", doc_count=3), {"doc_count": 3}),
    (InternalReverseNested(name="a", doc_count=3), {"doc_count": 3}),
    (
        StringTerms(
            name="a",
            doc_count_error=2,
            other_doc_count=5,
            show_term_doc_count_error=True,
            buckets=[TermsBucket(term=b"x", doc_count=4, doc_count_error=1, aggregations=[AVG])],
        ),
        {
            "doc_count_error_upper_bound": 2,
            "sum_other_doc_count": 5,
            "buckets": [{"key": "x", "doc_count": 4, "doc_count_error_upper_bound": 1, **AVG_REST}],
        },
    ),
    (
        StringTerms(name="a", doc_count_error=-1, format=Ip(), buckets=[TermsBucket(term=bytes(15) + b"\x01", doc_count=1)]),
        {"doc_count_error_upper_bound": -1, "sum_other_doc_count": 0, "buckets": [{"key": "::1", "doc_count": 1}]},
    ),
    (
        LongTerms(name="a", format=Bool(), buckets=[TermsBucket(term=1, doc_count=2)]),
        {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [{"key": 1, "key_as_string": "true", "doc_count": 2}],
        },
    ),
    (
        DoubleTerms(name="a", buckets=[TermsBucket(term=1.5, doc_count=2)]),
        {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [{"key": 1.5, "doc_count": 2}]},
    ),
    (UnmappedTerms(name="a"), {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}),
    (
        InternalHistogram(name="a", min_doc_count=1, keyed=True, buckets=[HistogramBucket(key=10.0, doc_count=2)]),
        {"buckets": {"10.0": {"key": 10.0, "doc_count": 2}}},
    ),
    (
        InternalDateHistogram(
            name="a", min_doc_count=1, format=DateTime(), buckets=[DateHistogramBucket(key=JANUARY, doc_count=2)]
        ),
        {"buckets": [{"key": JANUARY, "key_as_string": "2026-01-01T00:00:00.000Z", "doc_count": 2}]},
    ),
    (
        InternalRange(name="a", ranges=[RangeBucket(to=1.0, doc_count=1), RangeBucket(key="up", from_=1.0, doc_count=2)]),
        {"buckets": [{"key": "*-1.0", "to": 1.0, "doc_count": 1}, {"key": "up", "from": 1.0, "doc_count": 2}]},
    ),
    (
        InternalDateRange(
            name="a", keyed=True, format=DateTime(pattern="MM/yyyy"), ranges=[RangeBucket(from_=JANUARY, doc_count=1)]
        ),
        {"buckets": {"01/2026-*": {"from": JANUARY, "from_as_string": "01/2026", "doc_count": 1}}},
    ),
    (
        InternalBinaryRange(name="a", buckets=[BinaryRangeBucket(to=bytes(10) + b"\xff\xff\x0a\x00\x00\x00", doc_count=3)]),
        {"buckets": [{"key": "*-10.0.0.0", "to": "10.0.0.0", "doc_count": 3}]},
    ),
    (
        InternalFilters(name="a", buckets=[FiltersBucket(key="x", doc_count=1), FiltersBucket(key="_other_", doc_count=2)]),
        {"buckets": {"x": {"doc_count": 1}, "_other_": {"doc_count": 2}}},
    ),
    (InternalFilters(name="a", keyed=False, buckets=[FiltersBucket(doc_count=1)]), {"buckets": [{"doc_count": 1}]}),
    (
        InternalComposite(
            name="a",
            sources=[
                CompositeSource("k", Raw()),
                CompositeSource("n", Raw()),
                CompositeSource("d", DateTime(pattern="yyyy")),
                CompositeSource("x", Raw()),
            ],
            reverse_muls=[1, -1, 1, 1],
            missing_orders=[MissingOrder.DEFAULT] * 4,
            buckets=[CompositeBucket(key=(b"a", 5, JANUARY, None), doc_count=2, aggregations=[AVG])],
            after_key=(b"a", 5, JANUARY, None),
        ),
        {
            "after_key": {"k": "a", "n": 5, "d": "2026", "x": None},
            "buckets": [{"key": {"k": "a", "n": 5, "d": "2026", "x": None}, "doc_count": 2, **AVG_REST}],
        },
    ),
    (
        InternalTopHits(
            name="a",
            top_docs=TopDocs(total_hits=TotalHits(value=1), max_score=1.0, score_docs=[ScoreDoc(doc=0, score=1.0)]),
            search_hits=SearchHits(
                total=TotalHits(value=1), max_score=1.0, hits=[SearchHit(id="7", score=1.0, source=b'{"x":1}')]
            ),
        ),
        {
            "hits": {
                "total": {"value": 1, "relation": "eq"},
                "max_score": 1.0,
                "hits": [{"_id": "7", "_score": 1.0, "_source": {"x": 1}}],
            }
        },
    ),
]


def encode(*results: InternalAggregation) -> str:
    writer = Writer(V_8_19)
    AGGREGATION_RESULTS.write(writer, list(results))
    return base64.b64encode(writer.getvalue()).decode()


@pytest.fixture(scope="module")
def oracle(peers: None) -> Iterator[Oracle]:
    with Oracle("AggregationOracle") as started:
        yield started


@pytest.mark.parametrize(("result", "rest"), SHOWN, ids=lambda value: getattr(value, "wire_name", ""))
def test_a_result_made_here_shows_as_it_should(oracle: Oracle, result: InternalAggregation, rest: Rest) -> None:
    encoded = encode(result)
    answer = oracle.ask(op="render", bytes=encoded)
    assert answer.get("body") == {result.typed_key: rest}, answer
    assert answer["rest"] == 0
    assert answer["bytes"] == encoded


def test_extended_stats_show_their_deviations(oracle: Oracle) -> None:
    stats = InternalExtendedStats(name="a", count=2, min=1.0, max=3.0, sum=4.0, sum_of_squares=10.0, sigma=3.0)
    shown = oracle.ask(op="render", bytes=encode(stats))["body"]["extended_stats#a"]
    assert (shown["variance"], shown["std_deviation_bounds"]["upper"]) == (1.0, 5.0)


def reduced(oracle: Oracle, aggs: Rest, *partials: InternalAggregation) -> Rest:
    """What the asking cluster makes of partial results."""
    writer = Writer(V_8_19)
    AGGREGATIONS.write(writer, aggs)  # the request is one that can be sent
    answer = oracle.ask(op="reduce", aggs=json.dumps(aggs), partials=[encode(partial) for partial in partials], final=True)
    assert "body" in answer, answer
    (result,) = answer["body"].values()
    shown: Rest = result
    return shown


def strings(counts: dict[bytes, int], **more: Any) -> StringTerms:
    buckets = [TermsBucket(term=term, doc_count=count) for term, count in sorted(counts.items())]
    return StringTerms(name="r", buckets=buckets, **more)


def test_partial_terms_are_merged(oracle: Oracle) -> None:
    ours = strings({b"a": 5, b"b": 3}, required_size=2, shard_size=2, doc_count_error=3, other_doc_count=4)
    other = strings({b"a": 1, b"c": 9}, required_size=2, shard_size=2)
    shown = reduced(oracle, {"r": {"terms": {"field": "f", "size": 2, "shard_size": 2}}}, ours, other, UnmappedTerms(name="r"))
    assert [(bucket["key"], bucket["doc_count"]) for bucket in shown["buckets"]] == [("c", 9), ("a", 6)]
    assert shown["sum_other_doc_count"] == 4 + 3


def test_terms_sorted_by_a_sub_aggregation_are_merged(oracle: Oracle) -> None:
    order = (OrderElement("m", False), OrderElement("_key", True))

    def terms(values: dict[bytes, float]) -> InternalTerms:
        buckets = [
            TermsBucket(term=term, doc_count=1, aggregations=[InternalMax(name="m", max=value)]) for term, value in values.items()
        ]
        return StringTerms(name="r", order=order, reduce_order=KEY_ASC, doc_count_error=None, buckets=buckets)

    aggs = {"r": {"terms": {"field": "f", "order": {"m": "desc"}}, "aggs": {"m": {"max": {"field": "n"}}}}}
    shown = reduced(oracle, aggs, terms({b"a": 1.0, b"b": 2.0}), terms({b"a": 3.0}))
    assert [(bucket["key"], bucket["max#m"]["value"]) for bucket in shown["buckets"]] == [("a", 3.0), ("b", 2.0)]
    assert order != COUNT_DESC_KEY_ASC


def test_gaps_of_a_histogram_are_filled(oracle: Oracle) -> None:
    info = EmptyBucketInfo(interval=10.0, min_bound=-10.0, max_bound=-math.inf, sub_aggregations=[InternalSum(name="s")])
    ours = InternalHistogram(
        name="r",
        empty_bucket_info=info,
        buckets=[HistogramBucket(key=key, doc_count=1, aggregations=[InternalSum(name="s", sum=2.0)]) for key in (0.0, 20.0)],
    )
    aggs = {"r": {"histogram": {"field": "f", "interval": 10}, "aggs": {"s": {"sum": {"field": "n"}}}}}
    shown = reduced(oracle, aggs, ours)
    assert [(bucket["key"], bucket["doc_count"], bucket["sum#s"]["value"]) for bucket in shown["buckets"]] == [
        (-10.0, 0, 0.0),
        (0.0, 1, 2.0),
        (10.0, 0, 0.0),
        (20.0, 1, 2.0),
    ]


def test_gaps_of_a_date_histogram_are_filled(oracle: Oracle) -> None:
    rounding = TimeUnitRounding(unit=DateTimeUnit.MONTH, time_zone="UTC")
    ours = InternalDateHistogram(
        name="r",
        empty_bucket_info=DateEmptyBucketInfo(rounding=rounding, bounds=LongBounds(max=APRIL)),
        format=DateTime(pattern="yyyy-MM"),
        buckets=[DateHistogramBucket(key=JANUARY, doc_count=3)],
    )
    shown = reduced(oracle, {"r": {"date_histogram": {"field": "f", "calendar_interval": "month"}}}, ours)
    assert [bucket["key_as_string"] for bucket in shown["buckets"]] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert [bucket["doc_count"] for bucket in shown["buckets"]] == [3, 0, 0, 0]


def test_cardinalities_are_merged_by_their_hashes(oracle: Oracle) -> None:
    ours = InternalCardinality(name="r", counts=HyperLogLogPlusPlus(14, [5, 9]))
    other = InternalCardinality(name="r", counts=HyperLogLogPlusPlus(14, [9, 11]))
    assert reduced(oracle, {"r": {"cardinality": {"field": "f"}}}, ours, other, InternalCardinality(name="r")) == {"value": 3}


def test_composites_are_merged(oracle: Oracle) -> None:
    def composite(*keys: tuple[Any, ...]) -> InternalComposite:
        return InternalComposite(
            name="r",
            size=2,
            sources=[CompositeSource("n", Raw()), CompositeSource("k", Raw())],
            reverse_muls=[-1, 1],
            missing_orders=[MissingOrder.DEFAULT, MissingOrder.DEFAULT],
            buckets=[CompositeBucket(key=key, doc_count=1) for key in keys],
            after_key=keys[-1],
        )

    aggs = {
        "r": {
            "composite": {
                "size": 2,
                "sources": [{"n": {"terms": {"field": "n", "order": "desc"}}}, {"k": {"terms": {"field": "k"}}}],
            }
        }
    }
    shown = reduced(oracle, aggs, composite((9, b"a"), (5, b"b")), composite((9, b"a"), (1, b"c")))
    assert [(bucket["key"], bucket["doc_count"]) for bucket in shown["buckets"]] == [
        ({"n": 9, "k": "a"}, 2),
        ({"n": 5, "k": "b"}, 1),
    ]
    assert shown["after_key"] == {"n": 5, "k": "b"}


def test_top_hits_are_merged_by_their_sort_values(oracle: Oracle) -> None:
    def hits(*values: int) -> InternalTopHits:
        return InternalTopHits(
            name="r",
            from_=0,
            size=2,
            top_docs=TopFieldDocs(
                total_hits=TotalHits(value=len(values)),
                fields=[SortField(field="n", type=SortFieldType.LONG, missing=Long(0))],
                field_docs=[FieldDoc(fields=[value], doc=at) for at, value in enumerate(values)],
            ),
            search_hits=SearchHits(
                total=TotalHits(value=len(values)),
                hits=[SearchHit(id=str(value), sort=SortValues(formatted=[value], raw=[value])) for value in values],
            ),
        )

    shown = reduced(oracle, {"r": {"top_hits": {"size": 2, "sort": ["n"]}}}, hits(1, 8), hits(3))
    assert [hit["_id"] for hit in shown["hits"]["hits"]] == ["1", "3"]
    assert shown["hits"]["total"]["value"] == 3


def test_percentiles_are_merged(oracle: Oracle) -> None:
    one = InternalTDigestPercentiles(name="r", keys=[50.0], state=TDigestState(size=2, centroids=[(1.0, 1), (2.0, 1)]))
    two = InternalTDigestPercentiles(name="r", keys=[50.0], state=TDigestState(size=1, centroids=[(9.0, 1)]))
    empty = InternalTDigestPercentiles(name="r", keys=[50.0])
    assert reduced(oracle, {"r": {"percentiles": {"field": "f", "percents": [50]}}}, one, two, empty) == {"values": {"50.0": 2.0}}
