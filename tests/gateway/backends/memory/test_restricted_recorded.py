"""Searches and field capabilities under document- and field-level rules, against answers of a real 8.19.21 node to users with them."""

from __future__ import annotations

import pytest

from tests.gateway.backends.memory.recorded import same
from tests.gateway.backends.memory.restricted_cases import CAPS
from tests.gateway.backends.memory.restricted_indices import access_of, answer, calls, comparable, recorded
from tests.gateway.backends.memory.restricted_roles import ACCESS

_CRASHES = "Elasticsearch answers with a null pointer exception; here the value is left out"
_NO_NESTED = "here who may not see _nested_path sees no nested object; Elasticsearch needs the field for some queries only"
DIFFERENT: dict[tuple[str, str], str] = {
    ("fls_except_id", "fields_metadata"): _CRASHES,
    ("fls_except_seq_no", "version"): _CRASHES,
    **{
        ("fls_except_nested_path", name): _NO_NESTED
        for name in ("q_nested", "q_nested_text", "q_nested_twice", "sort_nested_filter", "a_terms_zero_nested")
    },
}
NOTHING = "fls_except_metadata"
"""Without _primary_term Elasticsearch finds documents of an index with nested objects by some queries only; here nobody does."""


@pytest.mark.parametrize("access", [access for access in ACCESS if access != NOTHING])
def test_answers_as_elasticsearch(access: str) -> None:
    rules = access_of(access)
    different = {
        name: found
        for name in calls()
        # What a role may not search at all is no matter of the engine.
        if recorded()[access][name]["status"] != 403
        and (found := same(answer(name, rules), comparable(recorded()[access][name]["answer"]))) is not None
    }
    explained = {name for of, name in DIFFERENT if of == access}
    assert {name: found for name, found in different.items() if name not in explained} == {}
    assert explained <= different.keys()


def test_shows_nothing_where_elasticsearch_cannot_tell_documents_from_nested_objects() -> None:
    rules = access_of(NOTHING)
    for name in calls():
        found = answer(name, rules)
        if name in CAPS:
            assert same(found, recorded()[NOTHING][name]["answer"]) is None
        elif "hits" in found:
            assert found["hits"]["total"]["value"] == 0
        else:
            assert found == recorded()[NOTHING][name]["answer"]
