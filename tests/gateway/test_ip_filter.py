"""IP filters: which rule decides over whom, as with Elasticsearch's own classes."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.config import ConfigError, settings_of
from gateway.ip_filter import Address, IpFilter, Rule, bound_rule, host_name
from tests.vectors import read_lines

VECTORS = read_lines("security_filters.jsonl")
RULES = list(dict.fromkeys(vector["rule"].removeprefix("allow ") for vector in VECTORS))
REFUSED_HERE = {"10.0.0.1, 10.0.0.2", ""}
"""What Elasticsearch takes, though a part of it never matches anything."""


@pytest.mark.parametrize("spec", RULES)
def test_rules_match_as_in_elasticsearch(spec: str) -> None:
    vectors = [vector for vector in VECTORS if vector["rule"].removeprefix("allow ") == spec]
    if spec in REFUSED_HERE or any(vector.get("invalid") for vector in vectors):
        with pytest.raises(ValueError, match=r"\S"):
            Rule.parse(spec, allows=True)
        return
    rule = Rule.parse(spec, allows=True)
    assert str(rule) == vectors[0]["rule"]
    for vector in vectors:
        matches = rule.matches_address(ip_address(vector["address"])) or rule.matches_name(vector["host"])
        assert matches is vector["matches"], vector


@pytest.mark.parametrize(
    "spec",
    [
        "10/8",
        "localhost/8",
        "/8",
        "10.0.0.1%eth0",
        "fe80::1%eth0",
        "a b",
        "[ab]",
        "a(b)",
        ":",
        "10.0.0.0/255.0.0",
        "10.0.0.0/255.0.0.256",
        "10.0.0.0/08",
    ],
)
def test_what_is_no_rule(spec: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Rule.parse(spec, allows=True)


def resolver(names: dict[str, str | None]) -> Callable[[Address], Awaitable[str | None]]:
    async def resolve(address: Address) -> str | None:
        await trio.lowlevel.checkpoint()
        return names.get(str(address), str(address))

    return resolve


def filter_of(*specs: str, names: dict[str, str | None] | None = None) -> IpFilter:
    """``+x`` allows and ``-x`` denies."""
    return IpFilter([Rule.parse(spec[1:], allows=spec[0] == "+") for spec in specs], resolver(names or {}))


@pytest.mark.parametrize(
    ("specs", "peer", "decided"),
    [
        ([], "10.0.0.1", "allow default:accept_all"),
        (["-10.0.0.0/8"], "10.0.0.1", "deny 10.0.0.0/8"),
        (["-10.0.0.0/8"], "11.0.0.1", "allow default:accept_all"),
        (["+10.0.0.1", "-_all"], "10.0.0.1", "allow 10.0.0.1"),
        (["+10.0.0.1", "-_all"], "10.0.0.2", "deny _all"),
        (["-10.0.0.1"], "::ffff:10.0.0.1", "deny 10.0.0.1"),
        (["-fe80::/10"], "fe80::1%eth0", "deny fe80::/10"),
        (["+*.local", "-_all"], "10.0.0.3", "allow *.local"),
        (["+*.local", "-_all"], "10.0.0.4", "deny _all"),
        (["-*.local"], "10.0.0.3", "deny *.local"),
        (["-*.local"], "10.0.0.4", "allow default:accept_all"),
        (["-10.0.0.?"], "10.0.0.4", "deny 10.0.0.?"),
    ],
)
async def test_who_decides(specs: list[str], peer: str, decided: str) -> None:
    assert str(await filter_of(*specs, names={"10.0.0.3": "node-1.local"}).decide(peer)) == decided


async def test_a_name_that_cannot_be_found_out_is_denied_by_name_and_not_allowed_by_it() -> None:
    unknown: dict[str, str | None] = {"10.0.0.1": None}
    assert str(await filter_of("-*.bad", names=unknown).decide("10.0.0.1")) == "deny *.bad"
    assert str(await filter_of("+*.good", "-_all", names=unknown).decide("10.0.0.1")) == "deny _all"
    assert (await filter_of("+10.0.0.0/8", "-*.bad", names=unknown).decide("10.0.0.1")).allows


async def test_the_resolver_is_asked_once_and_only_where_a_name_matters() -> None:
    asked: list[Address] = []

    async def resolve(address: Address) -> str | None:
        await trio.lowlevel.checkpoint()
        asked.append(address)
        return "host"

    rules = [Rule.parse(spec, allows=False) for spec in ("10.0.0.1", "*", "a.local", "b.local")]
    await IpFilter([rules[0], rules[2], rules[3]], resolve).decide("10.0.0.1")
    await IpFilter([rules[1], rules[2]], resolve).decide("10.0.0.2")
    assert asked == []
    await IpFilter([rules[0], rules[2], rules[3]], resolve).decide("10.0.0.2")
    assert asked == [ip_address("10.0.0.2")]


class Names:
    """Stands for the resolver of the system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: Any, addresses: Any = ()) -> None:
        async def getnameinfo(_address: tuple[str, int], flags: int) -> tuple[str, str]:
            await trio.lowlevel.checkpoint()
            assert flags == socket.NI_NAMEREQD
            if isinstance(name, BaseException):
                raise name
            if name is None:
                await trio.sleep_forever()
            return name, "0"

        async def getaddrinfo(host: str, port: None, **_flags: Any) -> list[Any]:
            await trio.lowlevel.checkpoint()
            assert host == name
            if isinstance(addresses, BaseException):
                raise addresses
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

        monkeypatch.setattr(trio.socket, "getnameinfo", getnameinfo)
        monkeypatch.setattr(trio.socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("name", "addresses", "found"),
    [
        ("node-1.local", ["10.0.0.9", "10.0.0.1"], "node-1.local"),
        ("bank.example", ["192.0.2.1"], "10.0.0.1"),  # the owner of an address may claim any name
        (socket.gaierror(socket.EAI_NONAME, "unknown"), (), "10.0.0.1"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), (), None),
        ("node-1.local", socket.gaierror(socket.EAI_NONAME, "unknown"), "10.0.0.1"),
        ("node-1.local", socket.gaierror(socket.EAI_AGAIN, "later"), None),
        (None, (), None),
    ],
)
async def test_names_are_those_that_lead_back(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: Any, name: Any, addresses: Any, found: str | None
) -> None:
    Names(monkeypatch, name, addresses)
    assert await host_name(ip_address("10.0.0.1")) == found


