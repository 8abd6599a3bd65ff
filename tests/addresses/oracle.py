"""A second opinion on addresses, by arithmetic over the lists of addresses.yaml, for tests of what is dialled."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from tests.support.cases import read_cases

Verdict = Literal["allow", "report", "deny"]
Range = tuple[int, int, int]  # version, first, last

# What no document can grant, from the pages of the providers and the RFCs that define the forms.
LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
UNSPECIFIED = ("0.0.0.0/8", "::/128")
NOT_UNICAST = ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")
METADATA = (
    *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128"),
    *(
        "fd20:ce::254/128",
        "fd00:c1::a9fe:a9fe/128",
        "fd00:42::42/128",
        "fd00:a9fe:a9fe::1/128",
        "fd00:100::100:200/128",
    ),
)
CARRIERS = ("::ffff:0:0/96", "::ffff:0:0:0/96", "2002::/16", "2001::/32")
NAT64 = ("64:ff9b::/96", "64:ff9b:1::/48")
NEVER = (*LINK_LOCAL, *UNSPECIFIED, *NOT_UNICAST, *METADATA, *CARRIERS, *NAT64)
METADATA_NAMES = frozenset(
    {"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"}
)

# Where RFC 6052 §2.2 puts the four octets, by the length of the prefix.
PLACES = {
    32: (4, 5, 6, 7), 40: (5, 6, 7, 9), 48: (6, 7, 9, 10), 56: (7, 9, 10, 11), 64: (9, 10, 11, 12),
    96: (12, 13, 14, 15),
}  # fmt: skip


def span(text: str) -> Range:
    """A network as numbers."""
    network = ip_network(text)
    return network.version, int(network.network_address), int(network.broadcast_address)


def listed(name: str) -> list[Range]:
    """One of the lists of addresses.yaml."""
    entries = read_cases("addresses.yaml")[name]
    assert isinstance(entries, list)
    return [span(entry) for entry in entries]


NOT_PUBLIC_4, PUBLIC_6, NOT_PUBLIC_6 = listed("deny_ipv4"), listed("allow_ipv6_only"), listed("deny_ipv6")
NEVER_SPANS = [span(text) for text in NEVER]
COMPATIBLE = span("::/96")
NAT64_SPANS = [span(text) for text in NAT64]


def judge(text: str, granted: Iterable[str] = (), *, report: bool = False, nat64: Iterable[str] = ()) -> Verdict:
    """Whether an address may be dialled where these networks are granted."""
    address = ip_address(text)
    granted = tuple(granted)
    carried = carried_by(address, nat64)
    if not carried:
        return _judge(address, granted, report=report)
    if _never(address) and not _within(address, NAT64_SPANS):
        return "deny"
    verdicts = {_judge(each, granted, report=report) for each in carried}
    return "deny" if "deny" in verdicts else "report" if "report" in verdicts else "allow"


def carried_by(address: IPv4Address | IPv6Address, nat64: Iterable[str]) -> list[IPv4Address]:
    """The IPv4 addresses that an address carries, one for each prefix that it is within."""
    prefixes = [prefix for prefix in nat64 if _within(address, [span(prefix)])]
    places = [PLACES[ip_network(prefix).prefixlen] for prefix in prefixes]
    return [IPv4Address(bytes(address.packed[place] for place in four)) for four in places]


def carry(prefix: str, text: str) -> str:
    """The address within a NAT64 prefix that carries an IPv4 address."""
    network = ip_network(prefix)
    octets = bytearray(network.network_address.packed)
    for place, octet in zip(PLACES[network.prefixlen], IPv4Address(text).packed, strict=True):
        octets[place] = octet
    return str(IPv6Address(bytes(octets)))


def _judge(address: IPv4Address | IPv6Address, granted: tuple[str, ...], *, report: bool) -> Verdict:
    if _never(address):
        return "deny"
    if is_public(address) or _within(address, map(span, granted)):
        return "allow"
    return "report" if report else "deny"


def _never(address: IPv4Address | IPv6Address) -> bool:
    return _within(address, NEVER_SPANS) or (_within(address, [COMPATIBLE]) and int(address) != 1)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is globally routable unicast."""
    if address.version == 4:
        return not _within(address, NOT_PUBLIC_4)
    return _within(address, PUBLIC_6) and not _within(address, NOT_PUBLIC_6)


def _within(address: IPv4Address | IPv6Address, spans: Iterable[Range]) -> bool:
    value = int(address)
    return any(version == address.version and first <= value <= last for version, first, last in spans)
