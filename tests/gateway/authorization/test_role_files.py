"""``roles.yml``: Elasticsearch's format, what is skipped, and what is wrong with a line number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.authorization import RoleFileError, RoleStore, parse_role_file
from gateway.authorization.reserved_roles import RESERVED_NAMES

GOOD = b"""
# What people of the local cluster may do here
logs_reader:
  cluster: [ monitor ]
  indices:
    - names: [ 'logs-*', "/metrics-[0-9]+/" ]
      privileges: [ read, view_index_metadata ]
      allow_restricted_indices: false
    - names: "2024"
      privileges: [ read ]
      field_security:
        grant: [ '*' ]
      query: '{"match": {"team": "a"}}'
    - names: metrics
      privileges: [ read ]
      query:
        range: { level: { gte: 0x10, lt: 1.5e2 } }
  run_as: [ other ]
  metadata:
    version: 1
  applications:
    - application: kibana-.kibana
      privileges: [ read ]
      resources: [ "*" ]
  global: { application: { manage: { applications: [ a ] } } }
  remote_indices:
    - names: [ x ]
      privileges: [ read ]
      clusters: [ far ]
  remote_cluster:
    - { privileges: [ monitor_stats ], clusters: [ far ] }
  transient_metadata: { enabled: true }
  description: "reads logs"

empty: {}
old_fields:
  indices: [ { names: [ a ], privileges: [ read ], fields: [ b ] } ]
