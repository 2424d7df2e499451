"""The differences that are known: each is told, with its reason, in docs/equivalence.md. A case may differ in nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.elasticsearch.equivalence.cases import Case

TO_CERTIFICATE = "relay-real-cert"


@dataclass(frozen=True)
class Difference:
    """``kind``: of the gateways that have it. ``reason``: what they say of it, or its end. ``example``: a case in which it shows."""

    kind: str
    reason: str
    applies: Callable[[Case], bool]
    example: Case


def is_bound_by_three_sets(case: Case) -> bool:
    """The key's, those of the roles of a user, and those of the API key that the user comes with."""
    return case.role_set is None and bool(case.asking.key)


KNOWN: dict[str, Difference] = {
    "profile": Difference(
        "gw",
        "[profile] is not supported",
        lambda case: case.request == "profile",
        Case("everything", "u-superuser", "profile", "9.5.3"),
    ),
    "three sets": Difference(
        TO_CERTIFICATE,
        "it is bound by [3] sets of role descriptors, and two can be sent",
        is_bound_by_three_sets,
        Case("everything", "u-limited", "prefix", "9.5.3"),
    ),
}


def known(kind: str, case: Case, ours: dict[str, Any]) -> str | None:
    """Which known difference the answer of a gateway is, if any: it shows nothing then."""
    names = (name for name, each in KNOWN.items() if each.kind == kind and each.applies(case))
    return next(names, None) if _shows_nothing(ours["body"], case) else None


def _shows_nothing(body: dict[str, Any], case: Case) -> bool:
    if "responses" in body:
        return all("error" in each for each in body["responses"])
    if case.request.startswith("resolve-index"):
        return not any(body.values())  # a local cluster does not tell why another one has nothing
    if case.request.startswith("resolve-cluster"):
        return not any("matching_indices" in each for each in body.values())
    return "error" in body or body.get("terms") == []
