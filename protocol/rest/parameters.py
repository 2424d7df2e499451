"""The parameters of a URL, as Elasticsearch's REST layer reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from protocol.errors import ElasticsearchException
from protocol.messages.common import TimeValue
from protocol.messages.options import IndicesOptions
from protocol.rest.places import alike, illegal, not_a_number
from protocol.rest.scalars import parse_boolean, parse_time

Given = Mapping[str, str | bool | int]

RESPONSE_PARAMETERS = frozenset({"error_trace", "filter_path", "format", "human", "pretty"})
"""What every call takes; it says how an answer is printed, which is not done here."""


class Parameters:
    """Parameters by name. Each is noted when it is asked for; :meth:`finish` refuses what nothing has asked for.

    A value may also be a bool or an int, which stand for their texts.
    """

    def __init__(self, given: Given, path: str) -> None:
        self._given = {
            name: ("true" if value else "false") if isinstance(value, bool) else str(value) for name, value in given.items()
        }
        self._consumed: set[str] = set()
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str) -> str | None:
        self._consumed.add(name)
        return self._given.get(name)

    def names(self, name: str) -> list[str] | None:
        """A list, parted by commas."""
        value = self.text(name)
        return None if value is None else split(value)

    def integer(self, name: str, default: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not value.lstrip("+-").isdigit() or not -(1 << 31) <= int(value) < 1 << 31:
            raise illegal(f"Failed to parse int parameter [{name}] with value [{value}]", not_a_number(value))
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean whose name alone switches it on."""
        value = self.text(name)
        return default if value is None else value == "" or parse_boolean(value)

    def boolean(self, name: str) -> bool | None:
        value = self.text(name)
        return parse_boolean(value) if value else None

    def time(self, name: str) -> TimeValue | None:
        value = self.text(name)
        return None if value is None else parse_time(value, name)

    def indices_options(self, defaults: IndicesOptions) -> IndicesOptions:
        """``expand_wildcards``, ``ignore_unavailable``, ``allow_no_indices`` and ``ignore_throttled``."""
        options = replace(defaults)
        states = self.names("expand_wildcards")
        if states is not None:
            options.expand_open = options.expand_closed = options.expand_hidden = False
            for state in states:
                _expand(options, state)
        for name in ("ignore_unavailable", "allow_no_indices", "ignore_throttled"):
            value = self.text(name)
            if value is not None:
                try:
                    setattr(options, name, parse_boolean(value))
                except ElasticsearchException as error:
                    raise illegal(f"Could not convert [{name}] to boolean", error) from None
        return options

    def finish(self, also: Iterable[str] = ()) -> None:
        """Refuse what was never asked for. ``also`` says how the answer is printed."""
        known = {*self._consumed, *also}
        unknown = sorted(self._given.keys() - known - RESPONSE_PARAMETERS)
        if not unknown:
            return
        told = []
        for name in unknown:
            names = alike(name, known)
            hint = f" -> did you mean {'any of ' if len(names) > 1 else ''}[{', '.join(names)}]?" if names else ""
            told.append(f"[{name}]{hint}")
        parameters = "parameters" if len(unknown) > 1 else "parameter"
        raise illegal(f"request [{self._path}] contains unrecognized {parameters}: {', '.join(told)}")

    def refuse_without(self, others: Iterable[str], missing: str) -> None:
        """Refuse parameters that mean something beside another only, which is not there."""
        lost = [other for other in others if self.text(other) is not None]
        if lost:
            raise illegal(f"request [{self._path}] contains parameters [{', '.join(lost)}] but missing {missing}")


def split(text: str) -> list[str]:
    """Parts between commas, without the empty ones."""
    return [part for part in text.split(",") if part]


def _expand(options: IndicesOptions, state: str) -> None:
    match state:
        case "all":
            options.expand_open = options.expand_closed = options.expand_hidden = True
        case "none":
            options.expand_open = options.expand_closed = options.expand_hidden = False
        case "open" | "closed" | "hidden":
            setattr(options, f"expand_{state}", True)
        case _:
            raise illegal(f"No valid expand wildcard value [{state}]")
