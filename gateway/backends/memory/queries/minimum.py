"""``minimum_should_match``."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from gateway.backends.memory.queries.nodes import Bool, Node
from protocol.errors import ElasticsearchException

_AROUND_LESS: Final = re.compile(r"\s+<\s*|\s*<\s+")
_INTEGER: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)


def minimum_should_match(optional: int, spec: Any) -> int:
    """How many of ``optional`` clauses must match, by a specification as ``2``, ``-1``, ``75%``, or ``2<-25% 9<-3``.

    Raises ElasticsearchException (number_format_exception).
    """
    text = str(spec).strip()
    if "<" in text:
        result = optional
        for condition in _AROUND_LESS.sub("<", text).split(" "):
            bound, _, rest = condition.partition("<")
            if optional <= _integer(bound):
                return result
            result = minimum_should_match(optional, rest)
        return result
    if "%" in text:
        share = np.float32(optional * _integer(text[:-1])) * (np.float32(1) / np.float32(100))
        result = int(share) + (optional if share < 0 else 0)
    else:
        count = _integer(text)
        result = count + (optional if count < 0 else 0)
    return max(result, 0)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ElasticsearchException("number_format_exception", f'For input string: "{text}"', status=400)
    return int(text)


def with_minimum(node: Node, spec: Any) -> Node:
    """Applies a specification to a bool; another query stays as it is."""
    if spec is not None and isinstance(node, Bool):
        minimum = minimum_should_match(len(node.should), spec)
        if minimum > 0:
            node.minimum = minimum
    return node
