"""What field rules leave of a source, against Elasticsearch's own class."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import pytest

from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.index_access import FieldAccess
from gateway.backends.memory.shown_source import ShownSource
from tests.gateway.backends.memory.recorded import ENGINE


def _fields(sets: list[list[dict[str, Any]]]) -> FieldAccess:
    return FieldAccess(
        tuple(
            frozenset(
                FieldSecurity(None if rule["grant"] is None else tuple(rule["grant"]), tuple(rule["except"] or ()))
                for rule in rules
            )
            for rules in sets
        )
    )


def _leaves(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {leaf for key, inner in value.items() for leaf in _leaves(inner, f"{path}.{key}" if path else key)}
    if isinstance(value, list):
        return {leaf for inner in value for leaf in _leaves(inner, path)}
    return {path}


def test_leaves_what_elasticsearch_leaves() -> None:
    with gzip.open(ENGINE / "field_sources.jsonl.gz") as lines:
        cases = [json.loads(line) for line in lines]
    assert len(cases) == 700
    for case in cases:
        fields = _fields(case["sets"])
        shown = ShownSource(fields)
        for source, left in zip(case["sources"], case["left"], strict=True):
            before = json.dumps(source)
            assert shown(source) == left, case["sets"]
            assert json.dumps(source) == before
            assert _leaves(left) == {leaf for leaf in _leaves(source) if fields.allows(leaf)}


def test_refuses_rules_that_take_too_much_work() -> None:
    # Each last fifteen letters of a key are a state of their own.
    shown = ShownSource(FieldAccess((frozenset({FieldSecurity(("*",), ("/(a|b)*a(a|b){15}/",))}),)))
    chance = random.Random(3)
    document = {"".join(chance.choice("ab") for _ in range(40)): 1 for _ in range(900)}
    with pytest.raises(ValueError, match=r"too complex|more than \d+ states"):
        shown(document)
