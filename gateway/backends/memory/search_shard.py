"""The query phase over one index, which is one shard: which rows are found, in what order, and what aggregations make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations import needs_scores as scores_for_aggregations
from gateway.backends.memory.columns import Rows
from gateway.backends.memory.fields import METADATA
from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.queries import execute
from gateway.backends.memory.refusals import illegal
from gateway.backends.memory.search_body import SearchBody
from gateway.backends.memory.sort_keys import ScoreKey, SortKey, after, select, single, sortable
from gateway.backends.memory.sorting import check_after, compile_sort, document_numbers
from protocol.messages.aggregations.base import InternalAggregation

MAX_RESULT_WINDOW: Final = 10_000
"""index.max_result_window, by default."""
_COLLAPSIBLE: Final = frozenset({"keyword", "byte", "short", "integer", "long", "half_float", "float", "double", "scaled_float"})


@dataclass(slots=True)
class ShardHits:
    """What one index gives to a search, best first."""

    rows: Rows
    scores: NDArray[np.float32] | None
    """Aligned with ``rows``, where hits have scores."""
    sort_values: list[tuple[Any, ...]] | None
    """The raw sort values of each hit, where there is a sort."""
    keys: list[SortKey] | None
    total: int
    max_score: float
    terminated_early: bool | None
    matches: Matches
    groups: list[Any] | None = None
    """The raw value of each hit's collapse field."""
    aggregations: list[InternalAggregation] | None = None


Aggregate = Callable[[Index, Matches], list[InternalAggregation]]


def query_shard(
    index: Index,
    filters: tuple[dict[str, Any], ...],
    body: SearchBody,
    now_millis: int,
    boost: float,
    aggregate: Aggregate | None,
) -> ShardHits:
    """Runs the query, the sort and the aggregations. Raises ElasticsearchException: the shard's failure."""
    most = int(index.settings.get("index.max_result_window", MAX_RESULT_WINDOW))
    if body.window > most:
        raise illegal(
            f"Result window is too large, from + size must be less than or equal to: [{most}] but was [{body.window}]. "
            f"See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the "
            f"[index.max_result_window] index level setting."
        )
    keys = compile_sort(body.sort, index, now_millis)
    values = None if body.search_after is None else check_after(body.search_after, keys)
    if body.collapse is not None:
        _check_collapse(index, body, keys, values is not None)
    scored = keys is None or any(isinstance(key, ScoreKey) for key in keys) or body.track_scores
    needs_scores = (scored and body.size > 0) or body.min_score is not None or scores_for_aggregations(body.aggregations)
    query = body.query if boost == 1 else {"bool": {"must": [body.query or {"match_all": {}}], "boost": boost}}
    found = execute(index, query, now_millis=now_millis, needs_scores=needs_scores, filters=filters)
    if body.min_score is not None:
        found = _at_least(found, body.min_score)
    found, counted, terminated = _terminate(found, body, index, bool(filters))
    aggregations = aggregate(index, found) if aggregate is not None else None
    if body.post_filter is not None:
        narrowed = execute(index, body.post_filter, now_millis=now_millis, needs_scores=False)
        found = found.within(narrowed.mask)
        counted = len(found)
    hits = _top(found, keys, values, body, index, scored)
    hits.total, hits.terminated_early, hits.aggregations = counted, terminated, aggregations
    return hits


def _at_least(found: Matches, least: float) -> Matches:
    bound = single(least)
    if found.constant is not None:
        return found if found.constant >= bound else Matches.none(found.size).with_names(found.named)
    kept = found.scores >= bound
    return Matches(found.size, rows=found.rows[kept], scores=found.scores[kept], named=found.named)


def _terminate(found: Matches, body: SearchBody, index: Index, filtered: bool) -> tuple[Matches, int, bool | None]:
    """``terminate_after``: only the first documents count, except in a total that Lucene knows without looking at them."""
    total = len(found)
    if not body.terminate_after:
        return found, total, None
    known = not filtered and body.min_score is None and body.post_filter is None and _known_count(body.query, index)
    if body.size == 0 and body.aggregations is None and known:
        return found, total, False
    if total <= body.terminate_after:
        return found, total, False
    rows = found.rows[: body.terminate_after]
    scores = None if found.constant is not None else found.scores[: body.terminate_after]
    constant = found.constant if found.constant is not None else 1.0
    cut = Matches(found.size, rows=rows, scores=scores, constant=constant, named=found.named)
    return cut, total if known else body.terminate_after, True


def _known_count(query: dict[str, Any] | None, index: Index) -> bool:
    """Whether Lucene tells how many documents match without looking at them: all, those with a term, those with a number in a range."""
    if query is None or "match_all" in query:
        # Beside nested objects, which are documents too, the documents have to be looked for.
        return not index.tables
    ((kind, on), *_) = query.items()
    field = index.field(next((name for name in on if name not in ("boost", "_name")), "")) if isinstance(on, dict) else None
    if not index.all_live or kind not in ("term", "range") or field is None or field.nested is not None or not field.indexed:
        return False
    return kind == "term" or ((field.is_number or field.is_date) and index.root.column(field).single)


