"""Answers of real searches, shown as the same node's REST API showed them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from protocol.messages.search_request import SEARCH
from protocol.messages.search_response import SearchResponse
from protocol.rest import FORMS, render_count, render_search
from protocol.versions import V_8_19
from tests.vectors import read_lines

ANSWERS = {line["name"]: line for line in read_lines("rest_answers.jsonl.gz")}
BY_MERGING_ORDER = {"aggregation-percentiles": 1e-12}
"""A percentile's last bit depends on which shard's answer came first; the two answers were made by two searches."""


def response(name: str) -> SearchResponse:
    return SearchResponse.decode(base64.b64decode(ANSWERS[name]["bytes"]), V_8_19)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_rest_shows(name: str) -> None:
    line = ANSWERS[name]
    shown = FORMS[SEARCH].show(response(name), line["params"])
    real = line["rest"] | {"took": shown["took"]}
    if name in BY_MERGING_ORDER:
        assert close(real, shown, BY_MERGING_ORDER[name])
        return
    # As text: the order of members counts, and 1 is not 1.0.
    assert json.dumps(shown) == json.dumps(real)


def close(real: Any, ours: Any, tolerance: float) -> bool:
    if isinstance(real, dict):
        return list(real) == list(ours) and all(close(value, ours[name], tolerance) for name, value in real.items())
    if isinstance(real, list):
        return len(real) == len(ours) and all(close(*pair, tolerance) for pair in zip(real, ours, strict=True))
    return bool(real == (pytest.approx(ours, rel=tolerance) if isinstance(real, float) else ours))


def test_without_typed_keys_names_stand_alone() -> None:
    name = next(name for name, line in ANSWERS.items() if "aggregations" in line["rest"])
    plain, typed = render_search(response(name)), ANSWERS[name]["rest"]
    assert list(plain["aggregations"]) == [key.split("#", 1)[1] for key in typed["aggregations"]]


def test_a_count_shows_no_skipped_shards() -> None:
    found = response("hits-size-0")
    found.skipped_shards = 1
    assert render_count(found, {}) == {
        "count": ANSWERS["hits-size-0"]["rest"]["hits"]["total"]["value"],
        "_shards": {"total": 4, "successful": 4, "skipped": 0, "failed": 0},
    }
