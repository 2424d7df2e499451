"""Names of indices, aliases and data streams under authorization, against what a real 8.19.21 node answered to the same users."""

from __future__ import annotations

import pytest

from tests.gateway.backends.memory.names_cases import DEFAULTS, ROLES, ask, cases


@pytest.mark.parametrize("user", ROLES)
@pytest.mark.parametrize("kind", DEFAULTS)
def test_answers_as_a_real_node(kind: str, user: str) -> None:
    asked = [case for case in cases() if (case["kind"], case["user"]) == (kind, user)]
    assert asked
    different = [(case, answer) for case in asked if (answer := ask(case)) != (case["status"], case["answer"])]
    assert different == []


def test_values_of_the_index_field_stand_for_indices_as_names_do() -> None:
    asked = [case for case in cases() if case["kind"] == "value"]
    assert asked
    different = [(case, answer) for case in asked if (answer := ask(case)) != (case["status"], case["answer"])]
    assert different == []
