"""Just enough of DER to read names out of a certificate as they were written.

``cryptography`` gives values without the type that they were encoded in, which Java's forms of a name depend on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
SET = 0x31
CONSTRUCTED = 0x20
VERSION_OF_CERTIFICATE = 0xA0


class DerError(ValueError):
    """Bytes that are not DER."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    encoded: bytes

    @property
    def constructed(self) -> bool:
        return bool(self.tag & CONSTRUCTED)

    def children(self, tag: int | None = None) -> list[Element]:
        """The elements within. Raises DerError, also where this element has not the ``tag`` that it must have."""
        if tag is not None and self.tag != tag:
            raise DerError(f"an element of tag [{self.tag}] where [{tag}] was expected")
        return list(elements(self.content))

    def object_identifier(self) -> str:
        """Dotted. Raises DerError."""
        if self.tag != OBJECT_IDENTIFIER or not self.content or self.content[-1] & 0x80:
            raise DerError("not an object identifier")
        arcs: list[int] = []
        value = 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def elements(data: bytes) -> Iterator[Element]:
    """The elements that follow one another in ``data``. Raises DerError."""
    start = 0
    while start < len(data):
        element = _read(data, start)
        yield element
        start += len(element.encoded)


def element(data: bytes) -> Element:
    """The one element that ``data`` is. Raises DerError."""
    found = _read(data, 0)
    if len(found.encoded) != len(data):
        raise DerError("bytes after the end of an element")
    return found


def subject_of(to_be_signed: bytes) -> Element:
    """The subject in the signed part of a certificate. Raises DerError."""
    fields = element(to_be_signed).children(SEQUENCE)
    # version (when not 1), serial number, algorithm, issuer, validity, subject
    place = 5 if fields and fields[0].tag == VERSION_OF_CERTIFICATE else 4
    if len(fields) <= place:
        raise DerError("a certificate without a subject")
    return fields[place]


def _read(data: bytes, start: int) -> Element:
    if len(data) - start < 2 or data[start] & 0x1F == 0x1F:
        raise DerError("cut off, or a tag of more than one byte")
    size, place = data[start + 1], start + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or len(data) - place < count:
            raise DerError("a length that is not understood")
        size, place = int.from_bytes(data[place : place + count]), place + count
    if len(data) - place < size:
        raise DerError("an element that is cut off")
    return Element(data[start], data[place : place + size], data[start : place + size])
