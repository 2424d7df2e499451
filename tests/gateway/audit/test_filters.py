"""Which events are written, by settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.audit.filters import EventFilter
from gateway.config import ConfigError, load, settings_of
from gateway.configuration.model import AUDIT_EVENTS

PREFIX = "xpack.security.audit.logfile.events"


def built(**settings: Any) -> EventFilter:
    """Dots are written as ``__``, under ``events``."""
    flat = {f"{PREFIX}.{name.replace('__', '.')}": value for name, value in settings.items()}
    return EventFilter(settings_of(flat, Path()).xpack.security.audit.logfile.events)


def ignoring(**lists: Any) -> EventFilter:
    return built(**{f"ignore_filters__p__{field}": patterns for field, patterns in lists.items()})


ALICE = ("alice", "native1", ("reader", "admin"), ("logs-1", "logs-2"), "indices:data/read/search")
NOBODY = (None, None, (), (), None)


def test_by_default_all_but_what_says_that_nothing_happened() -> None:
    events = built()
    assert {name for name in AUDIT_EVENTS if not events.includes(name)} == {"authentication_success", "connection_granted"}
    assert not events.ignores(*ALICE)
    assert not events.ignores(*NOBODY)


def test_include_and_exclude() -> None:
    events = built(include=["_all"], exclude=["access_granted"])
    assert [name for name in AUDIT_EVENTS if not events.includes(name)] == ["access_granted"]
    assert not any(built(include=["access_granted"], exclude=["_all"]).includes(name) for name in AUDIT_EVENTS)
    with pytest.raises(ConfigError, match=r"events.include\]: \[access_granded\] is not allowed"):
        built(include=["access_granded"])


@pytest.mark.parametrize(
    ("lists", "ignored"),
    [
        ({"users": ["alice"]}, True),
        ({"users": ["al*", "bob"]}, True),
        ({"users": ["/al(ice|an)/"]}, True),
        ({"users": ["bob"]}, False),
        ({"users": ["alice"], "realms": ["native1"]}, True),
        ({"users": ["alice"], "realms": ["ldap1"]}, False),
        ({"roles": ["reader"]}, False),
        ({"roles": ["reader", "admin"]}, True),
        ({"roles": ["*"]}, True),
        ({"indices": ["logs-1"]}, False),
        ({"indices": ["logs-*"]}, True),
        ({"actions": ["indices:data/read/*"]}, True),
        ({"actions": ["cluster:*"]}, False),
        ({"users": []}, False),
        ({"users": [""]}, False),
    ],
)
def test_a_policy_ignores_an_event_when_all_of_it_matches(lists: dict[str, list[str]], ignored: bool) -> None:
    assert ignoring(**lists).ignores(*ALICE) is ignored


@pytest.mark.parametrize(
    ("lists", "ignored"),
    [
        ({"users": ["*"]}, True),
        ({"users": []}, True),
        ({"users": ["", "elastic"]}, True),
        ({"users": ["elastic"]}, False),
        ({"users": ["?*"]}, False),
        ({"indices": []}, True),
        ({"roles": [""]}, True),
        ({"actions": [""]}, True),
        ({"realms": ["r"]}, False),
    ],
)
def test_what_an_event_has_not_is_the_empty_text(lists: dict[str, list[str]], ignored: bool) -> None:
    assert ignoring(**lists).ignores(*NOBODY) is ignored


def test_any_policy_is_enough() -> None:
    events = built(ignore_filters__p__users=["bob"], ignore_filters__q__users=["alice"])
    assert events.ignores(*ALICE)
    assert not events.ignores("carol", *ALICE[1:])


def test_a_pattern_that_cannot_be_understood() -> None:
    with pytest.raises(ConfigError, match=rf"setting \[{PREFIX}.ignore_filters.p.users\]: invalid pattern \[/a\]"):
        ignoring(users=["/a"])


def test_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(f"{PREFIX}:\n  exclude: access_granted, run_as_granted\n  ignore_filters.my_policy:\n    users: [a*, '']\n")
    settings = load(path, {}).xpack.security.audit.logfile.events
    assert settings.exclude == ["access_granted", "run_as_granted"]
    assert settings.ignore_filters["my_policy"].users == ["a*", ""]
    assert settings.ignore_filters["my_policy"].roles == ["*"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ignore_filters.p.user: a", "unknown setting"),
        ("ignore_filters.users: a", "unknown setting"),
        ("ignore_filters.p.q.users: a", "unknown setting"),
        ("ignore_filters: a", "is a group of settings"),
    ],
)
def test_misspelt_filters(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(f"{PREFIX}.{line}\n")
    with pytest.raises(ConfigError, match=problem):
        load(path, {})
