"""The options of a search body, checked: what the in-memory cluster does not have is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.backends.memory.refusals import illegal, invalid, unsupported
from gateway.backends.memory.sorting import Criterion, parse_sort
from gateway.backends.memory.suggest import SuggestRequest, parse_suggest
from protocol.errors import ElasticsearchException

DEFAULT_SIZE: Final = 10
_MAX_FLOAT: Final = 3.4028234663852886e38
DEFAULT_TRACK: Final = 10_000
"""Hits are counted exactly up to here unless ``track_total_hits`` says otherwise."""

_READ_BY_FETCH: Final = frozenset(
    {"_source", "fields", "docvalue_fields", "stored_fields", "highlight", "version", "seq_no_primary_term"}
)
_READ_HERE: Final = frozenset(
    {
        *("query", "post_filter", "min_score", "from", "size", "sort", "search_after", "track_total_hits", "track_scores"),
        *("terminate_after", "timeout", "collapse", "indices_boost", "aggs", "aggregations", "stats", "suggest"),
    }
)
_REFUSED: Final = frozenset(
    {
        *("script_fields", "runtime_mappings", "rescore", "profile", "slice", "pit", "scroll", "knn", "explain"),
        *("retriever", "rank", "sub_searches", "ext"),
    }
)


@dataclass(frozen=True, slots=True)
class SearchBody:
    """A search body, read."""

    source: Mapping[str, Any]
    """The body itself, for the fetch phase."""
    query: dict[str, Any] | None
    post_filter: dict[str, Any] | None
    aggregations: dict[str, Any] | None
    offset: int
    """``from``"""
    size: int
    sort: list[Criterion]
    search_after: list[Any] | None
    track_total: int | None
    """Count hits up to here; None: do not count. A huge number where all are to be counted."""
    track_all: bool
    """All hits are counted (``track_total_hits: true``)."""
    track_scores: bool
    min_score: float | None
    terminate_after: int
    collapse: str | None
    boosts: list[tuple[str, float]]
    """``indices_boost``: index names, aliases or patterns with their boosts; the first that fits holds."""
    suggest: SuggestRequest | None
    only_suggests: bool = False
    """Suggestions are all that is asked for: then no document is looked for."""

    @property
    def window(self) -> int:
        """How many hits each index must give."""
        return self.offset + self.size

    def only_suggesting(self) -> SearchBody:
        """The body itself, or one without hits where it asks for nothing but suggestions."""
        if self.suggest is None or self.query is not None or self.aggregations is not None:
            return self
        none: dict[str, Any] = {"match_none": {}}
        return replace(
            self, only_suggests=True, query=none, post_filter=None, min_score=None, offset=0, size=0, terminate_after=0
        )


def parse_body(source: Mapping[str, Any]) -> SearchBody:
    """Reads a search body in REST form. Raises ElasticsearchException."""
    for key, value in source.items():
        if key in _REFUSED:
            if value not in (None, False, {}, []):
                raise unsupported(key)
        elif key not in _READ_HERE and key not in _READ_BY_FETCH:
            raise ElasticsearchException("parsing_exception", f"Unknown key for a {_token(value)} in [{key}].")
    offset, size = _whole(source, "from", 0), _whole(source, "size", DEFAULT_SIZE)
    if offset < 0:
        raise illegal(f"[from] parameter cannot be negative but was [{offset}]")
    if size < 0:
        raise illegal(f"[size] parameter cannot be negative, found [{size}]")
    terminate_after = _whole(source, "terminate_after", 0)
    if terminate_after < 0:
        raise illegal("terminateAfter must be > 0")
    search_after = source.get("search_after")
    if search_after is not None and offset > 0:
        raise invalid("[from] parameter must be set to 0 when [search_after] is used")
    track_total, track_all = _track(source.get("track_total_hits"))
    min_score = source.get("min_score")
    return SearchBody(
        source=source,
        query=_object(source, "query"),
        post_filter=_object(source, "post_filter"),
        aggregations=_object(source, "aggs") or _object(source, "aggregations"),
        offset=offset,
        size=size,
        sort=parse_sort(source.get("sort")),
        search_after=search_after,
        track_total=track_total,
        track_all=track_all,
        track_scores=source.get("track_scores") is True,
        min_score=None if min_score is None else _decimal(min_score, "min_score"),
        terminate_after=terminate_after,
        collapse=_collapse(source.get("collapse")),
        boosts=_boosts(source.get("indices_boost")),
        suggest=parse_suggest(source.get("suggest")),
    )


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if value is None:
        return "VALUE_NULL"
    names = {str: "VALUE_STRING", int: "VALUE_NUMBER", float: "VALUE_NUMBER", dict: "START_OBJECT", list: "START_ARRAY"}
    return names.get(type(value), "VALUE_STRING")


def _object(source: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    value = source.get(key)
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise ElasticsearchException("parsing_exception", f"Unknown key for a {_token(value)} in [{key}].")
    return value


def _whole(source: Mapping[str, Any], key: str, default: int) -> int:
    value = source.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ElasticsearchException("parsing_exception", f"Unknown key for a {_token(value)} in [{key}].")
    try:
        return int(value)
    except ValueError:
        raise ElasticsearchException("number_format_exception", f'For input string: "{value}"') from None


def _decimal(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ElasticsearchException("parsing_exception", f"Unknown key for a {_token(value)} in [{key}].")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ElasticsearchException("number_format_exception", f'For input string: "{value}"') from None


def _track(value: Any) -> tuple[int | None, bool]:
    if value is None:
        return DEFAULT_TRACK, False
    if value is True or value == "true":
        return 1 << 62, True
    if value is False or value == "false":
        return None, False
    try:
        limit = int(value)
    except (TypeError, ValueError):
        raise ElasticsearchException("number_format_exception", f'For input string: "{value}"') from None
    if limit == -1:
        return None, False
    if limit < -1:
        raise illegal(f"[track_total_hits] parameter must be positive or equals to -1, got {limit}")
    # Integer.MAX_VALUE is how `true` travels.
    return limit, limit >= (1 << 31) - 1


def _collapse(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ElasticsearchException("parsing_exception", f"Unknown key for a {_token(value)} in [collapse].")
    for key, given in value.items():
        if key in ("inner_hits", "max_concurrent_group_searches", "collapse"):
            if given and key != "max_concurrent_group_searches":
                raise unsupported(f"collapse.{key}")
        elif key != "field":
            raise ElasticsearchException("x_content_parse_exception", f"[1:1] [collapse] unknown field [{key}]")
    return str(value.get("field") or "")


def _boosts(value: Any) -> list[tuple[str, float]]:
    if not value:
        return []
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ElasticsearchException("parsing_exception", "Expected [START_OBJECT] in [indices_boost]")
    boosts = [(name, _decimal(boost, "indices_boost")) for entry in entries for name, boost in entry.items()]
    for name, boost in boosts:
        if not 0 <= boost <= _MAX_FLOAT:
            raise illegal(f"[indices_boost] of [{name}] must be a positive number of single precision, got [{boost}]")
    return boosts
