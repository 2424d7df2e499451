"""The settings as written: a YAML file with flat or nested keys, and environment variables over it. Values stay text here.

The name of a variable is ``RCGATEWAY_`` and the name of the setting in upper case with ``_`` for each ``.``:
``RCGATEWAY_REMOTE_CLUSTER_PORT`` is ``remote_cluster.port``. A list is written with commas.
In the file ``${NAME}`` stands for an environment variable, and ``${NAME:other}`` for it or else the text after the colon.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ENVIRONMENT_PREFIX = "RCGATEWAY_"
# Variables with our prefix that name no setting: options of the command line.
RESERVED_VARIABLES = frozenset({"RCGATEWAY_CONFIG"})
# The deepest setting has six parts; a file nested deeper than this has an anchor that contains itself.
MAX_DEPTH = 20
MAX_FILE_SIZE = 1 << 20  # a settings file is a page; a megabyte is some other file given by mistake

_PLACEHOLDER = re.compile(r"\$\{([^}:]*)(?::([^}]*))?\}")


class ConfigError(Exception):
    """Settings that cannot be used. ``problems`` are whole sentences, each naming where, which setting and what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Written:
    """One setting as text, and where it stands (``gateway.yml:12`` or ``environment variable RCGATEWAY_X``)."""

    value: str | list[str]
    where: str


def read_file(path: Path, environ: Mapping[str, str]) -> dict[str, Written]:
    """The settings of a YAML file by their full dotted name. A setting without a value counts as not given."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
        if len(content) > MAX_FILE_SIZE:
            raise ConfigError([f"{path}: larger than {MAX_FILE_SIZE} bytes, this is not a settings file"])
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigError([f"cannot read the settings file {path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 text ({error.reason} at byte {error.start})"]) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError([f"{where}: not YAML: {error.problem or error.context}"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not YAML: {str(error).splitlines()[0]}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{path}: nested too deeply"]) from error
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == "tag:yaml.org,2002:null"):
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError([f"{path}:{root.start_mark.line + 1}: expected settings as `name: value` lines"])

    settings: dict[str, Written] = {}
    problems: list[str] = []
    for name, node in _leaves(root, "", str(path), problems, 0):
        where = f"{path}:{node.start_mark.line + 1}"
        if name in settings:
            problems.append(f"{where}: setting [{name}] is given twice, first at {settings[name].where}")
            continue
        try:
            value = _value(node, environ)
        except ValueError as error:
            problems.append(f"{where}: setting [{name}]: {error}")
            continue
        if value is not None:
            settings[name] = Written(value, where)
    if problems:
        raise ConfigError(problems)
    return settings


def read_environment(environ: Mapping[str, str], names: Collection[str], lists: Collection[str]) -> dict[str, Written]:
    """The settings given by environment variables; ``names`` are all that exist, ``lists`` those that hold several values."""
    by_variable = {variable_of(name): name for name in names}
    settings: dict[str, Written] = {}
    problems: list[str] = []
    for variable, value in sorted(environ.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in RESERVED_VARIABLES:
            continue
        name = by_variable.get(variable)
        if name is None:
            problems.append(f"environment variable {variable} names no setting{did_you_mean(variable, by_variable, '{}')}")
            continue
        settings[name] = Written(split_list(value) if name in lists else value, f"environment variable {variable}")
    if problems:
        raise ConfigError(problems)
    return settings


def variable_of(name: str) -> str:
    """The environment variable that overrides a setting."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "_")


def split_list(text: str) -> list[str]:
    """``a, b`` as a list; the empty text is the empty list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def did_you_mean(word: str, known: Collection[str], form: str = "[{}]") -> str:
    """`` did you mean [x]?`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f", did you mean {form.format(near[0])}?" if near else ""


def _leaves(
    node: yaml.MappingNode, prefix: str, path: str, problems: list[str], depth: int
) -> Iterator[tuple[str, yaml.ScalarNode | yaml.SequenceNode]]:
    if depth > MAX_DEPTH:
        problems.append(f"{path}:{node.start_mark.line + 1}: settings are nested more than {MAX_DEPTH} deep")
        return
    for key, value in node.value:
        where = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            problems.append(f"{where}: the name of a setting must be text")
            continue
        name = prefix + key.value
        if isinstance(value, yaml.MappingNode):
            yield from _leaves(value, f"{name}.", path, problems, depth + 1)
        else:
            yield name, value


def _value(node: yaml.ScalarNode | yaml.SequenceNode, environ: Mapping[str, str]) -> str | list[str] | None:
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else _substitute(node.value, environ)
    items: list[str] = []
    for item in node.value:
        if not isinstance(item, yaml.ScalarNode) or item.tag == "tag:yaml.org,2002:null":
            raise ValueError("a list may hold only single values")
        items.append(_substitute(item.value, environ))
    return items


def _substitute(text: str, environ: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        value = environ.get(match[1], match[2])
        if value is None:
            raise ValueError(f"could not resolve placeholder [{match[1]}]: there is no such environment variable")
        return value

    return _PLACEHOLDER.sub(replace, text)