"""


def names(store: RoleStore) -> list[str]:
    return [name for name in store.names() if name not in RESERVED_NAMES]


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "roles.yml"
    path.write_bytes(GOOD)
    store = RoleStore.load(path)
    assert store.problems == ()
    reader = store.get("logs_reader")
    assert reader is not None
    assert reader.cluster == ("monitor",)
    logs, year, metrics = reader.indices
    assert logs.names == ("logs-*", "/metrics-[0-9]+/")
    assert (year.names, year.query) == (("2024",), '{"match": {"team": "a"}}')
    assert metrics.query == '{"range":{"level":{"gte":16,"lt":150.0}}}'
    assert reader.run_as == ("other",)
    assert reader.metadata == {"version": 1}
    assert reader.applications[0].resources == ("*",)
    assert reader.configurable_cluster == '{"application":{"manage":{"applications":["a"]}}}'
    assert reader.remote_indices[0].clusters == reader.remote_cluster[0].clusters == ("far",)
    assert reader.description == "reads logs"
    old = store.get("old_fields")
    assert old is not None
    assert old.indices[0].field_security.grant == ("b",)
    assert store.get("nothing") is None
    assert store.get("superuser") is not None
    assert {"logs_reader", "empty", "superuser", "viewer", "editor", "kibana_system"} <= set(store.names())


def test_a_missing_file_holds_no_role(tmp_path: Path) -> None:
    assert RoleStore.load(tmp_path / "none.yml").get("logs_reader") is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RoleFileError, match="Is a directory"):
        RoleStore.load(tmp_path)
    with pytest.raises(RoleFileError, match=r"roles.yml: not UTF-8 at byte \[0\]"):
        parse_role_file(b"\xff\n")


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"---\n"])
def test_empty_files(data: bytes) -> None:
    store = parse_role_file(data)
    assert (names(store), store.problems) == ([], ())


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\nbad: [", "roles.yml:2: "),
        (b"\n\nbad: 1\n", "roles.yml:3: invalid role definition [bad]. expected an object"),
        (b"- bad\n", "roles.yml:1: expected a role's name and what it may do"),
        (
            b"\nsuperuser: {}\n",
            "roles.yml:2: invalid role definition [superuser]. invalid role name - Role [superuser] is reserved",
        ),
        (
            b"kibana_admin: {}\n",
            "roles.yml:1: invalid role definition [kibana_admin]. invalid role name - Role [kibana_admin] is",
        ),
        (b"' a': {}\n", "roles.yml:1: invalid role definition [ a]. invalid role name - Role names must be at least 1"),
        (
            b"bad:\n  indices: [{names: 2024, privileges: [read]}]\n",
            "roles.yml:1: failed to parse indices privileges for role [bad]",
        ),
        (b"bad:\n  indices: [{names: [on], privileges: [read]}]\n", "roles.yml:1: failed to parse role [bad]: could not parse"),
        (
            b"bad:\n  indices: [{names: [x]}]\n",
            "roles.yml:1: failed to parse indices privileges for role [bad]. missing required [privileges]",
        ),
        (b"bad:\n  run_as: bob\n", "roles.yml:1: failed to parse role [bad]: could not parse"),
        (b"bad:\n  cluster: [all]\n\n# x\n  cluster: [all]\n", "roles.yml:5: Duplicate field 'cluster'"),
        (b"bad:\n  restriction: {workflows: [w]}\n", "roles.yml:1: failed to parse role [bad]. unexpected field [restriction]"),
        (b"bad:\n  cluster: &x [all]\n  run_as: *x\n", "roles.yml:3: aliases are not allowed"),
        (
            b"bad: {global: {unheard_of: {}}}\n",
            "roles.yml:1: failed to parse privilege. expected one of [application,profile,role]",
        ),
        (b"bad: {metadata: {a: .inf}}\n", "roles.yml:1: [.inf] is no number"),
        (b"bad: " + b"[" * 1200, "roles.yml:1: nested more than [100] deep"),
        (
            b"bad: {indices: [{names: [x, y], privileges: [read], query: '{\"has_child\": {}}'}]}\n",
            "roles.yml:1: invalid role definition [bad]. failed to validate query field. failed to parse field 'query' for indices [x,y] "
            "at index privilege [0] of role descriptor: has_child query isn't supported as part of a role query",
        ),
        (
            b"bad: {description: '" + b"x" * 1001 + b"'}\n",
            "roles.yml:1: invalid role definition [bad]. invalid description - Role description must be less than 1000 characters.",
        ),
    ],
)
def test_a_bad_role_is_skipped_and_named_with_its_line(data: bytes, problem: str) -> None:
    store = parse_role_file(data + b"\nlast: {cluster: [monitor]}\n")
    assert names(store) == ["last"]
    assert len(store.problems) == 1
    assert store.problems[0].startswith(problem)
    assert store.problems[0].endswith(". skipping role...")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("cluster: [monitr]", "unknown cluster privilege [monitr]"),
        ("indices: [{names: [x], privileges: [reed]}]", "unknown index privilege [reed]"),
        ("indices: [{names: ['/(/'], privileges: [read]}]", "The set of patterns [/(/] is invalid: unexpected"),
    ],
)
def test_what_refuses_its_users_is_told(body: str, problem: str) -> None:
    store = parse_role_file(f"bad: {{{body}}}\n".encode())
    assert names(store) == ["bad"]
    assert store.problems[0].startswith(f"roles.yml:1: role [bad] refuses every request of those who have it: {problem}")


def test_a_template_of_a_query_is_told() -> None:
    template = '{"template": {"source": {"term": {"owner": "{{_user.username}}"}}}}'
    store = parse_role_file(f"own: {{indices: [{{names: [x, y], privileges: [read], query: '{template}'}}]}}\n".encode())
    assert names(store) == ["own"]
    assert store.problems == (
        "roles.yml:1: role [own] refuses searches on indices [x,y]: its query is a template, which is not supported here",
    )


def test_of_two_roles_of_a_name_the_last_one_counts() -> None:
    store = parse_role_file(b"a: {cluster: [all]}\na: {cluster: [monitor]}\na: 1\n")
    role = store.get("a")
    assert role is not None
    assert role.cluster == ("monitor",)
    assert store.problems[0] == "roles.yml:2: role [a] is defined twice, this one counts"
    assert len(store.problems) == 2


def test_what_stands_behind_a_role_is_not_read_and_told() -> None:
    store = parse_role_file(b"{a: {cluster: [all]},\n b: {cluster: [all]}}\n")
    assert names(store) == ["a"]
    assert store.problems == ("roles.yml:2: what follows role [a] is not read, a role begins at the first column of a line",)


def test_all_problems_are_told_at_once() -> None:
    store = parse_role_file(b"a: 1\nb: {}\nc: {x: 1}\n", "here.yml")
    assert names(store) == ["b"]
    assert store.problems == (
        "here.yml:1: invalid role definition [a]. expected an object. skipping role...",
        "here.yml:3: failed to parse role [c]. unexpected field [x]. skipping role...",
    )


LINES = [line + "\n" for line in GOOD.decode().splitlines()]
SIGNS = [
    "a: ",
    "[",
    "]",
    "{",
    "}",
    "- ",
    "*x",
    "&x ",
    "!!int ",
    "!!float 'x' ",
    ": ",
    "? ",
    "---\n",
    "...\n",
    "\n  ",
    "|",
    ">",
    "%",
    "@",
]
ODDITIES = ['"\\UFFFFFFFF" ', "'", '"', "\t", "\x00", "\ud7ff", "\u2028", "9" * 5000, "0x", "1e999"]
PIECES = st.sampled_from([*LINES, *SIGNS, *ODDITIES])


@given(st.one_of(st.binary(max_size=200), st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=25).map("".join)))
@example('a: {metadata: {b: "\\UFFFFFFFF"}}\n')
@example("a: {metadata: {b: " + "9" * 5000 + "}}\n")
@example("a: {metadata: {b: 0x}}\n")
@example("a: {metadata: {b: !!int ''}}\n")
def test_whatever_is_in_a_file_it_gives_roles_and_problems(content: bytes | str) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    try:
        store = parse_role_file(data)
    except RoleFileError:
        return  # not UTF-8
    assert set(store.names()) >= RESERVED_NAMES
    assert all(problem.startswith("roles.yml:") for problem in store.problems)
