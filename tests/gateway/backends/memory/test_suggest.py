"""Term suggesters, against a real 8.19.21 node, also for users who may not see all documents and fields."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import ElasticsearchException
from protocol.exceptions.rest import rest_error
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse
from protocol.versions import V_8_19
from tests.gateway.backends.memory.recorded import rest, same
from tests.gateway.backends.memory.terms_cases import answer, cases, name_of, refusal, without_uuids


def ask(case: dict[str, Any]) -> tuple[int, Any]:
    request = SearchRequest(indices=case["path"].split("/")[1].split(","), source=case["body"])
    try:
        response = SearchResponse.decode(answer(case["user"], SEARCH, request), V_8_19)
    except ElasticsearchException as error:
        return refusal(error)
    shown = rest(response)
    if response.failures:
        shown["_shards"]["failures"] = [
            {"shard": 0, "index": failure.index, "reason": _reason(failure.cause)} for failure in response.failures
        ]
    return 200, without_uuids(shown)


def _reason(cause: ElasticsearchException | None) -> Any:
    assert cause is not None
    body = rest_error(cause)["error"]
    body.pop("root_cause")
    return body


@pytest.mark.parametrize("case", cases("suggest"), ids=name_of)
def test_suggestions(case: dict[str, Any]) -> None:
    status, body = ask(case)
    expected = without_uuids(case["answer"])
    if expected.get("error", {}).get("failed_shards"):
        # What a node guesses of the failures when it shows them.
        expected["error"].pop("caused_by")
    assert (status, same(body, expected)) == (case["status"], None)
