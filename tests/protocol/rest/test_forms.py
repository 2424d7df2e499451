"""Every action: a call becomes a request and a request its call again; an answer becomes JSON and JSON the answer again."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.messages.common import TimeUnit, TimeValue
from protocol.messages.contexts import (
    CLEAR_SCROLL,
    CLOSE_POINT_IN_TIME,
    OPEN_POINT_IN_TIME,
    SCROLL,
    FreedResponse,
    OpenPointInTimeResponse,
)
from protocol.messages.field_caps import FIELD_CAPS, FieldCaps, FieldCapsResponse
from protocol.messages.get import GET, GetResponse
from protocol.messages.hits import DocumentField
from protocol.messages.resolve import (
    RESOLVE_CLUSTER,
    RESOLVE_INDEX,
    Build,
    ResolveClusterInfo,
    ResolveClusterResponse,
    ResolvedAlias,
    ResolvedDataStream,
    ResolvedIndex,
    ResolveIndexResponse,
)
from protocol.messages.search_request import SEARCH
from protocol.messages.stats import REMOTE_CLUSTER_STATS
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumResponse
from protocol.rest import FORMS, Call
from protocol.schema import Message
from protocol.versions import V_8_19

CALLS: list[tuple[str, Call]] = [
    (SEARCH, Call(["a", "b*"], {"q": "x", "routing": "r", "expand_wildcards": "open,hidden"}, {"size": 3})),
    (SEARCH, Call([], {"search_type": "dfs_query_then_fetch", "scroll": "2m"}, {"sort": ["a"]})),
    (SEARCH, Call([], {}, {"pit": {"id": "YWJj", "keep_alive": "1m"}, "slice": {"id": 0, "max": 2}})),
    (FIELD_CAPS, Call(["a"], {"fields": "x,y*", "include_unmapped": "true", "filters": "-metadata"})),
    (FIELD_CAPS, Call(["a"], {"ignore_unavailable": "true"}, {"fields": ["x"], "index_filter": {"term": {"a": 1}}})),
    (RESOLVE_INDEX, Call(["a*"], {"expand_wildcards": "all"})),
    (RESOLVE_CLUSTER, Call(["a*"], {"allow_no_indices": "false"})),
    (REMOTE_CLUSTER_STATS, Call()),
    (GET, Call(["a"], {"realtime": "false", "_source_includes": "x.*", "stored_fields": "y"}, id="1")),
    (GET, Call(["a"], {"_source": "false", "version": "3", "version_type": "external"}, id="1")),
    (TERMS_ENUM, Call(["a"], {}, {"field": "f", "string": "x", "size": 3, "timeout": "5s"})),
    (OPEN_POINT_IN_TIME, Call(["a"], {"keep_alive": "1m", "preference": "_local"})),
    (CLOSE_POINT_IN_TIME, Call(body={"id": "YWJj"})),
    (SCROLL, Call(body={"scroll_id": "abc", "scroll": "30s"})),
    (CLEAR_SCROLL, Call(body={"scroll_id": ["abc", "def"]})),
]


@pytest.mark.parametrize(("action", "call"), CALLS)
def test_a_call_and_back(action: str, call: Call) -> None:
    form = FORMS[action]
    request = form.request(call)
    assert form.request(form.call(request)) == request
    assert type(request).decode(request.encode(V_8_19), V_8_19) == request


BAD_CALLS: list[tuple[str, Call, str, str]] = [
    (FIELD_CAPS, Call(["a"]), "action_request_validation_exception", "Validation Failed: 1: no fields specified;"),
    (
        FIELD_CAPS,
        Call(["a"], {"fields": "x", "foo": "1"}),
        "illegal_argument_exception",
        "request [/a/_field_caps] contains unrecognized parameter: [foo]",
    ),
    (
        RESOLVE_INDEX,
        Call(["a"], {"expand_wildcards": "some"}),
        "illegal_argument_exception",
        "No valid expand wildcard value [some]",
    ),
    (GET, Call(["a"], {"version_type": "x"}, id="1"), "illegal_argument_exception", "No version type match [x]"),
    (
        TERMS_ENUM,
        Call(["a"], {}, {"feild": "x"}),
        "x_content_parse_exception",
        "[1:2] [terms_enum_request] unknown field [feild] did you mean [field]?",
    ),
    (
        OPEN_POINT_IN_TIME,
        Call(["a"]),
        "action_request_validation_exception",
        "Validation Failed: 1: [keep_alive] is not specified;",
    ),
    (SCROLL, Call(), "action_request_validation_exception", "Validation Failed: 1: scrollId is missing;"),
    (CLEAR_SCROLL, Call(), "action_request_validation_exception", "Validation Failed: 1: no scroll ids specified;"),
    (GET, Call([], {}, id="1"), "action_request_validation_exception", "Validation Failed: 1: index is missing;"),
]


@pytest.mark.parametrize(("action", "call", "kind", "reason"), BAD_CALLS)
def test_a_bad_call(action: str, call: Call, kind: str, reason: str) -> None:
    with pytest.raises(ElasticsearchException) as caught:
        FORMS[action].request(call)
    assert (caught.value.type, caught.value.reason) == (kind, reason)


BUILD = Build(
    flavor="default",
    type="tar",
    hash="abc",
    date="2026",
    version="8.19.21",
    min_wire_compatibility="7.17.0",
    min_index_compatibility="7.0.0",
    display="",
)
ANSWERS: list[tuple[str, Message, Any]] = [
    (
        FIELD_CAPS,
        FieldCapsResponse(
            indices=["a", "b"],
            fields={"f": {"long": FieldCaps(name="f", type="long", searchable=True, aggregatable=True, indices=["a"])}},
        ),
        {
            "indices": ["a", "b"],
            "fields": {
                "f": {
                    "long": {
                        "type": "long",
                        "metadata_field": False,
                        "searchable": True,
                        "aggregatable": True,
                        "indices": ["a"],
                    }
                }
            },
        },
    ),
    (
        RESOLVE_INDEX,
        ResolveIndexResponse(
            indices=[ResolvedIndex(name="a", aliases=["x"], attributes=["open"])],
            aliases=[ResolvedAlias(name="x", indices=["a"])],
            data_streams=[ResolvedDataStream(name="d", backing_indices=[".ds-d-1"])],
        ),
        {
            "indices": [{"name": "a", "aliases": ["x"], "attributes": ["open"]}],
            "aliases": [{"name": "x", "indices": ["a"]}],
            "data_streams": [{"name": "d", "backing_indices": [".ds-d-1"], "timestamp_field": "@timestamp"}],
        },
    ),
    (GET, GetResponse(index="a", id="1"), {"_index": "a", "_id": "1", "found": False}),
    (
        GET,
        GetResponse(
            index="a",
            id="1",
            seq_no=3,
            primary_term=1,
            version=2,
            exists=True,
            source=b'{"x":1}',
            fields={"x": DocumentField(name="x", values=[1])},
            meta_fields={"_routing": DocumentField(name="_routing", values=["r"])},
        ),
        {
            "_index": "a",
            "_id": "1",
            "_version": 2,
            "_seq_no": 3,
            "_primary_term": 1,
            "_routing": "r",
            "found": True,
            "_source": {"x": 1},
            "fields": {"x": [1]},
        },
    ),
    (
        TERMS_ENUM,
        TermsEnumResponse(total_shards=1, successful_shards=1, terms=["a"]),
        {"_shards": {"total": 1, "successful": 1, "failed": 0}, "terms": ["a"], "complete": True},
    ),
    (
        OPEN_POINT_IN_TIME,
        OpenPointInTimeResponse(id=b"abc", total_shards=1, successful_shards=1),
        {"id": "YWJj", "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}},
    ),
    (CLEAR_SCROLL, FreedResponse(succeeded=True, freed=2), {"succeeded": True, "num_freed": 2}),
]


@pytest.mark.parametrize(("action", "response", "body"), ANSWERS)
def test_an_answer_and_back(action: str, response: Message, body: Any) -> None:
    form = FORMS[action]
    assert form.show(response, {}) == body
    assert list(form.show(response, {})) == list(body)
    assert form.read(body) == response


def test_a_resolved_cluster_is_shown() -> None:
    info = ResolveClusterInfo(connected=True, skip_unavailable=False, matching_indices=True, build=BUILD)
    assert FORMS[RESOLVE_CLUSTER].show(ResolveClusterResponse(clusters={"": info}), {}) == {
        "(local)": {
            "connected": True,
            "skip_unavailable": False,
            "matching_indices": True,
            "version": {
                "number": "8.19.21",
                "build_flavor": "default",
                "minimum_wire_compatibility_version": "7.17.0",
                "minimum_index_compatibility_version": "7.0.0",
            },
        }
    }


@pytest.mark.parametrize("action", [FIELD_CAPS, RESOLVE_INDEX, GET, TERMS_ENUM, OPEN_POINT_IN_TIME, CLEAR_SCROLL, SEARCH])
@pytest.mark.parametrize("body", [{}, {"hits": 1}, {"indices": 1, "found": 1, "_index": 1, "_id": 1}])
def test_another_answer_is_refused(action: str, body: Any) -> None:
    with pytest.raises(ElasticsearchException, match=r"malformed|unknown key"):
        FORMS[action].read(body)


def test_a_duration_keeps_its_unit() -> None:
    request: Any = FORMS[OPEN_POINT_IN_TIME].request(Call(["a"], {"keep_alive": "90s"}))
    assert request.keep_alive == TimeValue(90, TimeUnit.SECONDS)
