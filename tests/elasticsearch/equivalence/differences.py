"""The differences that are known: each is told, with its reason, in docs/equivalence.md. A case may differ in nothing else."""

from __future__ import annotations

from typing import Any

KNOWN: dict[str, tuple[str, ...]] = {
    "profile": ("[profile] is not supported",),
}
"""By name, the reasons that the gateway gives where the real remote cluster answers."""


def known(real: dict[str, Any], ours: dict[str, Any]) -> str | None:
    """Which known difference two answers are, if any."""
    if real["status"] != 200:
        return None
    causes = [*ours["body"].get("error", {}).get("root_cause", []), ours["body"].get("error", {})]
    reasons = [cause.get("reason") for cause in causes]
    return next((name for name, texts in KNOWN.items() if any(reason in texts for reason in reasons)), None)
