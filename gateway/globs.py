"""Simple patterns, in which only ``*`` is special and stands for any text (Elasticsearch's ``Regex.simpleMatch``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

MAX_COMPILED: Final = 10_000
"""Compiled patterns to keep."""


def simple_match(pattern: str, name: str) -> bool:
    """Whether a pattern matches a whole name."""
    return glob(pattern).fullmatch(name) is not None


def is_simple_pattern(expression: str) -> bool:
    """Whether there is a ``*`` in it."""
    return "*" in expression


@lru_cache(MAX_COMPILED)
def glob(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern, for ``fullmatch``."""
    return joined([re.escape(part) for part in pattern.split("*")])


def joined(parts: Sequence[str]) -> re.Pattern[str]:
    """What matches these expressions with any text between them. The text that each matches must have one length only.

    The time that it takes is at most the length of the pattern times that of the name: the first place where a part fits is as good
    as any later one, so that none is tried again.
    """
    first, *rest = parts
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join([f"(?>.*?{part})" for part in middle if part]) + ".*" + last, re.DOTALL)
