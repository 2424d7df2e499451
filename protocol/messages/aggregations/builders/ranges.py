"""Requests for ranges."""

from __future__ import annotations

import math
from ipaddress import ip_network
from typing import Annotated, Any

from protocol.messages.aggregations.builders.base import ValuesSourceBuilder
from protocol.schema import Boolean, Codec, Double, Message, String, VInt, VLong, wire
from protocol.wire import Reader, Writer


def _members(body: Any, *allowed: str) -> dict[str, Any]:
    if not isinstance(body, dict) or body.keys() - set(allowed):
        raise ValueError(f"a range has {list(allowed)}, not [{body}]")
    return {name: value for name, value in body.items() if value is not None}


class _Range(Message):
    """Each bound as text where it was given so, as the number that is compared, and as the number that was given; the numbers are
    infinite where none was."""

    key: String | None = None
    from_as_str: String | None = None
    to_as_str: String | None = None
    from_: Double = -math.inf
    to: Double = math.inf
    original_from: Double | None = -math.inf
    original_to: Double | None = math.inf


def _bound(text: str | None, given: float | None, compared: float) -> str | float | None:
    number = compared if given is None else given
    return text if text is not None or math.isinf(number) else number


def _read_range(reader: Reader) -> dict[str, Any]:
    it = _Range.read(reader)
    shown = {
        "key": it.key,
        "from": _bound(it.from_as_str, it.original_from, it.from_),
        "to": _bound(it.to_as_str, it.original_to, it.to),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _write_range(writer: Writer, body: Any) -> None:
    given = _members(body, "key", "from", "to")
    it = _Range(key=None if "key" not in given else str(given["key"]))
    match given.get("from"):
        case str(text):
            it.from_as_str = text
        case int() | float() as number:
            it.from_ = it.original_from = float(number)
    match given.get("to"):
        case str(text):
            it.to_as_str = text
        case int() | float() as number:
            it.to = it.original_to = float(number)
    it.write(writer)


Ranges = Annotated[
    list[dict[str, Any]],
    Codec(
        lambda reader: reader.list(lambda: _read_range(reader)),
        lambda writer, ranges: writer.list(lambda body: _write_range(writer, body), ranges),
    ),
]
"""``{"key", "from", "to"}`` each, all optional; bounds are floats, or text in the field's format."""


class RangeBuilder(ValuesSourceBuilder, name="range"):
    ranges: Ranges = wire(default_factory=list)
    keyed: Boolean = False


class DateRangeBuilder(ValuesSourceBuilder, name="date_range"):
    ranges: Ranges = wire(default_factory=list)
    keyed: Boolean = False


class _IpRange(Message):
    key: String | None = None
    from_: String | None = None
    to: String | None = None


def _read_ip_range(reader: Reader) -> dict[str, str]:
    it = _IpRange.read(reader)
    return {name: value for name, value in (("key", it.key), ("from", it.from_), ("to", it.to)) if value is not None}


_AFTER_IPV4 = "::1:0:0:0"
"""What comes after 255.255.255.255, where IPv4 is mapped into IPv6."""


def _write_ip_range(writer: Writer, body: Any) -> None:
    given = _members(body, "key", "from", "to", "mask")
    if "mask" not in given:
        _IpRange(key=given.get("key"), from_=given.get("from"), to=given.get("to")).write(writer)
        return
    network = ip_network(given["mask"], strict=False)
    first, last = network[0], network[-1]
    from_ = None if network.version == 6 and int(first) == 0 else str(first)
    it = _IpRange(key=given.get("key", given["mask"]), from_=from_)
    if int(last) < (1 << last.max_prefixlen) - 1:
        it.to = str(last + 1)
    elif network.version == 4:
        it.to = _AFTER_IPV4
    it.write(writer)


IpRanges = Annotated[
    list[dict[str, str]],
    Codec(
        lambda reader: reader.list(lambda: _read_ip_range(reader)),
        lambda writer, ranges: writer.list(lambda body: _write_ip_range(writer, body), ranges),
    ),
]
"""``{"key", "from", "to"}`` each, all optional; a request may say ``mask``."""


class IpRangeBuilder(ValuesSourceBuilder, name="ip_range"):
    ranges: IpRanges = wire(default_factory=list)
    keyed: Boolean = False


class IpPrefixBuilder(ValuesSourceBuilder, name="ip_prefix"):
    prefix_length: VInt
    is_ipv6: Boolean = False
    min_doc_count: VLong = 1
    append_prefix_length: Boolean = False
    keyed: Boolean = False
