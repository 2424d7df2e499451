"""Roles by name: the reserved ones, and those of ``roles.yml`` in Elasticsearch's file format.

    logs_reader:
      cluster: [monitor]
      indices:
        - names: ["logs-*"]
          privileges: [read, view_index_metadata]

Elasticsearch skips a role that it cannot read and logs that. Here the file is refused whole, with all that is wrong in it: an operator
wants to know at once, and while a reload fails, the roles that were read before stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.authorization.descriptors import RoleDescriptor
from gateway.authorization.parsing import parse_role_descriptor, role_name_problem
from gateway.authorization.reserved_roles import RESERVED_NAMES, RESERVED_ROLES
from gateway.authorization.roles import DescriptorSet
from protocol.errors import ElasticsearchException

MAX_FILE_SIZE = 16 << 20
"""Bytes of a roles file. More has not been written by an operator."""
MAX_DESCRIPTION = 1000


class RoleFileError(Exception):
    """A roles file that cannot be used. ``problems`` has a line for each thing wrong, with the file's name and line number."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RoleStore:
    """Roles by name: reserved ones and those of a file. Immutable; a changed file makes a new one."""

    __slots__ = ("_roles",)

    def __init__(self, roles: Mapping[str, RoleDescriptor] | None = None) -> None:
        self._roles = {**(roles or {}), **RESERVED_ROLES}

    @classmethod
    def load(cls, path: Path) -> RoleStore:
        """From a roles file; a missing one holds no role. Raises RoleFileError."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise RoleFileError([f"{path}: {error.strerror or error}"]) from error
        return cls(parse_role_file(data, str(path)))

    def get(self, name: str) -> RoleDescriptor | None:
        return self._roles.get(name)

    def names(self) -> list[str]:
        return sorted(self._roles)


def parse_role_file(data: bytes, name: str = "roles.yml") -> dict[str, RoleDescriptor]:
    """The roles in a file's contents. ``name`` is what to call the file in messages. Raises RoleFileError."""
    if len(data) > MAX_FILE_SIZE:
        raise RoleFileError([f"{name}: the file has [{len(data)}] bytes, more than [{MAX_FILE_SIZE}]"])
    try:
        text = data.decode("utf-8")
        _refuse_aliases(text, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise RoleFileError([f"{name}: not UTF-8 at byte [{error.start}]"]) from error
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise RoleFileError([f"{name}{line}: {error.problem or error.context}"]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise RoleFileError([f"{name}: {error}"]) from error
    if root is None or root.tag == "tag:yaml.org,2002:null":
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise RoleFileError([f"{name}:{_line(root)}: expected roles by name"])
    roles: dict[str, RoleDescriptor] = {}
    problems: list[str] = []
    for key, value in root.value:
        where = f"{name}:{_line(key)}"
        try:
            role = _role(str(key.value), value)
        except _BadRoleError as problem:
            problems.append(f"{name}:{problem.line or _line(key)}: {problem}")
            continue
        if role.name in roles:
            problems.append(f"{where}: role [{role.name}] is defined twice")
        roles[role.name] = role
    if problems:
        raise RoleFileError(problems)
    return roles


class _BadRoleError(Exception):
    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def _refuse_aliases(text: str, name: str) -> None:
    """Elasticsearch's files have no aliases, and they let a small file mean a huge one."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = 0 if event.start_mark is None else event.start_mark.line + 1
            raise RoleFileError([f"{name}:{line}: aliases are not allowed"])


def _role(name: str, node: yaml.Node) -> RoleDescriptor:
    if (problem := role_name_problem(name)) is not None:
        raise _BadRoleError(f"invalid role definition [{name}]. invalid role name - {problem}")
    if name in RESERVED_NAMES:
        raise _BadRoleError(f"role [{name}] is reserved, it cannot be defined in a file")
    if not isinstance(node, yaml.MappingNode):
        raise _BadRoleError(f"invalid role definition [{name}]")
    body = _value(name, node)
    if "restriction" in body:
        raise _BadRoleError(f"failed to parse role [{name}]. unexpected field [restriction]")
    try:
        role = parse_role_descriptor(name, body)
        # Compiled only for its errors: unknown privileges and patterns that make no sense.
        DescriptorSet(name, (role,))
    except ElasticsearchException as error:
        reason = error.reason if error.cause is None else f"{error.reason}: {error.cause.reason}"
        raise _BadRoleError(f"{reason}") from error
    if len(role.description) > MAX_DESCRIPTION:
        raise _BadRoleError(f"role [{name}]: Role description must be less than {MAX_DESCRIPTION} characters.")
    return role


def _value(role: str, node: yaml.Node) -> Any:
    """Plain values, as the JSON parser would give them: a mapping's keys are text, and not given twice."""
    if isinstance(node, yaml.MappingNode):
        body: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _BadRoleError(f"invalid role definition [{role}]. a field name must be text", _line(key))
            if key.value in body:
                raise _BadRoleError(f"invalid role definition [{role}]. Duplicate field '{key.value}'", _line(key))
            body[key.value] = _value(role, value)
        return body
    if isinstance(node, yaml.SequenceNode):
        return [_value(role, item) for item in node.value]
    match node.tag:
        case "tag:yaml.org,2002:null":
            return None
        case "tag:yaml.org,2002:bool":
            # YAML 1.1's yes and on are text for Elasticsearch, which knows true and false only.
            lowered = node.value.lower()
            return lowered == "true" if lowered in ("true", "false") else node.value
        case "tag:yaml.org,2002:int" | "tag:yaml.org,2002:float" | "tag:yaml.org,2002:str" | "tag:yaml.org,2002:timestamp":
            # A number where text is expected (a role or index named 2024) is its text, as Elasticsearch reads it.
            return node.value
        case tag:
            raise _BadRoleError(f"invalid role definition [{role}]. unexpected tag [{tag}]", _line(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
