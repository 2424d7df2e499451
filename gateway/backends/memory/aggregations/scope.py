"""What every aggregator works on: an index, the rows of one of its tables, and the buckets that they fall into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.columns import Rows
from gateway.backends.memory.index import Index
from gateway.backends.memory.matches import Matches
from gateway.backends.memory.table import Table
from protocol.errors import ElasticsearchException
from protocol.messages.aggregations.base import InternalAggregation
from protocol.messages.common import SearchShardTarget

Ints = NDArray[np.int64]

MAX_BUCKETS: Final = 65_536
"""``search.max_buckets``: the most buckets that one search may make."""


def illegal(reason: str, cause: ElasticsearchException | None = None) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason, cause, status=400)


def too_many_buckets(what: str, limit: int) -> ElasticsearchException:
    return ElasticsearchException(
        "too_many_buckets_exception",
        f"Trying to create too many buckets. {what}. This limit can be set by changing the [search.max_buckets] cluster level setting.",
        status=400,
        metadata={"es.max_buckets": [str(limit)]},
        details={"max_buckets": limit},
    )


class BucketLimit:
    """Counts the buckets of one search and stops it past the limit."""

    def __init__(self, limit: int = MAX_BUCKETS) -> None:
        self._limit = limit
        self._count = 0

    def add(self, buckets: int) -> None:
        """Raises ElasticsearchException (``too_many_buckets_exception``)."""
        self._count += buckets
        if self._count > self._limit:
            what = f"Must be less than or equal to: [{self._limit}] but this number of buckets was exceeded"
            raise too_many_buckets(what, self._limit)


@dataclass(frozen=True, slots=True)
class ShardContext:
    """One index (one shard, as Elasticsearch would say) and what the query found in it."""

    index: Index
    matches: Matches
    """The documents that the query matched, within the filters."""
    now_millis: int
    filters: tuple[dict[str, Any], ...] = ()
    """The filters of the alias that was searched; a ``global`` aggregation counts within them."""
    target: SearchShardTarget | None = None
    """Whose hits those of ``top_hits`` are; None where top_hits is refused."""
    query: dict[str, Any] | None = None
    """The search's query, for highlighting."""
    fields: Any = None
    """The search's ``fields``, which a top_hits without any of its own shows as well."""
    limit: BucketLimit = field(default_factory=BucketLimit)


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows of a table and the bucket (``owners``) that each falls into; a row may be there several times, in different buckets.

    ``owners`` is None where there is one bucket. ``span``: the rows are all rows of a part of the table in order, so that a column's
    values are a slice of it. ``totals``: how many rows each bucket has, where that has been counted already.
    """

    shard: ShardContext
    table: Table
    rows: Rows
    owners: Ints | None = None
    size: int = 1
    span: slice | None = None
    totals: Ints | None = None

    @staticmethod
    def of(shard: ShardContext) -> Scope:
        """All that the query matched, in one bucket."""
        rows = shard.matches.rows
        span = None
        if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):
            span = slice(int(rows[0]), int(rows[-1]) + 1)
        return Scope(shard, shard.index.root, rows, span=span)

    @property
    def places(self) -> slice | Rows:
        """What picks the rows out of an array that has one entry per row of the table."""
        return self.rows if self.span is None else self.span

    def empty(self) -> Scope:
        """No rows, one bucket: what an empty bucket's sub-aggregations see."""
        return replace(self, rows=self.rows[:0], owners=None, size=1, span=None, totals=None)

    def within(self, positions: NDArray[Any] | None, owners: Ints | None, size: int) -> Scope:
        """The rows at these positions (all for None), in other buckets."""
        if positions is None:
            return replace(self, owners=owners, size=size, totals=None)
        return replace(self, rows=self.rows[positions], owners=owners, size=size, span=None, totals=None)

    def owners_at(self, positions: NDArray[Any] | None) -> Ints | None:
        """The buckets of the rows at these positions (all for None)."""
        return self.owners if self.owners is None or positions is None else self.owners[positions]

    def counts(self) -> Ints:
        """How many rows each bucket has."""
        return count(self.owners, len(self.rows), self.size) if self.totals is None else self.totals


def count(owners: Ints | None, total: int, size: int) -> Ints:
    """How many entries each bucket has; all ``total`` are in one where ``owners`` is None."""
    return np.array([total], np.int64) if owners is None else np.bincount(owners, minlength=size)


Results = list[InternalAggregation]


class Aggregator(ABC):
    """One aggregation of a request, with those below it. It holds nothing of an index and can be used for many."""

    def __init__(self, name: str, metadata: dict[str, Any] | None, subs: Sequence[Aggregator] = ()) -> None:
        self.name = name
        self.metadata = metadata
        self.subs = subs

    @abstractmethod
    def collect(self, scope: Scope) -> Results:
        """The partial result for every bucket of the scope. Raises ElasticsearchException."""

    def collect_subs(self, scope: Scope) -> list[Results]:
        """The results of the sub-aggregations, for every bucket of the scope."""
        if not self.subs:
            return [[] for _ in range(scope.size)]
        columns = [sub.collect(scope) for sub in self.subs]
        return [list(row) for row in zip(*columns, strict=True)]

    def empty_subs(self, scope: Scope) -> Results:
        """The results of the sub-aggregations over no documents."""
        return [sub.collect(scope.empty())[0] for sub in self.subs]
