"""What the declaration of a message is turned into."""

from __future__ import annotations

import pytest

from protocol.errors import WireError
from protocol.schema import Boolean, Long, Message, Named, String, VInt, VLong, ZLong, wire
from protocol.versions import V_8_18, V_8_19, Feature
from protocol.wire import Reader, Writer

_LATER = Feature("later", V_8_19.id)


class Base(Message):
    first: VLong


class Below(Base):
    second: String = ""


class Own(Base):
    second: VInt = wire(when=lambda _: False, default=0)

    def write(self, writer: Writer) -> None:
        super().write(writer)
        writer.vint(self.second + 1)

    @classmethod
    def read(cls, reader: Reader) -> Own:
        message = super().read(reader)
        message.second = reader.vint() - 1
        return message


class BelowOwn(Own):
    third: Boolean = wire(default=True)


class Gated(Message):
    old: VInt
    new: VInt = wire(since=_LATER, default=7)


class Family(Message, names=True):
    pass


class Member(Family, name="member"):
    number: ZLong
    inner: list[Named[Family]] = wire(default_factory=list)


@pytest.mark.parametrize("first", [Base, Below, Own])
def test_a_class_never_uses_what_was_compiled_for_one_above_it(first: type[Base]) -> None:
    first(first=1).encode(V_8_19)
    assert Base(first=1).encode(V_8_19) == b"\x01"
    assert Below(first=1, second="a").encode(V_8_19) == b"\x01\x01a"
    assert Below.decode(b"\x01\x01a", V_8_19) == Below(first=1, second="a")
    assert Base.decode(b"\x01", V_8_19) == Base(first=1)


def test_an_own_read_and_write_call_the_general_ones_and_are_inherited() -> None:
    for _ in range(2):
        assert Own(first=1, second=4).encode(V_8_19) == b"\x01\x05"
        assert Own.decode(b"\x01\x05", V_8_19) == Own(first=1, second=4)
        assert BelowOwn(first=1, second=4, third=False).encode(V_8_19) == b"\x01\x00\x05"
        assert BelowOwn.decode(b"\x01\x00\x05", V_8_19) == BelowOwn(first=1, second=4, third=False)


def test_versions_have_functions_of_their_own() -> None:
    for _ in range(2):
        assert Gated(old=1, new=2).encode(V_8_18) == b"\x01"
        assert Gated(old=1, new=2).encode(V_8_19) == b"\x01\x02"
        assert Gated.decode(b"\x01", V_8_18) == Gated(old=1, new=7)
        assert Gated.decode(b"\x01\x02", V_8_19) == Gated(old=1, new=2)


@pytest.mark.parametrize("number", [0, -1, 1, 63, -64, 64, -65, 1 << 31, -(1 << 31), (1 << 63) - 1, -(1 << 63)])
def test_numbers_in_place_are_those_of_the_writer(number: int) -> None:
    writer = Writer(V_8_19)
    writer.string("member")
    writer.zlong(number)
    writer.vint(0)
    inner = Member(number=number)
    assert Member(number=0, inner=[inner]).encode(V_8_19) == b"\x00\x01" + writer.getvalue()
    assert Member.decode(b"\x00\x01" + writer.getvalue(), V_8_19).inner == [inner]


class Numbers(Message):
    int: VInt
    long: VLong
    fixed: Long
    text: String | None = None
    names: dict[String, VInt] = wire(default_factory=dict)


@pytest.mark.parametrize("number", [0, 127, 128, 16383, 16384, (1 << 31) - 1, -1, -2, -(1 << 31)])
@pytest.mark.parametrize("text", [None, "", "a" * 127, "a" * 128, "é", "\U0001f600" * 64])
def test_what_is_in_place_equals_the_calls(number: int, text: str | None) -> None:
    message = Numbers(int=number, long=number, fixed=number, text=text, names={"é": 1, "b": 300})
    writer = Writer(V_8_19)
    writer.vint(number)
    writer.vlong(number)
    writer.int64(number)
    writer.optional(writer.string, text)
    writer.map(writer.string, writer.vint, message.names)
    assert message.encode(V_8_19) == writer.getvalue()
    assert Numbers.decode(writer.getvalue(), V_8_19) == message


def test_numbers_that_do_not_fit_are_refused() -> None:
    for message in (Numbers(int=1 << 31, long=0, fixed=0), Numbers(int=0, long=1 << 63, fixed=0)):
        with pytest.raises(OverflowError):
            message.encode(V_8_19)


def test_nesting_is_bounded() -> None:
    level = b"\x00\x01\x06member"
    with pytest.raises(WireError, match="nested deeper than 100"):
        Member.decode(level * 200 + b"\x00\x00", V_8_19)
    assert Member.decode(level * 99 + b"\x00\x00", V_8_19).encode(V_8_19) == level * 99 + b"\x00\x00"


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x01", b"\x01\x02", b"\x01\x02a"])
def test_what_ends_early_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        Below.decode(data, V_8_19)
