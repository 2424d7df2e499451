"""Which IP addresses a text begins. The answers of a real node in the vectors of terms enumerations judge the odd ones."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.memory.address_prefixes import address_prefix
from gateway.backends.memory.values import parse_address


@given(st.ip_addresses(v=4), st.integers(1, 15))
def test_all_that_an_address_begins_with(address: ipaddress.IPv4Address, size: int) -> None:
    text = str(address)
    assert address_prefix(text[:size])(parse_address(text))


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_nothing_that_it_does_not_begin_with(first: ipaddress.IPv4Address, second: ipaddress.IPv4Address) -> None:
    for size in range(1, len(str(first)) + 1):
        begun = str(first)[:size]
        assert address_prefix(begun)(parse_address(str(second))) == str(second).startswith(begun)


@given(st.ip_addresses(v=6), st.integers(1, 39))
def test_all_that_a_long_address_begins_with(address: ipaddress.IPv6Address, size: int) -> None:
    text = ":".join(group.lstrip("0") or "0" for group in address.exploded.split(":"))[:size]
    if text.strip("0"):
        assert address_prefix(text)(address.packed)


@pytest.mark.parametrize("text", ["2001:db8:1::", "2001:db8:", "2001:d", "::1", "1::2:", "2001:db8:1::10.1"])
def test_groups_that_are_left_out(text: str) -> None:
    whole = {
        "2001:db8:1::": "2001:db8:1::5",
        "2001:db8:": "2001:db8::",
        "2001:d": "2001:d00::1",
        "::1": "::1:2",
        "1::2:": "1::2:3",
    }
    assert address_prefix(text)(ipaddress.IPv6Address(whole.get(text, "2001:db8:1::a01:203")).packed)


@pytest.mark.parametrize("text", [":" * 5000, "1:" * 5000, "0" * 5000, "1.2.3." * 1000, "a::" * 3000, ("f:" * 3 + ":") * 2000])
def test_long_texts_take_no_time(text: str) -> None:
    keys = [bytes(16), b"\xff" * 16, bytes(15) + b"\x01", bytes(10) + b"\xff\xff\x01\x02\x03\x04"]
    began = time.process_time()
    matches = address_prefix(text)
    assert [matches(key) for key in keys] == [text == ":" * 5000 and not any(key) for key in keys]
    assert time.process_time() - began < 2
