"""What is asked: searches of all kinds, and the other calls of a local cluster that reach a remote one.

A real remote cluster has its own ``.security`` index, which the gateway has not: requests that could meet it exclude it.
"""

from __future__ import annotations

from tests.elasticsearch.equivalence.aggregating import AGGREGATING
from tests.elasticsearch.equivalence.asks import Ask, get
from tests.elasticsearch.equivalence.querying import QUERYING
from tests.elasticsearch.equivalence.resolving import RESOLVING

_OTHERS = [
    Ask("count", "POST", "/R:sales-*,R:hr-*/_count", {"query": {"match_all": {}}}),
    Ask(
        "count-query",
        "POST",
        "/R:*/_count?ignore_unavailable=true",
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
    get("field-caps", "/R:*,R:-.security*/_field_caps?fields=*&ignore_unavailable=true"),
    get("field-caps-exact", "/R:sales-eu,R:hr-people/_field_caps?fields=secret,who,ssn,name*,customer.*,salary"),
    Ask("field-caps-filter", "POST", "/R:sales-*/_field_caps?fields=*", {"index_filter": {"range": {"amount": {"gte": 195}}}}),
    get("field-caps-not-empty", "/R:sales-*,R:empty-*,R:hr-*/_field_caps?fields=*&include_empty_fields=false"),
    get("field-caps-unmapped", "/R:sales,R:people/_field_caps?fields=s*,t*&include_unmapped=true&ignore_unavailable=true"),
    Ask("count-uri", "GET", "/R:sales-*/_count?q=secret:s1+AND+region:north"),
    get("field-caps-metadata", "/R:*,R:-.security*/_field_caps?fields=*&ignore_unavailable=true&filters=-metadata,-multifield"),
    get("field-caps-types", "/R:sales,R:hr-people/_field_caps?fields=*&types=keyword,double&ignore_unavailable=true"),
    get("field-caps-hidden", "/R:hidden-*,R:.dotted-*/_field_caps?fields=title,owner&expand_wildcards=open,hidden"),
    get("field-caps-missing", "/R:missing-one/_field_caps?fields=*"),
    get("resolve-index-hidden", "/_resolve/index/R:*notes*,R:.dotted-notes?expand_wildcards=open,hidden&ignore_unavailable=true"),
    get("resolve-index-missing", "/_resolve/index/R:missing-one,R:sales-us"),
    get("resolve-cluster-hidden", "/_resolve/cluster/R:hidden-*,R:.d*?ignore_unavailable=true"),
    get("resolve-cluster-none", "/_resolve/cluster/R:nothing-*?allow_no_indices=false"),
    get("resolve-index", "/_resolve/index/R:*"),
    get("resolve-index-all", "/_resolve/index/R:*,R:-.security*?expand_wildcards=all"),
    get("resolve-index-names", "/_resolve/index/R:sales-n*,R:people,R:hr-people,R:archive*"),
    get("resolve-index-exact", "/_resolve/index/R:sales-eu,R:metrics-app?ignore_unavailable=true"),
    get("resolve-cluster", "/_resolve/cluster/R:sales-*"),
    get("resolve-cluster-exact", "/_resolve/cluster/R:hr-people,R:archive-2024"),
    Ask("profile", "POST", "/R:sales-eu/_search", {"profile": True, "size": 0}),
    Ask("suggest", "POST", "/R:sales-*/_search", {"size": 0, "suggest": {"s": {"text": "gfit", "term": {"field": "notes"}}}}),
    Ask("terms-enum", "POST", "/R:sales-*/_terms_enum", {"field": "secret", "string": "s"}),
    Ask(
        "terms-enum-alias",
        "POST",
        "/R:sales-*,R:hr-*/_terms_enum",
        {"field": "who", "string": "S", "case_insensitive": True, "size": 3},
    ),
    Ask(
        "terms-enum-filter",
        "POST",
        "/R:sales-*/_terms_enum",
        {"field": "customer.email", "string": "a", "index_filter": {"range": {"amount": {"gte": 195}}}},
    ),
    Ask("terms-enum-exact", "POST", "/R:sales-eu,R:hr-people/_terms_enum", {"field": "ssn", "search_after": "3"}),
    Ask(
        "suggest-names",
        "POST",
        "/R:sales-eu/_search",
        {"suggest": {"s": {"text": "adaa loveluce", "term": {"field": "customer.name"}}}},
    ),
    Ask(
        "significant",
        "POST",
        "/R:sales-*/_search",
        {"size": 0, "query": {"term": {"region": "north"}}, "aggs": {"s": {"significant_terms": {"field": "secret"}}}},
    ),
]

REQUESTS: dict[str, Ask] = {ask.name: ask for ask in (*RESOLVING, *QUERYING, *AGGREGATING, *_OTHERS)}
