"""Roles by name: the reserved ones, and those of ``roles.yml`` in Elasticsearch's file format.

    logs_reader:
      cluster: [monitor]
      indices:
        - names: ["logs-*"]
          privileges: [read, view_index_metadata]

As in Elasticsearch, a role that cannot be read is skipped, and grants nothing; the others stand. What was skipped, and what will refuse the
requests of those who have it, is told as a list of problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.document_queries import parse_document_query
from gateway.authorization.local_roles import check_remote_privileges
from gateway.authorization.parsing import parse_role_descriptor, role_name_problem
from gateway.authorization.reserved_roles import RESERVED_NAMES, RESERVED_ROLES
from gateway.authorization.role_segments import BadSegmentError, NamedValue, Segment, read_segment, segments
from gateway.authorization.roles import DescriptorSet
from protocol.errors import ElasticsearchException

MAX_FILE_SIZE = 16 << 20
"""Bytes of a roles file. More has not been written by an operator."""
MAX_DESCRIPTION = 1000


class RoleFileError(Exception):
    """A roles file that cannot be read at all. ``problems`` has a line for each thing wrong, with the file's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RoleStore:
    """Roles by name: reserved ones and those of a file. Immutable; a changed file makes a new one.

    ``problems``: a line for each thing wrong in the file, with its name and line number.
    """

    __slots__ = ("_roles", "problems")

    def __init__(self, roles: Mapping[str, RoleDescriptor] | None = None, problems: Iterable[str] = ()) -> None:
        self._roles = {**(roles or {}), **RESERVED_ROLES}
        self.problems = tuple(problems)

    @classmethod
    def load(cls, path: Path) -> RoleStore:
        """From a roles file; a missing one holds no role. Raises RoleFileError."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise RoleFileError([f"{path}: {error.strerror or error}"]) from error
        return parse_role_file(data, str(path))

    def get(self, name: str) -> RoleDescriptor | None:
        return self._roles.get(name)

    def names(self) -> list[str]:
        return sorted(self._roles)


def parse_role_file(data: bytes, name: str = "roles.yml") -> RoleStore:
    """The roles in a file's contents. ``name`` is what to call the file in messages. Raises RoleFileError."""
    if len(data) > MAX_FILE_SIZE:
        raise RoleFileError([f"{name}: the file has [{len(data)}] bytes, more than [{MAX_FILE_SIZE}]"])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RoleFileError([f"{name}: not UTF-8 at byte [{error.start}]"]) from error
    roles: dict[str, RoleDescriptor] = {}
    problems: list[str] = []
    for segment in segments(text):
        try:
            problems += (f"{name}:{line}: {problem}" for line, problem in _add(roles, segment))
        except BadSegmentError as error:
            problems.append(f"{name}:{error.line}: {error}. skipping role...")
    return RoleStore(roles, problems)


def _add(roles: dict[str, RoleDescriptor], segment: Segment) -> Iterator[tuple[int, str]]:
    """Adds the segment's role and tells what is odd about it. Raises BadSegmentError for what is no role."""
    found = read_segment(segment)
    if found is None:
        return
    try:
        role = _role(found)
    except ElasticsearchException as error:
        reason = error.reason if error.cause is None else f"{error.reason}: {error.cause.reason}"
        raise BadSegmentError(reason or error.type, segment.line) from error
    if role.name in roles:
        yield segment.line, f"role [{role.name}] is defined twice, this one counts"
    if found.more is not None:
        yield found.more, f"what follows role [{role.name}] is not read, a role begins at the first column of a line"
    roles[role.name] = role
    if (problem := _problem_of_use(role)) is not None:
        yield segment.line, f"role [{role.name}] refuses every request of those who have it: {problem}"
    for entry in role.indices:
        if entry.query is not None and parse_document_query(entry.query).template:
            where = f"on indices [{','.join(entry.names)}]"
            yield (
                segment.line,
                f"role [{role.name}] refuses searches {where}: its query is a template, which is not supported here",
            )


def _role(found: NamedValue) -> RoleDescriptor:
    name = found.name
    if name in RESERVED_NAMES:
        _invalid(name, f"invalid role name - Role [{name}] is reserved and may not be used.")
    if (problem := role_name_problem(name)) is not None:
        _invalid(name, f"invalid role name - {problem}")
    if not isinstance(found.value, dict):
        _invalid(name, "expected an object")
    if "restriction" in found.value:
        raise ElasticsearchException("parse_exception", f"failed to parse role [{name}]. unexpected field [restriction]")
    role = parse_role_descriptor(name, _with_description(_without_2x_fields(found.value), found))
    for number, entry in enumerate(role.indices):
        if entry.query is not None and (refusal := parse_document_query(entry.query).problem) is not None:
            where = f"for indices [{','.join(entry.names)}] at index privilege [{number}] of role descriptor"
            _invalid(name, f"failed to validate query field. failed to parse field 'query' {where}: {refusal.reason}")
    if len(role.description) > MAX_DESCRIPTION:
        _invalid(name, f"invalid description - Role description must be less than {MAX_DESCRIPTION} characters.")
    return role


def _without_2x_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Files may still say ``fields: [a]`` for ``field_security: {grant: [a]}``."""
    return {
        key: [_with_field_security(entry) for entry in value]
        if key in ("indices", "index") and isinstance(value, list)
        else value
        for key, value in body.items()
    }


def _with_field_security(entry: Any) -> Any:
    # With both, which of them counts depends on their order there; parsing refuses that.
    if not isinstance(entry, dict) or "fields" not in entry or "field_security" in entry:
        return entry
    rest = {key: value for key, value in entry.items() if key != "fields"}
    return rest if entry["fields"] is None else {**rest, "field_security": {"grant": entry["fields"]}}


def _with_description(body: dict[str, Any], found: NamedValue) -> dict[str, Any]:
    """A description may look like a number."""
    if isinstance(body.get("description"), bool | int | float):
        return {**body, "description": found.texts["description"]}
    return body


def _problem_of_use(role: RoleDescriptor) -> str | None:
    """What Elasticsearch finds only when somebody has the role: unknown privileges, and name patterns that make no sense."""
    try:
        DescriptorSet(role.name, (role,))
        check_remote_privileges((role,))
    except ElasticsearchException as error:
        return error.reason if error.cause is None else f"{error.reason}: {error.cause.reason}"
    return None


def _invalid(name: str, problem: str) -> NoReturn:
    raise ElasticsearchException("parse_exception", f"invalid role definition [{name}]. {problem}")
