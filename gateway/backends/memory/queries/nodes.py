"""The query tree that is executed: compiled queries (see compiler.py) are made of these nodes and those of text.py.

Scores follow Lucene: sums are taken in float64 and rounded to float32 at each clause list; boosts multiply down to the leaves in float32.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Column, Mask, Rows
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.postings import Postings
from gateway.backends.memory.table import Table

Names = dict[str, Matches]
ONE: Final = np.float32(1)
_NO_PLACES: Final = np.empty(0, np.int64)
_SPARSE: Final = 4
"""Where rows are fewer than the table's by this factor, they are looked at one by one rather than masks of the whole table."""


class Node(ABC):
    """A query over one table."""

    @abstractmethod
    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        """What it matches, with scores multiplied by ``boost``; without ``scoring`` the scores are meaningless. Named queries put
        themselves into ``names``."""


@dataclass(slots=True)
class Filter(Node):
    """Any query that gives all its matches the same score (its boost): a range, a prefix, exists, all, none."""

    size: int
    find: Callable[[], Matches]
    found: Matches | None = None
    terms: Callable[[], tuple[Column | Postings, Iterable[int]]] | None = None
    """Where it finds terms: their column or postings and their numbers there, which is what highlighting marks."""

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - nothing to score or name
        if self.found is None:
            self.found = self.find()
        return self.found.constantly(float(boost))


@dataclass(slots=True)
class Nothing(Node):
    """Matches nothing."""

    size: int

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - nothing to score or name
        return Matches.none(self.size)


@dataclass(slots=True)
class Absent(Nothing):
    """Stands for a text without terms in a query string, where such a clause is left out rather than unmatched."""


@dataclass(slots=True)
class Everything(Node):
    """Matches all rows with the score 1."""

    size: int

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - the score is the boost
        return Matches(self.size, mask=np.ones(self.size, np.bool_), constant=float(boost))


@dataclass(slots=True)
class Boost(Node):
    """Multiplies the scores of a query."""

    inner: Node
    factor: np.float32

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        return self.inner.matches(np.float32(boost * self.factor), scoring, names)


@dataclass(slots=True)
class Constant(Node):
    """Gives all matches of a query the same score."""

    inner: Node

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - the inner query is not scored
        return self.inner.matches(ONE, False, names).constantly(float(boost))


@dataclass(slots=True)
class Named(Node):
    """Remembers what a query matched under its ``_name``."""

    inner: Node
    name: str

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        found = self.inner.matches(boost, scoring, names)
        names[self.name] = found
        return found


@dataclass(slots=True)
class Bool(Node):
    """Lucene's BooleanQuery. With neither ``must`` nor ``filters``, one ``should`` must match even where ``minimum`` is 0."""

    size: int
    must: list[Node] = field(default_factory=list)
    filters: list[Node] = field(default_factory=list)
    must_not: list[Node] = field(default_factory=list)
    should: list[Node] = field(default_factory=list)
    minimum: int = 0

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        filters = [node.matches(ONE, False, names) for node in self.filters]
        excluded = [node.matches(ONE, False, names) for node in self.must_not]
        required = [node.matches(boost, scoring, names) for node in self.must]
        optional = [node.matches(boost, scoring, names) for node in self.should]
        minimum = self.minimum or int(not (required or filters))
        if minimum > len(optional):
            return Matches.none(self.size)
        if minimum == len(optional) and optional:
            required, optional, minimum = required + optional, [], 0
        chosen: Matches | None = None
        if minimum:
            chosen = disjunction(self.size, optional, scoring, minimum)
            if not (required or filters):
                return _without(chosen, excluded)
        rows = _intersection(self.size, [*required, *filters, *([] if chosen is None else [chosen])], excluded)
        if not scoring:
            return rows.constantly(0.0)
        if not optional:
            return _with_sum(rows, required)
        held = rows.rows
        scores = _sum_at(held, required)
        extra = disjunction(self.size, optional, True, 1) if chosen is None else chosen
        if len(held):
            if chosen is not None:
                scores += extra.scores_at(held)
            else:
                mask = extra.mask[held]
                scores[mask] += extra.scores_at(held[mask])
        return Matches(self.size, rows=held, scores=scores)


