"""Answers are shown as a real node's REST API shows them, and what it refuses is refused in the same words."""

from __future__ import annotations

from typing import Any

from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.messages.search_request import SEARCH
from protocol.messages.search_response import SearchResponse
from protocol.rest import FORMS, search_request
from protocol.versions import V_8_19
from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.rest_answers import ALIAS, REFUSING, answers, parameters, refusals
from tests.elasticsearch.rig.clusters import Clusters


def test_answers_are_shown_as_over_rest(clusters: Clusters) -> None:
    for case, payload, real in answers(clusters):
        ours: Any = FORMS[SEARCH].show(SearchResponse.decode(payload, V_8_19), parameters(case))
        found = list(differences(normalize(real, ALIAS), normalize(ours, ALIAS)))
        assert not found, f"{case.name}: {found[:5]}"


def test_bad_searches_are_refused_in_the_same_words(clusters: Clusters) -> None:
    for refusal in refusals(clusters):
        try:
            search_request([REFUSING], refusal.body, refusal.params)
            ours: Any = None
        except ElasticsearchException as error:
            ours = (status_of(error), error.type, error.reason)
        assert ours == refusal.told, refusal
