"""Writes the roles that Elasticsearch has built in, as its own classes tell them, to where the gateway reads them.

python -m tests.elasticsearch.builtin_roles
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.elasticsearch.oracle import Oracle
from tests.elasticsearch.rig.maven import NEWEST_8

DATA_FILE = Path(__file__).parents[2] / "gateway" / "authorization" / "builtin_roles.json"
KINDS = ("reserved", "internal", "remote", "service_accounts")


def builtin_roles() -> str:
    """The contents of the data file: of each kind, a line for each role."""
    with Oracle("PrivilegeOracle", NEWEST_8) as oracle:
        told = oracle.ask(op="descriptors")
    parts = []
    for kind in KINDS:
        lines = [f"{json.dumps(name)}: {json.dumps(_plain(role))}" for name, role in sorted(told[kind].items())]
        parts.append(f"{json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _plain(role: dict[str, Any]) -> dict[str, Any]:
    """Without what concerns the node that tells it and not the role."""
    if "descriptor" in role:
        return {"role": role["role"], "descriptor": _plain(role["descriptor"])}
    role = {key: value for key, value in role.items() if key != "transient_metadata"}
    if "metadata" in role:
        role["metadata"] = dict(sorted(role["metadata"].items()))  # a map without order there
    return role


if __name__ == "__main__":
    DATA_FILE.write_text(builtin_roles(), encoding="utf-8")