def _without(found: Matches, excluded: Sequence[Matches]) -> Matches:
    for other in excluded:
        found = found.within(~other.mask)
    return found


def _intersection(size: int, parts: Sequence[Matches], excluded: Sequence[Matches]) -> Matches:
    """The rows that all ``parts`` have and none of ``excluded``; the score is the first part's constant, if it has one."""
    if not parts:
        mask = np.ones(size, np.bool_)
        for other in excluded:
            mask &= ~other.mask
        return Matches(size, mask=mask)
    # Narrow from the most selective list of rows, with the cheapest first; only lists that are shorter than the table pay off.
    first = min((part for part in parts if part.has_rows), key=len, default=None)
    if first is not None and len(first) * _SPARSE < size:
        rows = first.rows
        others = [part for part in parts if part is not first]
        for part in others:
            if (span := part.span) is not None:
                rows = rows[np.searchsorted(rows, np.int32(span.start)) : np.searchsorted(rows, np.int32(span.stop))]
        for part in others:
            if part.span is None:
                rows = rows[part.at(rows)]
        for other in excluded:
            rows = rows[~other.at(rows)]
        return Matches(size, rows=rows)
    if len(parts) == 1 and not excluded:
        return Matches(size, rows=parts[0].rows) if parts[0].has_rows else Matches(size, mask=parts[0].mask)
    mask = parts[0].mask & parts[1].mask if len(parts) > 1 else parts[0].mask.copy()
    for part in parts[2:]:
        mask &= part.mask
    for other in excluded:
        mask &= ~other.mask
    return Matches(size, mask=mask)


def _with_sum(found: Matches, parts: Sequence[Matches]) -> Matches:
    """The matches with the summed scores of ``parts``, all of which match them."""
    total = 0.0
    for part in parts:
        if part.constant is None:
            return Matches(found.size, rows=found.rows, scores=_sum_at(found.rows, parts))
        total += part.constant
    return found.constantly(total)


def _sum_at(rows: Rows, parts: Sequence[Matches]) -> NDArray[np.float32]:
    if len(parts) == 1:
        return parts[0].scores_at(rows).copy()
    total = np.zeros(len(rows), np.float64)
    for part in parts:
        total += part.constant if part.constant is not None else part.scores_at(rows)
    return total.astype(np.float32)


def disjunction(size: int, parts: Sequence[Matches], scoring: bool, minimum: int) -> Matches:
    """The rows that at least ``minimum`` of ``parts`` match, with the sum of their scores."""
    if len(parts) == 1:
        return parts[0]
    if minimum == 1 and not scoring:
        return Matches(size, mask=union(size, parts))
    if all(part.has_rows for part in parts):
        return _listed_disjunction(size, parts, minimum)
    total = np.zeros(size, np.float64)
    for part in parts:
        if part.constant is None:
            total[part.rows] += part.scores
        elif part.has_rows:
            total[part.rows] += part.constant
        else:
            total += part.mask * part.constant
    if minimum == 1:
        mask = union(size, parts)
    else:
        count = np.zeros(size, np.int32)
        for part in parts:
            count += part.mask
        mask = count >= minimum
    rows = np.flatnonzero(mask).astype(np.int32)
    return Matches(size, rows=rows, scores=total[rows].astype(np.float32))


def _listed_disjunction(size: int, parts: Sequence[Matches], minimum: int) -> Matches:
    """The same for lists of rows. The rows of the result are those of the first part, then what the second adds, and so on: to find the
    best few hits nobody needs them sorted."""
    places = np.zeros(size, np.int32)
    """Where each row stands in the result, plus one."""
    listed: list[Rows] = []
    sums: list[NDArray[np.float64]] = []
    counts: list[NDArray[np.int32]] = []
    taken = 0
    for part in parts:
        rows, scores = part.in_any_order()
        held = places[rows]
        known = np.flatnonzero(held) if taken else _NO_PLACES
        weights = scores.astype(np.float64)
        if len(known):
            fresh = held == 0
            at = held[known] - 1
            added = weights[known]
            rows, weights = rows[fresh], weights[fresh]
            if len(sums) > 1:
                sums = [np.concatenate(sums)]
                counts = [np.concatenate(counts)]
            sums[0][at] += added
            counts[0][at] += 1
        places[rows] = np.arange(taken + 1, taken + len(rows) + 1, dtype=np.int32)
        taken += len(rows)
        listed.append(rows)
        sums.append(weights)
        counts.append(np.ones(len(rows), np.int32))
    rows, total = np.concatenate(listed), np.concatenate(sums).astype(np.float32)
    if minimum > 1:
        enough = np.concatenate(counts) >= minimum
        rows, total = rows[enough], total[enough]
    return Matches(size, rows=rows, scores=total, in_order=False)


