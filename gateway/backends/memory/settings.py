"""Index settings, as a create-index call has them: flattened to ``index.…`` and text. What would change a search is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.backends.memory.values import text_of
from protocol.errors import ElasticsearchException

_KNOWN: Final = frozenset(
    {
        "index.auto_expand_replicas",
        "index.codec",
        "index.creation_date",
        "index.default_pipeline",
        "index.hidden",
        "index.highlight.max_analyzed_offset",
        "index.mapping.total_fields.limit",
        "index.max_docvalue_fields_search",
        "index.max_result_window",
        "index.number_of_replicas",
        "index.number_of_shards",
        "index.priority",
        "index.provided_name",
        "index.query.default_field",
        "index.refresh_interval",
        "index.uuid",
        "index.version.created",
    }
)
_NUMBERS: Final = {
    "index.number_of_shards": 1024,
    "index.mapping.total_fields.limit": (1 << 31) - 1,
    "index.max_result_window": (1 << 31) - 1,
    "index.max_docvalue_fields_search": (1 << 31) - 1,
    "index.highlight.max_analyzed_offset": (1 << 31) - 1,
}
"""Settings that must be whole numbers from 1 on, and their highest values."""
_WITHOUT_EFFECT: Final = (
    "index.lifecycle.",
    "index.merge.",
    "index.routing.",
    "index.store.",
    "index.translog.",
    "index.unassigned.",
)
"""Settings of storing and placing an index, which this backend has no use for."""


def parse_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Flat settings by full name; values are texts, or lists of them. Raises ElasticsearchException (illegal_argument_exception)."""
    found: dict[str, Any] = {}
    for name, value in _flat(settings, ""):
        full = name if name.startswith("index.") else f"index.{name}"
        if full not in _KNOWN and not full.startswith(_WITHOUT_EFFECT):
            raise ElasticsearchException(
                "illegal_argument_exception", f"the setting [{full}] is not supported by the in-memory cluster", status=400
            )
        found[full] = [text_of(item) for item in value] if isinstance(value, list) else text_of(value)
    for name, highest in _NUMBERS.items():
        value = found.get(name, "1")
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and 1 <= int(value) <= highest):
            raise ElasticsearchException(
                "illegal_argument_exception", f"Failed to parse value [{value}] for setting [{name}]", status=400
            )
    if found.get("index.hidden", "false") not in ("true", "false"):
        raise ElasticsearchException(
            "illegal_argument_exception",
            f"Failed to parse value [{found['index.hidden']}] as only [true] or [false] are allowed.",
            status=400,
        )
    return found


def _flat(settings: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value
