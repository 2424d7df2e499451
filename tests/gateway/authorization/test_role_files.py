"""``roles.yml``: Elasticsearch's format, and what is wrong with a line number."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.authorization import RoleFileError, RoleStore, parse_role_file

GOOD = b"""
# What people of the local cluster may do here
logs_reader:
  cluster: [ monitor ]
  indices:
    - names: [ 'logs-*', "/metrics-[0-9]+/" ]
      privileges: [ read, view_index_metadata ]
      allow_restricted_indices: false
    - names: 2024
      privileges: [ read ]
      field_security:
        grant: [ '*' ]
      query: '{"match": {"team": "a"}}'
  run_as: [ other ]
  metadata:
    version: 1
  description: "reads logs"

empty: {}
yes_names:
  indices: [ { names: [ on, no ], privileges: [ read ] } ]
"""


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "roles.yml"
    path.write_bytes(GOOD)
    store = RoleStore.load(path)
    reader = store.get("logs_reader")
    assert reader is not None
    assert reader.cluster == ("monitor",)
    assert reader.indices[0].names == ("logs-*", "/metrics-[0-9]+/")
    assert reader.indices[1].names == ("2024",)
    assert reader.indices[1].query == '{"match": {"team": "a"}}'
    assert reader.run_as == ("other",)
    assert reader.description == "reads logs"
    yes = store.get("yes_names")
    assert yes is not None
    assert yes.indices[0].names == ("on", "no")
    assert store.get("nothing") is None
    assert store.get("superuser") is not None
    assert {"logs_reader", "empty", "superuser", "viewer", "editor"} <= set(store.names())


def test_a_missing_file_holds_no_role(tmp_path: Path) -> None:
    assert RoleStore.load(tmp_path / "none.yml").get("logs_reader") is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RoleFileError, match="Is a directory"):
        RoleStore.load(tmp_path)


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"---\n"])
def test_empty_files(data: bytes) -> None:
    assert parse_role_file(data) == {}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: {}\nb: [", "roles.yml:2: "),
        (b"a: {}\n\nb: 1\n", "roles.yml:3: invalid role definition [b]"),
        (b"- a\n", "roles.yml:1: expected roles by name"),
        (b"a: {}\na: {}\n", "roles.yml:2: role [a] is defined twice"),
        (b"\nsuperuser: {}\n", "roles.yml:2: role [superuser] is reserved, it cannot be defined in a file"),
        (b"kibana_admin: {}\n", "roles.yml:1: role [kibana_admin] is reserved, it cannot be defined in a file"),
        (b"' a': {}\n", "roles.yml:1: invalid role definition [ a]. invalid role name - Role names must be at least 1"),
        (b"a: {cluster: [monitr]}\n", "roles.yml:1: unknown cluster privilege [monitr]"),
        (b"a:\n  indices: [{names: [x], privileges: [reed]}]\n", "roles.yml:1: unknown index privilege [reed]"),
        (
            b"a:\n  indices: [{names: ['/(/'], privileges: [read]}]\n",
            "roles.yml:1: The set of patterns [/(/] is invalid: unexpected",
        ),
        (
            b"a:\n  indices: [{names: [x]}]\n",
            "roles.yml:1: failed to parse indices privileges for role [a]. missing required [privileges]",
        ),
        (b"a:\n  run_as: bob\n", "roles.yml:1: failed to parse role [a]: could not parse field. expected a list of strings"),
        (b"a:\n  cluster: [all]\n  cluster: [all]\n", "roles.yml:3: invalid role definition [a]. Duplicate field 'cluster'"),
        (b"a:\n  restriction: {workflows: [w]}\n", "roles.yml:1: failed to parse role [a]. unexpected field [restriction]"),
        (b"a: &x {}\nb: *x\n", "roles.yml:2: aliases are not allowed"),
        (b"a: {cluster: !!python/name:os.system ['x']}\n", "roles.yml:1: "),
        (b"\xff\n", "roles.yml: not UTF-8 at byte [0]"),
        (
            b"a: {description: '" + b"x" * 1001 + b"'}\n",
            "roles.yml:1: role [a]: Role description must be less than 1000 characters.",
        ),
        (b"[" * 1200, "roles.yml"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(data: bytes, problem: str) -> None:
    with pytest.raises(RoleFileError) as caught:
        parse_role_file(data)
    assert caught.value.problems[0].startswith(problem)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RoleFileError) as caught:
        parse_role_file(b"a: 1\nb: {}\nc: {x: 1}\n", "here.yml")
    assert caught.value.problems == [
        "here.yml:1: invalid role definition [a]",
        "here.yml:3: failed to parse role [c]. unexpected field [x]",
    ]
