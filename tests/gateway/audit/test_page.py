"""The page about the audit names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.audit.events import _CLASSES
from gateway.configuration.model import AUDIT_EVENTS, setting_fields
from gateway.reports.migration import LocalCluster

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "audit.md").read_text("utf-8")


def section(title: str) -> str:
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[1]


def first_column(text: str) -> set[str]:
    return {name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_events() -> None:
    assert first_column(section("Events")) == {"event.action", *_CLASSES}
    assert set(_CLASSES) | {"system_access_granted"} == set(AUDIT_EVENTS)


def test_settings() -> None:
    there = {name for name, _ in setting_fields() if name.startswith(("audit.", "xpack.security.audit."))}
    told = {name.replace("POLICY", "*") for name in first_column(section("Settings"))}
    policy = "xpack.security.audit.logfile.events.ignore_filters.*"
    assert {f"{policy}{name}" if name.startswith(".") else name for name in told} == there


def test_fields() -> None:
    """Every field name in the source is in the table, and the other way round."""
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "gateway" / "audit").glob("*.py")))
    names = set(re.findall(r'"((?:event|source|destination|tls|rcgateway|user|trace|error|rule|log|service)\.[a-z_.]+)"', source))
    names -= {"rcgateway.audit", "user.run_by", "user.run_as"}
    lists = {"rcgateway.indices_requested", "rcgateway.indices", "rcgateway.document_rules", "rcgateway.field_rules"}
    persons = {f"{person}.{what}" for person in ("user", "user.run_by", "user.run_as") for what in ("name", "roles")}
    expected = names | {f"{name}_count" for name in lists} | persons | {"@timestamp", "message"}
    assert first_column(section("Fields")) == expected


@pytest.mark.parametrize("name", LocalCluster("x").to_json())
def test_the_report(name: str) -> None:
    assert name in first_column(section("rcgateway report migration"))
