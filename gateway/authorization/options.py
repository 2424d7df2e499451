"""How a request wants its index expressions resolved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndicesOptions:
    """Elasticsearch's ``IndicesOptions``, as far as authorization looks at them; the defaults are those of a search.

    ``ignore_unavailable``: a name that is missing or not allowed is dropped instead of failing the request.
    ``allow_no_indices``: a wildcard that matches nothing is not an error. ``expand_open``, ``expand_closed``, ``expand_hidden``: what
    wildcards match; with neither open nor closed they are not expanded at all. ``ignore_aliases``: wildcards do not match aliases.
    ``allow_selectors``: ``name::data`` and ``name::failures`` may be used.
    """

    ignore_unavailable: bool = False
    allow_no_indices: bool = True
    expand_open: bool = True
    expand_closed: bool = False
    expand_hidden: bool = False
    ignore_aliases: bool = False
    allow_selectors: bool = True

    @property
    def expand_wildcards(self) -> bool:
        return self.expand_open or self.expand_closed


STRICT_EXPAND_OPEN = IndicesOptions()
LENIENT_EXPAND_OPEN = IndicesOptions(ignore_unavailable=True)
STRICT_SINGLE_INDEX = IndicesOptions(allow_no_indices=False, expand_open=False)