def _top(
    found: Matches, keys: list[SortKey] | None, values: list[Any] | None, body: SearchBody, index: Index, scored: bool
) -> ShardHits:
    hits = ShardHits(np.empty(0, np.int32), None, None, keys, 0, nan, None, found)
    if body.size == 0:
        return hits
    count = body.window
    if keys is None and body.collapse is None:
        hits.rows, hits.scores = _best(found, count)
        hits.max_score = float(hits.scores[0]) if len(hits.rows) else nan
        return hits
    rows = found.rows
    scores = found.scores if scored else None
    if scores is not None and len(rows) and (keys is None or body.track_scores):
        hits.max_score = float(scores.max())
    if values is not None and keys is not None:
        kept = after(rows, scores, keys, values)
        rows, scores = rows[kept], None if scores is None else scores[kept]
    order: list[SortKey] = keys if keys is not None else [ScoreKey(False)]
    if body.collapse:
        chosen, hits.groups = _collapsed(rows, scores, order, body.collapse, index, count)
    else:
        chosen = select(rows, scores, order, count)
    hits.rows, hits.scores = rows[chosen], None if scores is None else scores[chosen]
    if keys is not None:
        raw = [key.raw(hits.rows, hits.scores) for key in keys]
        hits.sort_values = list(zip(*raw, strict=True))
    return hits


def _best(found: Matches, count: int) -> tuple[Rows, NDArray[np.float32]]:
    """The rows with the highest scores, equal ones in their order."""
    if found.constant is not None:
        rows = found.rows[:count]
        return rows, np.full(len(rows), found.constant, np.float32)
    rows, scores = found.in_any_order()
    if len(rows) > count:
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        above = np.flatnonzero(scores > least)
        equal = np.flatnonzero(scores == least)
        left = count - len(above)
        if len(equal) > left:
            equal = equal[np.argsort(rows[equal])[:left]]
        places = np.concatenate([above, equal])
        rows, scores = rows[places], scores[places]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


# Collapse


def _check_collapse(index: Index, body: SearchBody, keys: list[SortKey] | None, after_given: bool) -> None:
    name = body.collapse
    if not name:
        raise illegal("no collapse field specified")
    field = index.field(name)
    if name in METADATA:
        raise illegal(f"collapse is not supported for the field [{name}] of the type [{name}]")
    if field is None:
        raise illegal(f"no mapping found for `{name}` in order to collapse on")
    if field.type not in _COLLAPSIBLE:
        raise illegal(f"collapse is not supported for the field [{field.name}] of the type [{field.type}]")
    if not field.doc_values:
        raise illegal(f"cannot collapse on field `{name}` without `doc_values`")
    if after_given and keys is not None and (len(keys) > 1 or keys[0].field.field != field.name):
        raise illegal(
            "Cannot use [collapse] in conjunction with [search_after] unless the search is sorted on the same field. "
            "Multiple sort fields are not allowed."
        )


def _collapsed(
    rows: Rows, scores: NDArray[np.float32] | None, order: list[SortKey], name: str, index: Index, count: int
) -> tuple[NDArray[np.int64], list[Any]]:
    """The first row of each group, in the order of the sort, and the groups' raw values."""
    field = index.field(name)
    assert field is not None  # noqa: S101 - checked before
    column = index.root.column(field)
    starts, ends = column.starts[rows], column.starts[rows + 1]
    if np.any(ends - starts > 1):
        number = int(document_numbers(index)[rows[np.argmax(ends - starts > 1)]])
        raise illegal(f"failed to extract doc:{number}, the grouping field must be single valued")
    held = ends > starts
    codes = np.full(len(rows), np.iinfo(np.int64).min, np.int64)
    if len(column.values):
        codes[held] = sortable(column.values[starts[held]])
    chosen = select(rows, scores, order, len(rows)) if len(rows) else np.empty(0, np.int64)
    # A document without a value is in the group of those without.
    _, first = np.unique(codes[chosen], return_index=True)
    chosen = chosen[np.sort(first)[:count]]
    groups: list[Any] = []
    for place in chosen.tolist():
        value = column.values[starts[place]] if held[place] else None
        if value is None:
            groups.append(None)
        elif column.by_ordinal:
            groups.append(column.terms[int(value)].encode("utf-8", "surrogatepass"))
        else:
            groups.append(_doc_value(field.type, value))
    return chosen, groups


def _doc_value(kind: str, value: Any) -> int:
    """A number as Lucene's doc values hold it: decimals by their sortable bits."""
    if kind in ("float", "half_float"):
        width, dtype = (np.float32, np.int32) if kind == "float" else (np.float16, np.int16)
        bits = int(np.array([value], width).view(dtype)[0])
        return bits ^ ((bits >> (31 if kind == "float" else 15)) & ((1 << (31 if kind == "float" else 15)) - 1))
    if kind in ("double", "scaled_float"):
        return int(sortable(np.array([value], np.float64))[0])
    return int(value)
