"""A request as REST has it, and back from the message that it became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from protocol.messages.common import TimeUnit, TimeValue
from protocol.messages.options import IndicesOptions
from protocol.rest.parameters import Given
from protocol.rest.places import Body, Place, illegal, suggestion, token_of
from protocol.rest.syntax import decoded

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """The index expressions of the path, the URL's parameters, the body (text, or parsed), and for a get the document's id."""

    indices: Sequence[str] = ()
    params: Given = field(default_factory=dict)
    body: Mapping[str, Any] | str | bytes = b""
    id: str | None = None

    @property
    def path(self) -> str:
        return f"/{','.join(self.indices)}" if self.indices else ""

    def parsed(self) -> tuple[Mapping[str, Any], Place]:
        """The body, and the place that it is. Raises ElasticsearchException where it is not a JSON object."""
        return parsed(self.body)


def count_call(call: Call) -> Call:
    """The search that a ``_count`` is. Raises ElasticsearchException for a body with more than a query."""
    body, place = call.parsed()
    for name in body:
        if name != "query":
            raise place.parsing(f"request does not support [{name}]")
    return replace(call, params={**call.params, "size": 0, "track_total_hits": True})


def parsed(body: Mapping[str, Any] | str | bytes) -> tuple[Mapping[str, Any], Place]:
    """A body and the place that it is; none is an empty one. Raises ElasticsearchException."""
    if isinstance(body, Mapping):
        return body, Place(Body(body))
    text = body if isinstance(body, str) else bytes(body).decode("utf-8", "replace")
    place = Place(Body(text))
    if not text.strip():
        return {}, place
    value = decoded(text, place)
    if not isinstance(value, dict):
        raise place.parsing(f"Expected [START_OBJECT] but found [{token_of(value)}]")
    return value, place


def members(value: Mapping[str, Any], place: Place, parser: str, known: Sequence[str]) -> None:
    """Refuse members that an ``ObjectParser`` does not know."""
    for name in value:
        if name not in known:
            raise place.at(name).x_content(f"[{parser}] unknown field [{name}]{suggestion(name, known)}", "key")


_SUFFIXES = {
    TimeUnit.NANOSECONDS: "nanos",
    TimeUnit.MICROSECONDS: "micros",
    TimeUnit.MILLISECONDS: "ms",
    TimeUnit.SECONDS: "s",
    TimeUnit.MINUTES: "m",
    TimeUnit.HOURS: "h",
    TimeUnit.DAYS: "d",
}


def time_text(value: TimeValue) -> str:
    """A duration as a parameter."""
    return str(value.duration) if value.duration < 0 else f"{value.duration}{_SUFFIXES[value.unit]}"


def options_params(options: IndicesOptions, defaults: IndicesOptions) -> dict[str, str]:
    """The parameters that make these options of the defaults. Raises ElasticsearchException for options without a parameter."""
    params: dict[str, str] = {}
    states = [state for state in ("open", "closed", "hidden") if getattr(options, f"expand_{state}")]
    if states != [state for state in ("open", "closed", "hidden") if getattr(defaults, f"expand_{state}")]:
        params["expand_wildcards"] = ",".join(states) or "none"
    for each in fields(options):
        value = getattr(options, each.name)
        if each.name.startswith("expand_") or value == getattr(defaults, each.name):
            continue
        if each.name not in ("ignore_unavailable", "allow_no_indices", "ignore_throttled"):
            raise illegal(f"[indices_options] with [{each.name}] has no form in REST")
        params[each.name] = "true" if value else "false"
    return params


def text_params(**values: Any) -> dict[str, str]:
    """Parameters of the values that are not None."""
    shown = {True: "true", False: "false"}
    return {
        name: shown[value] if isinstance(value, bool) else ",".join(value) if isinstance(value, list) else str(value)
        for name, value in values.items()
        if value is not None
    }
