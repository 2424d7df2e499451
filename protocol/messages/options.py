"""IndicesOptions: how the names of indices in a request are to be understood."""

from __future__ import annotations

from typing import ClassVar

from protocol.errors import WireError
from protocol.schema import Boolean, Message
from protocol.wire import Reader, Writer

_OPTIONS = (
    "ignore_unavailable",
    "ignore_aliases",
    "allow_no_indices",
    "forbid_aliases_to_multiple_indices",
    "forbid_closed_indices",
    "ignore_throttled",
    "",  # ALLOW_FAILURE_INDICES: no node that speaks our transport versions sends it
    "allow_selectors",
    "include_failure_indices",
)
_STATES = ("expand_open", "expand_closed", "expand_hidden")


class IndicesOptions(Message):
    """Elasticsearch's ``IndicesOptions``. The defaults are those of a search."""

    ignore_unavailable: Boolean = False
    """Whether a concrete name that does not exist (or may not be seen) is left out instead of being an error."""
    allow_no_indices: Boolean = True
    """Whether a wildcard may match nothing."""
    expand_open: Boolean = True
    expand_closed: Boolean = False
    expand_hidden: Boolean = False
    ignore_aliases: Boolean = False
    forbid_aliases_to_multiple_indices: Boolean = False
    forbid_closed_indices: Boolean = True
    ignore_throttled: Boolean = True
    allow_selectors: Boolean = True
    """Whether ``name::selector`` may be given."""
    include_failure_indices: Boolean = False

    STRICT_EXPAND_OPEN: ClassVar[IndicesOptions]
    """The defaults of most other actions: closed indices are allowed, throttled ones not ignored."""

    @classmethod
    def read(cls, reader: Reader) -> IndicesOptions:
        """Two sets: the options that are on, the states that wildcards expand to."""
        chosen = dict.fromkeys((name for name in (*_OPTIONS, *_STATES) if name), False)
        for names in (_OPTIONS, _STATES):
            for _ in range(reader.size()):
                number = reader.vint()
                if not 0 <= number < len(names):
                    raise WireError(f"unknown indices option [{number}]")
                if names[number]:
                    chosen[names[number]] = True
        return cls(**chosen)

    def write(self, writer: Writer) -> None:
        for names in (_OPTIONS, _STATES):
            writer.list(writer.vint, [number for number, name in enumerate(names) if name and getattr(self, name)])


IndicesOptions.STRICT_EXPAND_OPEN = IndicesOptions(forbid_closed_indices=False, ignore_throttled=False)
