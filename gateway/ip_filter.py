"""Who may connect at all: rules over the addresses of clients, and over their host names.

A rule is ``_all``; one network (``10.0.0.0/8``, ``10.0.0.0/255.0.0.0``); or addresses and patterns of host names, separated by commas,
in which ``*`` and ``?`` stand for any text and any character, and ``localhost`` for this machine. The first rule that matches decides,
those that allow before those that deny, and who matches none is accepted. Semantics of ``IPFilter``, ``SecurityIpFilterRule`` and
``PatternRule`` of 8.19.21; refused here as malformed are what those take literally and what is then never matched (blanks), and networks
that are given by a name or in fewer than four parts.

A host name is what the resolver has for the address, if the name has that address in turn; without one it is the address as text.
Where the resolver does not answer, a rule that denies by name denies: a name that was not found out is not a name that is not meant.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from gateway import globs

ALL: Final = "_all"
LOCALHOST: Final = "localhost"
LOOKUP_SECONDS: Final = 5.0
"""How long the resolver may take; a part of what a handshake may."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Letters, digits, what else host names have, and the two wildcards. A colon would be an address with a mistake in it.
_NAME_PATTERN = re.compile(r"[A-Za-z0-9._*?-]+")
_NUMBER = re.compile(r"(0[xX]|#)(?P<hex>[0-9a-fA-F]+)|0(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``spec`` is its text. ``str(rule)`` names it as Elasticsearch's audit log does."""

    allows: bool
    spec: str
    everybody: bool = False
    network: Network | None = None
    addresses: frozenset[Address] = frozenset()
    local: bool = False
    names: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def parse(cls, spec: str, *, allows: bool) -> Rule:
        """Raises ValueError."""
        parts = [part for part in spec.split(",") if part]
        if ALL in parts:
            if len(parts) > 1:
                raise ValueError("rules that specify _all may not have other values!")
            return cls(allows, spec, everybody=True)
        if "/" in spec:
            if len(parts) > 1:
                raise ValueError("multiple subnet filters cannot be specified in a single rule!")
            return cls(allows, spec, network=_network(spec))
        if not parts:
            raise ValueError("expected an address, a network, a host name, or [_all]")
        addresses = [address for part in parts if (address := _address(part)) is not None]
        names = [part for part in parts if _address(part) is None]
        return cls(
            allows,
            spec,
            everybody=any(name.strip("*") == "" for name in names),
            addresses=frozenset(addresses),
            local=LOCALHOST in names,
            names=tuple(_pattern(name) for name in names if name != LOCALHOST),
        )

    def matches_address(self, address: Address) -> bool:
        return (
            self.everybody
            or address in self.addresses
            or (self.network is not None and address in self.network)
            or (self.local and _is_local(address))
        )

    def matches_name(self, name: str) -> bool:
        return any(pattern.fullmatch(name) for pattern in self.names)

    def __str__(self) -> str:
        return f"{'allow' if self.allows else 'deny'} {self.spec}"


async def host_name(address: Address) -> str | None:
    """The name of an address, or the address as text where it has none; None where that cannot be found out."""
    text = str(address)
    with trio.move_on_after(LOOKUP_SECONDS):
        try:
            name, _ = await trio.socket.getnameinfo((text, 0), socket.NI_NAMEREQD)
            # Whoever owns the address can give it any name; only the owner of the name can give that the address.
            found = await trio.socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            return name if any(_peer(str(entry[4][0])) == address for entry in found) else text
        except socket.gaierror as error:
            return text if error.errno in _HAS_NO_NAME else None
    return None


_HAS_NO_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})


ACCEPT_ALL: Final = Rule(True, "default:accept_all", everybody=True)
"""What decides where no rule matches."""


class IpFilter:
    """The rules of one interface."""

    def __init__(self, rules: Sequence[Rule], resolve: Callable[[Address], Awaitable[str | None]] = host_name) -> None:
        self.rules = tuple(rules)
        self._resolve = resolve

    async def decide(self, peer: str) -> Rule:
        """The rule that lets in or turns away a client with this address."""
        address = _peer(peer)
        name: str | None = None
        asked = False
        for rule in self.rules:
            if rule.matches_address(address):
                return rule
            if rule.names:
                if not asked:
                    name, asked = await self._resolve(address), True
                if not rule.allows if name is None else rule.matches_name(name):
                    return rule
        return ACCEPT_ALL


def bound_rule(addresses: Sequence[str]) -> Rule:
    """Lets in who connects from an address that the interface itself is bound to."""
    return Rule.parse(",".join(addresses), allows=True)


def _peer(text: str) -> Address:
    """An address of a socket. One of IPv4 in the clothes of IPv6 is one of IPv4, as in Java; a zone is left off."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _address(text: str) -> Address | None:
    try:
        return _peer(text) if "%" not in text else None
    except ValueError:
        return None


def _network(spec: str) -> Network:
    text, _, mask = spec.partition("/")
    address = _address(text)
    if address is None:
        raise ValueError(f"Invalid CIDR notation used: {spec}")
    if "." in mask:
        octets = mask.split(".")
        if len(octets) != 4 or not all(part.isascii() and part.isdigit() and int(part) <= 255 for part in octets):
            raise ValueError(f"Invalid mask length used: {mask}")
        length = sum(int(part).bit_count() for part in octets) + (96 if address.version == 6 else 0)
    else:
        match = _NUMBER.fullmatch(mask)
        if match is None:
            raise ValueError(f"Invalid mask length used: {mask}")
        length = int(match["hex"] or match["octal"] or match["decimal"], 16 if match["hex"] else 8 if match["octal"] else 10)
    if length > address.max_prefixlen:
        kind = f"IPv{address.version}"
        raise ValueError(
            f"{kind} requires the subnet prefix to be in range of [0,{address.max_prefixlen}]. The prefix was: {length}"
        )
    return ipaddress.ip_network((int(address).to_bytes(address.max_prefixlen // 8), length), strict=False)


def _pattern(name: str) -> re.Pattern[str]:
    if not _NAME_PATTERN.fullmatch(name):
        raise ValueError(f"[{name}] is neither an address nor a host name, in which only [*] and [?] are special")
    return globs.joined([re.escape(part).replace(r"\?", ".") for part in name.split("*")])


def _is_local(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    # The kernel binds a socket to addresses of this machine only, and binding one for datagrams sends nothing.
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
