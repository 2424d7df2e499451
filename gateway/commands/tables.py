"""Hits as a table for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

MAX_COLUMNS: Final = 8
"""Fields that are shown where none are named."""
MAX_CELL: Final = 48
"""Characters of a cell where the fields are not named."""
_GAP: Final = "  "


def table(hits: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Iterator[str]:
    """A line for the names, and one for each hit; no line is longer than the terminal is wide."""
    rows = [dict(_leaves(hit.get("_source") or {}, "")) for hit in hits]
    names = list(fields) or list(dict.fromkeys(name for row in rows for name in row))[:MAX_COLUMNS]
    cells = [["_index", "_id", *names]]
    for hit, row in zip(hits, rows, strict=True):
        cells.append([str(hit["_index"]), str(hit.get("_id", "")), *(_text(row.get(name)) for name in names)])
    most = max(MAX_CELL, shutil.get_terminal_size().columns // 2) if fields else MAX_CELL
    widths = [min(max(map(len, column)), most) for column in zip(*cells, strict=True)]
    width = shutil.get_terminal_size().columns
    for line in cells:
        shown = _GAP.join(f"{_cut(cell, size):<{size}}" for cell, size in zip(line, widths, strict=True)).rstrip()
        yield _cut(shown, width)


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def _text(value: Any) -> str:
    """One line without control characters, which a terminal would obey."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else " " for char in text)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
