"""The order in which Java's ``HashSet`` goes through texts: names that a wildcard brings, and those that a refusal lists, are in it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def hash_order(names: Iterable[str]) -> list[str]:
    """Distinct names as a ``HashSet`` to which they were added in this order: by bucket, then as they were added."""
    distinct = list(dict.fromkeys(names))
    buckets = 16
    while len(distinct) > buckets * 3 // 4:
        buckets *= 2
    return sorted(distinct, key=lambda name: _spread(name) & (buckets - 1))


@lru_cache(65_536)
def _spread(name: str) -> int:
    code = 0
    if name.isascii():
        for unit in name.encode():
            code = (31 * code + unit) & 0xFFFFFFFF
    else:
        units = name.encode("utf-16-be", "surrogatepass")
        for high, low in zip(units[::2], units[1::2], strict=True):
            code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code ^ (code >> 16)
