"""From settings as written to a validated model of them. See ``gateway.configuration.source`` for how they are written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from gateway.configuration.model import Group, setting_fields
from gateway.configuration.source import ConfigError, Written, did_you_mean, read_environment, read_file, split_list

M = TypeVar("M", bound=Group)


class Form(Generic[M]):
    """All settings of a model by their full dotted names. What an operator names in them has no dots, as in Elasticsearch, but for the
    members of groups that are ``dotted``."""

    def __init__(self, model: type[M], *, dotted: Collection[str] = ()) -> None:
        self._model = model
        self._all = dict(setting_fields(model))
        self._is_list = {name: is_list for name, is_list in self._all.items() if "*" not in name}
        self._named_by_operator = {
            re.compile(
                "\\.".join(
                    re.escape(part) if part != "*" else "(.+)" if name.partition(".*")[0] in dotted else r"([^.]+)"
                    for part in name.split(".")
                )
            ): name
            for name in self._all
            if "*" in name
        }

    def read(self, path: Path, environ: Mapping[str, str], *, overrides: bool) -> dict[str, Written]:
        """The settings of a file; with ``overrides``, environment variables over them. Raises ConfigError."""
        written = read_file(path, environ)
        if overrides:
            written |= read_environment(environ, self._is_list, [name for name, is_list in self._is_list.items() if is_list])
        return written

    def validate(self, written: Mapping[str, Written], folder: Path, origin: str) -> M:
        """Paths are relative to ``folder``; ``origin`` is named where a problem has no line. Raises ConfigError with every problem."""
        problems: list[str] = []
        tree: dict[str, Any] = {}
        for name in self._is_list:
            _put(
                tree, name.split("."), None
            )  # also the groups nothing is said of, so that their default paths are resolved as well
        for name, entry in written.items():
            path = self._path(name)
            if path is None:
                problems.append(f"{entry.where}: {self._unknown(name)}")
                continue
            form, parts = path
            value = entry.value
            if self._all[form]:
                value = split_list(value) if isinstance(value, str) else value
            elif not isinstance(value, str):
                problems.append(f"{entry.where}: setting [{name}] takes one value, not a list")
                continue
            _put(tree, parts, value)
        if problems:
            raise ConfigError(problems)
        try:
            return self._model.model_validate(tree, context={"folder": folder})
        except ValidationError as error:
            raise ConfigError([_problem(detail, written, origin) for detail in error.errors(include_input=False)]) from None

    def _path(self, name: str) -> tuple[str, list[str]] | None:
        """The form of a setting's name and the parts of it; None where there is no such setting."""
        if name in self._is_list:
            return name, name.split(".")
        for pattern, form in self._named_by_operator.items():
            if match := pattern.fullmatch(name):
                chosen = iter(match.groups())
                return form, [next(chosen) if part == "*" else part for part in form.split(".")]
        return None

    def _unknown(self, name: str) -> str:
        members = [known for known in self._all if known.startswith(f"{name}.")]
        if members:
            return f"[{name}] is a group of settings, not a setting; allowed are [{', '.join(members)}]"
        if ".keystore." in name or ".truststore." in name:
            return f"setting [{name}] is not supported: key stores are not read here; give PEM files instead"
        return f"unknown setting [{name}]{did_you_mean(name, self._is_list)}"


def where(written: Mapping[str, Written], name: str, origin: str) -> str:
    """The place of a setting, or of what could hold it."""
    return written[name].where if name in written else origin


def _put(tree: dict[str, Any], parts: list[str], value: str | list[str] | None) -> None:
    for group in parts[:-1]:
        tree = tree.setdefault(group, {})
    if value is not None:
        tree[parts[-1]] = value


def _problem(detail: Any, written: Mapping[str, Written], origin: str) -> str:
    # The location ends in the index of a list's item, which is no part of the name.
    name = ".".join(part for part in detail["loc"] if isinstance(part, str))
    cause = detail.get("ctx", {}).get("error")
    return f"{where(written, name, origin)}: setting [{name}]: {cause or detail['msg']}"
