"""Makes search_sources.jsonl.gz: bodies of searches, and what Elasticsearch's own classes make of them.

python -m tests.vectors.make_search
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "search_sources.jsonl.gz"

Body = dict[str, Any]

FUZZY: list[Body] = [{"fuzziness": value} for value in ("AUTO", "AUTO:2,5", "AUTO:3,6", 0, 1, "2")]
EXPANSION: list[Body] = [
    {"prefix_length": 2},
    {"max_expansions": 7},
    {"fuzzy_transpositions": False},
    {"fuzzy_rewrite": "constant_score"},
]
TEXT: list[Body] = [{"analyzer": "standard"}, {"boost": 2.5}, {"boost": 0.1, "_name": "named"}]
MINIMUM: list[Body] = [{"minimum_should_match": "2<75%"}, {"minimum_should_match": 2}]
ZERO: list[Body] = [{"zero_terms_query": "all"}, {"zero_terms_query": "none"}]
MULTI_TYPES = ("best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix")

KEYED: dict[str, tuple[str, list[Any], list[Body]]] = {
    "match": (
        "query",
        ["hello world", "größe 😀", 5, 5000000000, 1.5, True],
        [
            *({"operator": word} for word in ("and", "OR")),
            {"lenient": True},
            {"auto_generate_synonyms_phrase_query": False},
            *FUZZY,
            *EXPANSION,
            *TEXT,
            *MINIMUM,
            *ZERO,
        ],
    ),
    "match_phrase": ("query", ["quick fox"], [{"slop": 3}, *ZERO, *TEXT]),
    "match_phrase_prefix": ("query", ["quick f"], [{"slop": 1}, {"max_expansions": 9}, *ZERO, *TEXT]),
    "match_bool_prefix": ("query", ["quick f"], [{"operator": "and"}, *FUZZY[:2], *EXPANSION, *TEXT, *MINIMUM]),
    "term": (
        "value",
        ["kimchy", "größe", "", 7, -3, 9000000000, 123456789012345678901234, 2.25, 1e300, False],
        [{"case_insensitive": True}, {"boost": 3.0}, {"_name": "t"}],
    ),
    "prefix": ("value", ["ki"], [{"rewrite": "scoring_boolean"}, {"case_insensitive": True}, {"boost": 1.5, "_name": "p"}]),
    "wildcard": ("value", ["k*y?"], [{"rewrite": "constant_score"}, {"case_insensitive": True}, {"boost": 1.5, "_name": "w"}]),
    "regexp": (
        "value",
        ["k.*y"],
        [
            {"flags": "ALL"},
            {"flags": "INTERSECTION|EMPTY"},
            {"flags": "NONE"},
            {"flags": "COMPLEMENT"},
            {"max_determinized_states": 20},
            {"rewrite": "constant_score"},
            {"case_insensitive": True},
            {"boost": 1.5, "_name": "r"},
        ],
    ),
    "fuzzy": (
        "value",
        ["kimchi", 12],
        [
            *FUZZY,
            {"prefix_length": 1},
            {"max_expansions": 3},
            {"transpositions": False},
            {"rewrite": "constant_score"},
            {"boost": 2},
        ],
    ),
}

RANGES: list[Body] = [
    {"gte": 10, "lte": 20},
    {"gt": 10, "lt": 20},
    {"gt": 1.5},
    {"lte": 5000000000},
    {"gte": "2026-01-01", "lt": "now-1d/d"},
    {"gte": "01/2026", "format": "MM/yyyy||yyyy"},
    {"gte": "2026-01-01T00:00:00", "time_zone": "+01:00"},
    {"gte": "now/d", "time_zone": "Europe/Berlin", "format": "strict_date_optional_time"},
    {"gte": 1, "relation": "within"},
    {"gte": 1, "lte": 2, "relation": "CONTAINS"},
    {"gte": 1, "relation": "intersects", "boost": 2.0, "_name": "r"},
    {"gte": "a", "lt": "b"},
    {"gte": None, "lte": 4},
    {},
]

MULTI_MATCH: list[Body] = [
    {},
    {"fields": ["title", "body"]},
    {"fields": ["title^2", "body^0.3", "*_name^1.7"]},
    *({"fields": ["a", "b"], "type": kind} for kind in MULTI_TYPES),
    {"operator": "and"},
    {"slop": 2, "type": "phrase"},
    {"tie_breaker": 0.3},
    {"lenient": False},
    {"lenient": True},
    {"auto_generate_synonyms_phrase_query": False},
    *FUZZY[:2],
    *EXPANSION,
    *TEXT,
    *MINIMUM,
    *ZERO,
]

QUERY_STRING: list[Body] = [
    {},
    {"default_field": "body"},
    {"fields": ["title^5", "body"]},
    {"default_operator": "AND"},
    {"analyzer": "simple"},
    {"quote_analyzer": "simple"},
    {"quote_field_suffix": ".exact"},
    {"allow_leading_wildcard": False},
    {"analyze_wildcard": True},
    {"enable_position_increments": False},
    *FUZZY[:4],
    {"fuzzy_prefix_length": 2},
    {"fuzzy_max_expansions": 9},
    {"fuzzy_transpositions": False},
    {"fuzzy_rewrite": "constant_score"},
    {"phrase_slop": 4},
    *({"type": kind} for kind in MULTI_TYPES),
    {"tie_breaker": 0.7},
    {"rewrite": "constant_score"},
    *MINIMUM,
    {"lenient": True},
    {"time_zone": "America/New_York"},
    {"escape": True},
    {"max_determinized_states": 77},
    {"auto_generate_synonyms_phrase_query": False},
    {"boost": 4.0, "_name": "qs"},
]

SIMPLE_QUERY_STRING: list[Body] = [
    {},
    {"fields": ["title^5", "body"]},
    {"flags": "OR|AND|PREFIX"},
    {"flags": "NONE"},
    {"default_operator": "and"},
    {"analyzer": "simple"},
    {"lenient": True},
    {"lenient": False},
    {"analyze_wildcard": True},
    {"quote_field_suffix": ".exact"},
    *MINIMUM,
    {"auto_generate_synonyms_phrase_query": False},
    {"fuzzy_prefix_length": 2},
    {"fuzzy_max_expansions": 9},
    {"fuzzy_transpositions": False},
    {"type": "best_fields"},
    {"boost": 4.0, "_name": "sqs"},
]

TERM_A, TERM_B = {"term": {"a": {"value": "x"}}}, {"range": {"n": {"gte": 1}}}

INNER_HITS: list[Body] = [
    {},
    {"name": "inner", "from": 1, "size": 5, "ignore_unmapped": True},
    {"explain": True, "version": True, "seq_no_primary_term": True, "track_scores": True},
    {"_source": False, "stored_fields": ["a", "b"], "docvalue_fields": ["d", {"field": "e", "format": "epoch_millis"}]},
    {"_source": ["x.*"], "fields": ["f*"], "sort": [{"c.n": "desc"}], "highlight": {"fields": {"c.t": {}}}},
    {"collapse": {"field": "c.k"}},
]

QUERIES: list[Body] = [
    {"match_all": {}},
    {"match_all": {"boost": 1.2, "_name": "all"}},
    {"match_none": {}},
    {"match_none": {"_name": "none"}},
    {"exists": {"field": "user"}},
    {"exists": {"field": "user", "boost": 2, "_name": "e"}},
    {"ids": {"values": ["1"]}},
    {"ids": {"values": [], "boost": 1.5, "_name": "i"}},
    {"terms": {"user": ["a"]}},
    {"terms": {"user": ["b", "größe", "a"], "boost": 2, "_name": "ts"}},
    {"terms": {"n": [1, 2, 3]}},
    {"terms": {"n": [1, 5000000000]}},
    {"terms": {"n": [1.5, 2]}},
    {"terms": {"n": [True, False]}},
    {"terms": {"n": []}},
    {"terms": {"m": ["a", 1]}},
    {"bool": {}},
    {"bool": {"must": TERM_A}},
    {"bool": {"must": [TERM_A, TERM_B], "filter": [TERM_B], "should": [TERM_A], "must_not": [TERM_B]}},
    {"bool": {"should": [TERM_A, TERM_B], "minimum_should_match": 1}},
    {"bool": {"should": [TERM_A], "minimum_should_match": "3<90%", "boost": 1.1, "_name": "b"}},
    {"bool": {"must_not": [TERM_A], "adjust_pure_negative": False}},
    {"bool": {"must": [{"bool": {"should": [{"bool": {"filter": [{"match_all": {}}]}}]}}]}},
    {"constant_score": {"filter": TERM_A}},
    {"constant_score": {"filter": TERM_A, "boost": 1.3, "_name": "c"}},
    {"dis_max": {"queries": [TERM_A, TERM_B]}},
    {"dis_max": {"queries": [TERM_A], "tie_breaker": 0.7, "boost": 1.2, "_name": "d"}},
    {"boosting": {"positive": TERM_A, "negative": TERM_B, "negative_boost": 0.5}},
    {"boosting": {"positive": TERM_A, "negative": TERM_B, "negative_boost": 0.25, "boost": 2, "_name": "b"}},
    {"nested": {"path": "c", "query": TERM_A}},
    *({"nested": {"path": "c", "query": TERM_A, "score_mode": mode}} for mode in ("none", "min", "max", "sum", "avg")),
    {"nested": {"path": "c", "query": TERM_A, "ignore_unmapped": True, "boost": 1.5, "_name": "n"}},
    *({"nested": {"path": "c", "query": TERM_A, "inner_hits": inner}} for inner in INNER_HITS),
    {"wrapper": {"query": "eyJ0ZXJtIiA6IHsgInVzZXIiIDogImtpbWNoeSIgfX0="}},
]

HIGHLIGHTS: list[Body] = [
    {"fields": {"body": {}}},
    {"fields": {"title": {"fragment_offset": 3, "matched_fields": ["title", "title.plain"]}, "body": {"number_of_fragments": 0}}},
    {"fields": [{"b": {}}, {"a": {"type": "fvh"}}]},
    {"fields": {"a": {}}, "pre_tags": ["<b>"], "post_tags": ["</b>"]},
    {"fields": {"a": {"pre_tags": ["<1>", "<2>"], "post_tags": ["</1>", "</2>"]}}, "tags_schema": "styled"},
    {"fields": {"a": {}}, "fragment_size": 20, "number_of_fragments": 2, "encoder": "html", "type": "plain"},
    {"fields": {"a": {}}, "fragmenter": "span", "order": "score", "highlight_filter": True},
    {"fields": {"a": {"order": "none"}}, "highlight_query": {"match": {"a": "other"}}},
    *({"fields": {"a": {"boundary_scanner": kind}}} for kind in ("chars", "word", "sentence")),
    {"fields": {"a": {}}, "boundary_max_scan": 9, "boundary_chars": ".,\t", "boundary_scanner_locale": "de-DE"},
    {"fields": {"a": {}}, "no_match_size": 12, "phrase_limit": 8, "require_field_match": False, "max_analyzed_offset": 1000},
    {"fields": {"a": {"options": {"k": "v", "n": [1, {"x": 2.5}]}}}, "options": {"o": True}},
    {"pre_tags": ["<b>"], "post_tags": ["</b>"]},
]

SORTS: list[Any] = [
    ["_score"],
    [{"_score": "asc"}],
    ["_doc"],
    [{"price": "desc"}],
    ["price", {"date": {"order": "desc", "missing": "_first"}}],
    [{"price": {"missing": 42}}],
    [{"price": {"missing": 4.5, "unmapped_type": "long"}}],
    *([{"price": {"mode": mode}}] for mode in ("min", "max", "sum", "avg", "median")),
    [{"date": {"format": "epoch_millis", "numeric_type": "date_nanos"}}],
    [{"c.n": {"nested": {"path": "c"}}}],
    [{"c.n": {"nested": {"path": "c", "filter": TERM_A, "max_children": 5, "nested": {"path": "c.d"}}}}],
    [],
]

SOURCES: list[Body] = [
    {},
    {"pit": {"id": "AAAA", "keep_alive": "1m"}},
    {"from": 10, "size": 0},
    {"size": 10000},
    {"timeout": "10s"},
    {"timeout": "1500ms"},
    {"timeout": "2m"},
    {"terminate_after": 100},
    {"post_filter": TERM_A},
    {"min_score": 0.2},
    {"min_score": 3},
    {"version": True},
    {"version": False, "seq_no_primary_term": True},
    {"explain": True},
    *(
        {"_source": value}
        for value in (
            True,
            False,
            "a",
            ["a", "b.*"],
            {"includes": ["a"], "excludes": ["a.b"]},
            {"excludes": "x"},
            {"exclude_vectors": True},
        )
    ),
    {"_source": {"exclude_vectors": True}},
    *({"stored_fields": value} for value in ("a", ["a", "b"], "_none_", [])),
    {"docvalue_fields": ["a", {"field": "d", "format": "yyyy"}]},
    {"fields": ["*", {"field": "d", "format": "yyyy"}, {"field": "e", "include_unmapped": True}]},
    *({"sort": sort} for sort in SORTS),
    {"track_scores": True},
    *({"track_total_hits": limit} for limit in (True, False, 0, 5000)),
    {"sort": ["d", "_doc"], "search_after": [1463538857, "654323", 5000000000, 1.5, None, True]},
    {"slice": {"id": 0, "max": 2}},
    {"slice": {"field": "_id", "id": 1, "max": 5}},
    {"indices_boost": [{"a": 1.4}, {"b*": 0.5}]},
    {"stats": ["group1", "group2"]},
    *({"highlight": highlight} for highlight in HIGHLIGHTS),
    {"collapse": {"field": "user"}},
    {"collapse": {"field": "user", "max_concurrent_group_searches": 4, "inner_hits": {"name": "n"}}},
    {"collapse": {"field": "user", "inner_hits": [{"name": "a"}, {"name": "b", "size": 1}]}},
    {"aggs": {"u": {"terms": {"field": "user"}, "aggs": {"p": {"avg": {"field": "price"}}}}}},
    {
        "query": {"bool": {"must": [{"match": {"m": "hello"}}], "filter": [TERM_B]}},
        "from": 5,
        "size": 20,
        "sort": [{"ts": "desc"}, "_score"],
        "_source": ["a", "b"],
        "highlight": {"fields": {"m": {}}},
        "track_total_hits": True,
        "timeout": "30s",
    },
]

SUGGESTERS: list[Body] = [
    {"text": "t", "s": {"term": {"field": "f"}}},
    {"s": {"text": "größe \U0001f600", "term": {"field": "f", "analyzer": "simple", "size": 3, "shard_size": 7}}},
    *({"s": {"text": "t", "term": {"field": "f", "suggest_mode": mode}}} for mode in ("missing", "popular", "always")),
    *(
        {"s": {"prefix": "t", "term": {"field": "f", "sort": "frequency", "string_distance": distance, "accuracy": 0.3}}}
        for distance in ("internal", "damerau_levenshtein", "levenshtein", "jaro_winkler", "ngram")
    ),
    {"s": {"regex": "t", "term": {"field": "f", "max_edits": 1, "max_inspections": 9, "max_term_freq": 3, "prefix_length": 0}}},
    {"s": {"text": "t", "term": {"field": "f", "min_word_length": 2, "min_doc_freq": 0.25}}},
    {"text": "all", "a": {"term": {"field": "f"}}, "b": {"text": "own", "phrase": {"field": "g"}}},
    {"s": {"text": "t", "phrase": {"field": "f", "max_errors": 2.0, "real_word_error_likelihood": 0.5, "confidence": 0.0}}},
    {"s": {"text": "t", "phrase": {"field": "f", "gram_size": 2, "force_unigrams": False, "token_limit": 5, "separator": "|"}}},
    {"s": {"text": "t", "phrase": {"field": "f", "highlight": {"pre_tag": "<", "post_tag": ">"}, "size": 1}}},
    {"s": {"text": "t", "phrase": {"field": "f", "smoothing": {"laplace": {"alpha": 0.7}}}}},
    {"s": {"text": "t", "phrase": {"field": "f", "smoothing": {"stupid_backoff": {"discount": 0.3}}}}},
    {
        "s": {
            "text": "t",
            "phrase": {
                "field": "f",
                "smoothing": {"linear": {"trigram_lambda": 0.5, "bigram_lambda": 0.25, "unigram_lambda": 0.25}},
                "direct_generator": [
                    {"field": "a", "suggest_mode": "always", "min_word_length": 1, "accuracy": 0.4, "size": 3},
                    {"field": "b", "sort": "score", "string_distance": "ngram", "max_edits": 1, "max_inspections": 3},
                    {
                        "field": "c",
                        "max_term_freq": 0.5,
                        "prefix_length": 2,
                        "min_doc_freq": 1,
                        "pre_filter": "x",
                        "post_filter": "y",
                    },
                ],
            },
        }
    },
    {"s": {"prefix": "t", "completion": {"field": "f"}}},
    {"s": {"prefix": "t", "completion": {"field": "f", "fuzzy": {"fuzziness": 2, "min_length": 4}, "skip_duplicates": True}}},
    {"s": {"regex": "t.*", "completion": {"field": "f", "regex": {"flags": "ANYSTRING", "max_determinized_states": 99}}}},
    {
        "s": {
            "prefix": "t",
            "completion": {"field": "f", "contexts": {"place": ["a", "b"], "kind": [{"context": "c", "boost": 2}]}},
        }
    },
    {},
    {"text": "alone"},
]

REFUSED: list[Body] = [
    {"query": {"terms": {"user": {"index": "i", "id": "1", "path": "p"}}}},
    {"query": {"function_score": {"query": {"match_all": {}}, "weight": 2}}},
    {"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "1"}}}},
    {"query": {"script": {"script": "true"}}},
    {"query": {"geo_distance": {"distance": "1km", "p": [1, 2]}}},
    {"query": {"geo_bounding_box": {"p": {"top_left": [1, 3], "bottom_right": [2, 2]}}}},
    {"query": {"geo_shape": {"g": {"shape": {"type": "point", "coordinates": [1, 2]}}}}},
    {"query": {"more_like_this": {"fields": ["a"], "like": "text"}}},
    {"query": {"terms_set": {"a": {"terms": ["x"], "minimum_should_match_field": "n"}}}},
    {"query": {"span_term": {"a": "x"}}},
    {"query": {"span_near": {"clauses": [{"span_term": {"a": "x"}}], "slop": 1}}},
    {"query": {"intervals": {"a": {"match": {"query": "x"}}}}},
    {"query": {"combined_fields": {"query": "x", "fields": ["a"]}}},
    {"query": {"distance_feature": {"field": "d", "origin": "now", "pivot": "1d"}}},
    {"query": {"knn": {"field": "v", "query_vector": [1, 2], "num_candidates": 5}}},
    {"sort": [{"_geo_distance": {"p": [1, 2]}}]},
    {"sort": [{"_script": {"type": "number", "script": "1"}}]},
    {"rescore": {"window_size": 50, "query": {"rescore_query": {"match_all": {}}}}},
    {"script_fields": {"s": {"script": {"source": "1"}}}},
    {"suggest": {"s": {"text": "t", "phrase": {"field": "f", "collate": {"query": {"source": {"match_all": {}}}}}}}},
    {"runtime_mappings": {"r": {"type": "keyword"}}},
    {"knn": {"field": "v", "query_vector": [1, 2], "k": 1, "num_candidates": 5}},
    {"query": {"nested": {"path": "c", "query": TERM_A, "inner_hits": {"script_fields": {"s": {"script": "1"}}}}}},
    {"query": {"bool": {"filter": [{"span_first": {"match": {"span_term": {"a": "x"}}, "end": 3}}]}}},
]


def bodies() -> Iterator[Body]:
    """Every body that is done."""
    for name, (parameter, values, options) in KEYED.items():
        for value in values:
            yield {"query": {name: {"field.x": {parameter: value}}}}
        for more in options:
            yield {"query": {name: {"field": {parameter: values[0], **more}}}}
    for bounds in RANGES:
        yield {"query": {"range": {"field": bounds}}}
    for kind, text, variants in (
        ("multi_match", "hello world", MULTI_MATCH),
        ("query_string", "a AND (b OR c:d~)", QUERY_STRING),
        ("simple_query_string", '"a b" +c -d', SIMPLE_QUERY_STRING),
    ):
        for variant in variants:
            yield {"query": {kind: {"query": text, **variant}}}
    for query in QUERIES:
        yield {"query": query}
    yield from SOURCES
    for suggest in SUGGESTERS:
        yield {"suggest": suggest}
    yield {"profile": True}


def main() -> None:
    lines = []
    with Oracle("SearchOracle") as oracle:
        for refused, cases in ((False, bodies()), (True, iter(REFUSED))):
            for body in cases:
                answer = oracle.ask(op="encode_source", version=8841096, body=json.dumps(body))
                if "error" in answer:
                    print(body, answer["error"])
                    continue
                lines.append({"request": body, "rest": answer["body"], "bytes": answer["bytes"], "refused": refused})
    data = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    OUT.write_bytes(gzip.compress(data.encode(), mtime=0))
    print(len(lines), "searches,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