def test_this_machine() -> None:
    local = Rule.parse("localhost", allows=True)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0"):
        assert local.matches_address(ip_address(address))
    assert not local.matches_address(ip_address("192.0.2.1"))
    assert not local.matches_address(ip_address("2001:db8::1"))


def test_bound_addresses() -> None:
    rule = bound_rule(["127.0.0.1", "::1"])
    assert str(rule) == "allow 127.0.0.1,::1"
    assert rule.matches_address(ip_address("::1"))
    assert not rule.matches_address(ip_address("127.0.0.2"))


@pytest.mark.parametrize(
    "name", ["transport.filter.allow", "transport.filter.deny", "remote_cluster.filter.allow", "remote_cluster.filter.deny"]
)
def test_settings_are_checked(tmp_path: Path, name: str) -> None:
    setting = f"xpack.security.{name}"
    with pytest.raises(
        ConfigError, match=rf"setting \[{setting}\]: invalid IP filter \[10.0.0.1/33\]: IPv4 requires the subnet prefix"
    ):
        settings_of({setting: "10.0.0.1/33"}, tmp_path)


def test_there_is_one_switch_for_both_filters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting \[xpack.security.remote_cluster.filter.enabled\]"):
        settings_of({"xpack.security.remote_cluster.filter.enabled": "false"}, tmp_path)
