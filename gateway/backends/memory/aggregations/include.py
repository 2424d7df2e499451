"""The ``include`` and ``exclude`` of a terms aggregation: which terms may become buckets (``IncludeExclude``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.backends.memory.aggregations.scope import illegal
from gateway.backends.memory.aggregations.sources import Source, parse_value
from gateway.backends.memory.dictionary import TermDictionary
from gateway.backends.memory.queries.regexp import regexp_language, term_automaton
from protocol.rest.texts import address_text
from protocol.sketches.hyperloglog import hash_longs, murmur3_32

_PARTITION_SEED = 31
"""Every shard must put a term into the same partition, so the seed of the hash is fixed."""

Accepted = NDArray[np.bool_]


def accepted_codes(name: str, body: dict[str, Any], source: Source, keys: Sequence[Any]) -> Accepted | None:
    """Which of the keys may become buckets of the aggregation ``name``; None for all. Raises ElasticsearchException."""
    include, exclude = body.get("include"), body.get("exclude")
    if isinstance(include, dict):
        if exclude is not None:
            raise illegal("Cannot specify any excludes when using a partition-based include")
        return _partition(include, source, keys)
    accepted: Accepted | None = None
    if include is not None:
        accepted = _chosen(name, include, source, keys)
    if exclude is not None:
        rejected = _chosen(name, exclude, source, keys)
        accepted = ~rejected if accepted is None else accepted & ~rejected
    return accepted


def _chosen(name: str, wanted: Any, source: Source, keys: Sequence[Any]) -> Accepted:
    if isinstance(wanted, str):
        if source.kind != "keyword":
            values, rest = ("", "") if source.kind == "ip" else ("numeric ", " used to filter numeric fields")
            raise illegal(
                f"Aggregation [{name}] cannot support regular expression style include/exclude settings as they can only be applied "
                f"to string fields. Use an array of {values}values for include/exclude clauses{rest}"
            )
        accepted = np.zeros(len(keys), np.bool_)
        accepted[TermDictionary(list(keys)).accepted(term_automaton(regexp_language(wanted), pattern=wanted))] = True
        return accepted
    if not isinstance(wanted, list):
        raise illegal(f"[include] and [exclude] take a regular expression or a list, not [{wanted}]")
    chosen = {parse_value(source, value, 0) for value in wanted}
    if source.kind == "ip":
        chosen = {address_text(value) for value in chosen}
    return np.fromiter((key in chosen for key in keys), np.bool_, len(keys))


def _partition(include: dict[str, Any], source: Source, keys: Sequence[Any]) -> Accepted:
    try:
        partition, partitions = int(include["partition"]), int(include["num_partitions"])
    except KeyError as error:
        raise illegal(f"Missing [{error.args[0]}] parameter for partition-based include") from None
    if not 0 <= partition < partitions:
        raise illegal(f"Partition must be >=0 and < numPartition which is {partitions}")
    if source.kind in ("keyword", "ip"):
        hashes = np.array([murmur3_32(key, _PARTITION_SEED) for key in source.keys], np.int64)
    elif source.kind == "double":
        raise illegal("partition-based include is not supported for decimal numbers")
    else:
        hashes = hash_longs(np.array(keys, np.int64)).view(np.int64)
    accepted: Accepted = hashes % partitions == partition
    return accepted