def union(size: int, parts: Sequence[Matches]) -> Mask:
    """bool[size]: the rows that any of ``parts`` matches."""
    mask = np.zeros(size, np.bool_)
    for part in parts:
        if part.has_rows:
            mask[part.rows] = True
        else:
            mask |= part.mask
    return mask


@dataclass(slots=True)
class DisMax(Node):
    """The best score of several queries, plus ``tie`` times the sum of the others."""

    size: int
    inner: list[Node]
    tie: float = 0.0

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        parts = [node.matches(boost, scoring, names) for node in self.inner]
        if not parts:
            return Matches.none(self.size)
        if len(parts) == 1:
            return parts[0]
        mask = union(self.size, parts)
        if not scoring:
            return Matches(self.size, mask=mask)
        best = np.zeros(self.size, np.float64)
        total = np.zeros(self.size, np.float64)
        for part in parts:
            if part.constant is None:
                best[part.rows] = np.maximum(best[part.rows], part.scores)
                total[part.rows] += part.scores
            else:
                spread = part.dense()
                np.maximum(best, spread, out=best)
                total += spread
        rows = np.flatnonzero(mask).astype(np.int32)
        top = best[rows]
        scores = top + (total[rows] - top) * np.float32(self.tie) if self.tie else top
        return Matches(self.size, rows=rows, scores=scores.astype(np.float32))


@dataclass(slots=True)
class Boosting(Node):
    """Demotes what the negative query matches by a factor."""

    positive: Node
    negative: Node
    factor: np.float32

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:
        found = self.positive.matches(boost, scoring, names)
        if not scoring:
            return found
        demoted = self.negative.matches(ONE, False, names).mask[found.rows]
        return Matches(found.size, rows=found.rows, scores=np.where(demoted, found.scores * self.factor, found.scores))


@dataclass(slots=True)
class Nested(Node):
    """Joins a query on nested objects to the rows that hold them. ``mode`` is avg, max, min, sum or none."""

    table: Table
    parent: Table
    inner: Node
    mode: str

    def matches(self, boost: np.float32, scoring: bool, names: Names) -> Matches:  # noqa: ARG002 - names are of the inner level
        inner_scoring = scoring and self.mode != "none"
        found = self.inner.matches(boost, inner_scoring, {})
        parents = self.parents_of(found.rows)
        if not inner_scoring:
            mask = np.zeros(self.parent.rows, np.bool_)
            mask[parents] = True
            return Matches(self.parent.rows, mask=mask, constant=0.0)
        if not len(parents):
            return Matches.none(self.parent.rows)
        first = np.ones(len(parents), np.bool_)
        first[1:] = parents[1:] != parents[:-1]
        starts = np.flatnonzero(first)
        scores = found.scores.astype(np.float64)
        if self.mode == "max":
            joined = np.maximum.reduceat(scores, starts)
        elif self.mode == "min":
            joined = np.minimum.reduceat(scores, starts)
        else:
            joined = np.add.reduceat(scores, starts)
            if self.mode == "avg":
                joined /= np.diff(np.append(starts, len(parents)))
        return Matches(self.parent.rows, rows=parents[starts], scores=joined.astype(np.float32))

    def parents_of(self, rows: Rows) -> Rows:
        """The row of ``parent`` that each nested row lies in; ``parent`` may be several levels up."""
        table: Table = self.table
        while table is not self.parent:
            rows = table.parents[rows]
            if table.parent is None:
                break
            table = table.parent
        return rows
