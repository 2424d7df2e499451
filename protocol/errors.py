"""What the protocol raises."""

from __future__ import annotations


class WireError(Exception):
    """Bytes that are not what the protocol says they should be. The only exception that reading untrusted bytes may raise."""
