"""The msgpack that is spoken natively, against bytes from the msgpack specification and from hostile hands."""

from __future__ import annotations

import math
import struct
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WireError
from protocol.native.values import ANSWER_LIMITS, Limits, pack, unpack_untrusted

LIMITS = Limits()

SPECIFIED = [
    ("c0", None),
    ("c2", False),
    ("c3", True),
    ("00", 0),
    ("7f", 127),
    ("e0", -32),
    ("ff", -1),
    ("ccff", 255),
    ("cdffff", 65535),
    ("ceffffffff", 2**32 - 1),
    ("cfffffffffffffffff", 2**64 - 1),
    ("d080", -128),
    ("d18000", -(2**15)),
    ("d280000000", -(2**31)),
    ("d38000000000000000", -(2**63)),
    ("ca3fc00000", 1.5),
    ("cb3ff8000000000000", 1.5),
    ("a0", ""),
    ("a3c3a961", "éa"),
    ("d90161", "a"),
    ("da000161", "a"),
    ("db0000000161", "a"),
    ("90", []),
    ("92c001", [None, 1]),
    ("dc000101", [1]),
    ("dd0000000101", [1]),
    ("80", {}),
    ("81a16101", {"a": 1}),
    ("de0001a16101", {"a": 1}),
    ("df00000001a16101", {"a": 1}),
    ("82a161a0a1629181a163c2", {"a": "", "b": [{"c": False}]}),
]

REFUSED = {
    "": "ends too early",
    "c1": "type [0xc1]",
    "c40161": "type [0xc4]",
    "c5000161": "type [0xc5]",
    "c60000000161": "type [0xc6]",
    "c7010161": "type [0xc7]",
    "d40161": "type [0xd4]",
    "d6ff00000000": "type [0xd6]",
    "d80500000000000000000000000000000000": "type [0xd8]",
    "c70cff000000000000000000000000": "type [0xc7]",
    "810101": "map key",
    "81c001": "map key",
    "819001": "map key",
    "81a16101c0": "[1] bytes too many",
    "82a16101a16102": "Duplicate field 'a'",
    "a1ff": "utf-8",
    "a3eda080": "utf-8",
    "a261": "[1] bytes too few",
    "cd00": "[1] bytes too few",
    "92": "ends too early",
    "9201": "ends too early",
    "dbffffffff": "too few",
    "ddffffffff": "elements",
    "dfffffffff": "elements",
    "dd00010000": "ends too early",
    "cb7ff0000000000000": "no number",
    "cbfff0000000000000": "no number",
    "cb7ff8000000000000": "no number",
    "ca7f800000": "no number",
    "caffc00000": "no number",
}


@pytest.mark.parametrize(("encoded", "value"), SPECIFIED)
def test_every_form_of_the_specification(encoded: str, value: Any) -> None:
    read = unpack_untrusted(bytes.fromhex(encoded), LIMITS)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("encoded", "reason"), REFUSED.items())
def test_what_is_not_json_is_refused(encoded: str, reason: str) -> None:
    with pytest.raises(WireError) as raised:
        unpack_untrusted(bytes.fromhex(encoded), LIMITS)
    assert reason in str(raised.value)


def test_the_largest_finite_floats_are_numbers() -> None:
    for value in (1.7976931348623157e308, -1.7976931348623157e308, 5e-324):
        assert unpack_untrusted(pack(value), LIMITS) == value
    assert unpack_untrusted(b"\xca" + struct.pack(">f", 3.4028234663852886e38), LIMITS) == 3.4028234663852886e38


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\x01"


def test_depth_has_a_limit() -> None:
    assert unpack_untrusted(nested(LIMITS.depth), LIMITS)
    with pytest.raises(WireError, match=r"nested deeper than \[100\]"):
        unpack_untrusted(nested(LIMITS.depth + 1), LIMITS)
    with pytest.raises(WireError, match="nested deeper"):
        unpack_untrusted(b"\x81\xa1a" * 5000 + b"\x01", LIMITS)


def test_elements_have_a_limit_over_all_containers() -> None:
    limits = Limits(elements=20)
    assert unpack_untrusted(b"\x9a" + b"\x91\x01" * 10, limits)
    with pytest.raises(WireError, match=r"more than \[20\] elements"):
        unpack_untrusted(b"\x9b" + b"\x91\x01" * 10 + b"\x90", limits)
    with pytest.raises(WireError, match=r"more than \[20\] elements"):
        unpack_untrusted(b"\x8b" + b"\xa1a\x01" * 11, limits)


def test_counts_that_only_claim_cost_nothing() -> None:
    """Each of these headers would have the library set aside half a megabyte."""
    with pytest.raises(WireError, match="ends too early"):
        unpack_untrusted((b"\xdd\0\0\x08\x00" * 90).ljust(600, b"\x01"), LIMITS)
    with pytest.raises(WireError, match="elements"):
        unpack_untrusted((b"\xdc\xff\xff" * 90).ljust(70_000, b"\x01"), LIMITS)


def test_half_a_surrogate_pair_and_large_integers_can_be_told() -> None:
    assert unpack_untrusted(pack(["\ud800", 2**64, -(2**63) - 1]), LIMITS) == ["?", float(2**64), float(-(2**63) - 1)]


def test_what_is_no_json_is_not_packed() -> None:
    with pytest.raises(TypeError, match=r"\[object\] is not a value of JSON"):
        pack({"a": object()})


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
)


@given(json)
def test_what_is_packed_is_read_back(value: Any) -> None:
    assert unpack_untrusted(pack(value), LIMITS) == value
    assert unpack_untrusted(pack(value), ANSWER_LIMITS) == value


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_the_protocols_error(data: bytes) -> None:
    for limits in (Limits(depth=5, elements=30), ANSWER_LIMITS):
        try:
            value = unpack_untrusted(data, limits)
        except WireError:
            continue
        again = msgpack.unpackb(data, raw=False)
        assert again == value
        assert math.isfinite(value) if isinstance(value, float) else True
