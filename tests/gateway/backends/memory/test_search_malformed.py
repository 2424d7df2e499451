"""Bodies with something wrong in them: each is answered, or refused with one of Elasticsearch's exceptions, and nothing else is raised."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.memory.search import Target, search
from protocol.errors import ElasticsearchException
from tests.gateway.backends.memory.recorded import NOW, cases, indices

BODIES = [case["body"] for case in cases().values() if case.get("index") == "feat" and case["status"] == 200]
WRONG: list[Any] = [
    *(None, True, False, 0, -1, 5, 1.5, 1e300, 10**30, "", "abc", "*", "_all", "1d", [], {}, [None], [1], ["a", ["b"]]),
    *({"a": 1}, {"field": None}, [{"a": {}}]),
]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(inner, (*path, key))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_only_elasticsearch_exceptions_are_raised(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(BODIES)))
    paths = [path for path in _paths(body) if path[0] != "query"]
    if paths:
        *above, last = data.draw(st.sampled_from(paths))
        place = body
        for key in above:
            place = place[key]
        place[last] = data.draw(st.sampled_from(WRONG))
    with suppress(ElasticsearchException):
        search([Target(indices()["feat"])], body, now_millis=NOW, node_id="node")
