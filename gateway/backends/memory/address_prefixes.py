"""Which IP addresses a text begins: ``10.1`` begins 10.1.x.y as well as 10.19.x.y, ``2001:d`` all whose second group begins with a d.

As Elasticsearch's ``IpPrefixAutomatonUtil`` understands it, over the 16-byte form of addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_MAPPED: Final = bytes(10) + b"\xff\xff"
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,2})"
_IPV4: Final = re.compile(rf"({_NUMBER}\.)?({_NUMBER}\.)?({_NUMBER}\.)?({_NUMBER})?")
_BLOCK: Final = re.compile(rf"([a-f0-9]{{0,4}}:)|([a-f0-9]{{1,4}}\Z)|((?:{_NUMBER}\.){{1,3}}{_NUMBER}?\Z)")
_ANY: Final = b"[\\x00-\\xff]"
_ZEROS: Final = b"\\x00*"
_SIZE: Final = 16


def address_prefix(text: str) -> Callable[[bytes], bool]:
    """A test of 16-byte addresses. Nothing begins with a text that is not the beginning of an address."""
    if not text:
        return lambda _: True
    patterns = [
        pattern for pattern in (_whole_ipv4(text), _ipv6(text)) if pattern is not None
    ]  # an IPv4 text may also be the first group of an IPv6 address
    if not patterns:
        return lambda _: False
    compiled = re.compile(b"|".join(patterns))
    return lambda key: compiled.fullmatch(key) is not None


def _whole_ipv4(text: str) -> bytes | None:
    inner = _ipv4(text)
    return None if inner is None else re.escape(_MAPPED) + inner


def _ipv4(text: str) -> bytes | None:
    """A pattern of four bytes."""
    match = _IPV4.fullmatch(text)
    if match is None:
        return None
    parts: list[bytes] = []
    for group in match.groups():
        if group is None:
            continue
        number = int(group.rstrip("."))
        if number > 255:
            return None
        parts.append(_byte(number) if group.endswith(".") else _begun(number))
    return b"".join(parts) + _ANY * (4 - len(parts))


def _begun(number: int) -> bytes:
    """The bytes whose decimal digits begin with a number's."""
    digits = str(number)
    return b"[" + b"".join(_byte(each) for each in range(256) if str(each).startswith(digits)) + b"]"


def _ipv6(text: str) -> bytes | None:
    parts: list[bytes] = []
    groups = 0
    for group in _blocks(text):
        if "." in group:
            inner = _ipv4(group)
            if not groups or inner is None:
                return None
            parts.append(inner)
            groups += 2
            continue
        if not group.endswith(":"):
            # A leading zero begins IPv4 addresses only: all of them begin with zeros in this form.
            if not groups and not group.strip("0"):
                return None
            parts.append(_begun_group(group))
        elif len(group) > 1:
            number = int(group[:-1], 16)
            parts.append(_byte(number >> 8) + _byte(number & 255))
        elif parts[-1:] != [_ZEROS]:
            parts.append(_ZEROS)
        groups += 1
    if not parts or 2 * sum(part is not _ZEROS for part in parts) > _SIZE:
        return None
    return b"".join(parts) + (b"(?:" + _ANY + b")?") * (_SIZE - 2 * groups)


def _blocks(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while (match := _BLOCK.match(text, at)) is not None:
        found.append(match[0])
        at = match.end()
    return found if at == len(text) else []


def _begun_group(digits: str) -> bytes:
    """Two bytes that begin with hexadecimal digits, however many zeros are left out before them."""
    choices = []
    for zeros in range(5 - len(digits)):
        padded = "0" * zeros + digits
        low, high = int(padded.ljust(4, "0"), 16), int(padded.ljust(4, "f"), 16)
        if low >> 8 == high >> 8:
            choices.append(_byte(low >> 8) + _range(low & 255, high & 255))
        else:
            choices.append(_range(low >> 8, high >> 8) + _ANY)
    return b"(?:" + b"|".join(choices) + b")"


def _range(low: int, high: int) -> bytes:
    return b"[" + _byte(low) + b"-" + _byte(high) + b"]"


def _byte(number: int) -> bytes:
    return b"\\x%02x" % number
