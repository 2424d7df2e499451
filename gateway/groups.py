"""Groups of exceptions, as nurseries raise them."""

from __future__ import annotations


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception in it that is no group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
