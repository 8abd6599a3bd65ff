"""Addresses: by the tables of the registries, in every form in which one address can carry another."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code
from exeat.model.upstream import Network, Reach
from exeat.policy.address import Address, is_public, judge_address, judge_name, unwrap
from tests.support.cases import read_cases
from tests.support.values import PUBLIC

# The ranges that aren't globally routable unicast, written here a second time and as numbers, from the IANA
# special-purpose registries, RFC 6890 and the pages of the providers.
DENIED_4 = [
    ("0.0.0.0", 8),  # noqa: S104 - a range, not a listener
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("168.63.129.16", 32),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
]
ALLOWED_6 = [("2000::", 3)]
DENIED_6 = [("2001::", 23), ("2001:db8::", 32), ("2002::", 16), ("3fff::", 20)]
EVERYTHING = Reach((ip_network("0.0.0.0/0"), ip_network("::/0")))
NEVER = [
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1.2.3.4",
    "::7f00:1",
    "::2",
    "fe80::1",
    "febf::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2001:0:1::1",
]


def number(text: str) -> int:
    return int(ip_address(text))


def within(value: int, bits: int, ranges: Iterable[tuple[str, int]]) -> bool:
    return any(value >> (bits - length) == number(start) >> (bits - length) for start, length in ranges)


def public(address: Address) -> bool:
    """Whether an address is public, by arithmetic."""
    value = int(address)
    if isinstance(address, IPv4Address):
        return not within(value, 32, DENIED_4)
    return within(value, 128, ALLOWED_6) and not within(value, 128, DENIED_6)


def edges(ranges: Iterable[tuple[str, int]], bits: int) -> list[int]:
    """The first and last number of each range, and their neighbours outside."""
    found = []
    for start, length in ranges:
        first = number(start)
        last = first + (1 << (bits - length)) - 1
        found += [value for value in (first - 1, first, last, last + 1) if 0 <= value < 1 << bits]
    return found


def outcome(text: str, reach: Reach = PUBLIC, nat64: Iterable[Network] = ()) -> str:
    decision = judge_address(text, reach, nat64)
    assert decision.reason
    assert (decision.code is Code.ADDRESS_BLOCKED) is (decision.outcome != "allow")
    return decision.outcome


@given(value=st.integers(0, (1 << 32) - 1) | st.sampled_from(edges(DENIED_4, 32)))
def test_ipv4_by_the_table(value: int) -> None:
    """An IPv4 address is public exactly outside the ranges, edges included."""
    address = IPv4Address(value)
    assert is_public(address) is public(address)
    assert outcome(str(address)) == ("allow" if public(address) else "deny")


@given(
    value=st.integers(0, (1 << 128) - 1)
    | st.integers(number("2000::"), number("4000::"))
    | st.sampled_from(edges([*ALLOWED_6, *DENIED_6], 128))
)
def test_ipv6_by_the_table(value: int) -> None:
    """An IPv6 address is public exactly within 2000::/3 and outside the ranges, edges included."""
    address = IPv6Address(value)
    assert is_public(address) is public(address)
    assert outcome(str(address)) == ("allow" if public(address) else "deny")


def test_the_table_is_the_shared_one() -> None:
    """The ranges written here are those of the shared cases."""
    cases: Mapping[str, object] = read_cases("addresses.yaml")
    for name, ranges in (("deny_ipv4", DENIED_4), ("allow_ipv6_only", ALLOWED_6), ("deny_ipv6", DENIED_6)):
        listed = cases[name]
        assert isinstance(listed, list)
        assert {ip_network(text) for text in listed} == {ip_network(f"{start}/{length}") for start, length in ranges}


@pytest.mark.parametrize("text", NEVER)
def test_what_can_never_be_granted(text: str) -> None:
    """Metadata services, link-local, multicast and addresses that carry another are refused whatever is granted."""
    assert outcome(text, EVERYTHING) == "deny"
    assert outcome(text, Reach((ip_network("::/0"),), report=True)) == "deny"


@given(value=st.integers(0, (1 << 32) - 1))
def test_no_ipv4_in_disguise(value: int) -> None:
    """No IPv4 address passes in an IPv6 form of it, public or not."""
    text = str(IPv4Address(value))
    for prefix in ("::ffff:", "::ffff:0:", "64:ff9b::", "::"):
        if prefix + text != "::0.0.0.1":  # that one is loopback, and can be granted as such
            assert outcome(prefix + text, EVERYTHING) == "deny"


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3", "10.1.0.0/16"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("fd12::1", "fd12::/16"),
        ("100.64.0.1", "100.64.0.0/10"),
        ("192.168.1.1", "192.168.1.1/32"),
    ],
)
def test_private_networks_can_be_granted(text: str, network: str) -> None:
    """A private address is refused, reported or allowed as its route says."""
    granted = ip_network(network)
    assert outcome(text) == "deny"
    assert outcome(text, Reach((), report=True)) == "report"
    assert outcome(text, Reach((granted,))) == "allow"
    assert outcome(text, Reach((ip_network("172.16.0.0/12"),))) == "deny"
    assert outcome("8.8.8.8", Reach((granted,))) == "allow"


@pytest.mark.parametrize(
    "text", ["", "api.test", "127.1", "0x7f.1", "1.2.3.4 ", "fe80::1%eth0", "8.8.8.8%1", "::1%lo", "2606::1%1"]
)
def test_what_is_no_address(text: str) -> None:
    """Something that isn't an address, or has a zone, is refused."""
    assert outcome(text, EVERYTHING) == "deny"


def embedded(prefix: IPv6Network, carried: IPv4Address) -> IPv6Address:
    """An IPv4 address within a NAT64 prefix (RFC 6052 §2.2, table of figure 1)."""
    octets = list(carried.packed)
    raw = list(prefix.network_address.packed)
    places = [place for place in range(prefix.prefixlen // 8, 16) if place != 8][:4]
    for place, octet in zip(places, octets, strict=True):
        raw[place] = octet
    return IPv6Address(bytes(raw))


@pytest.mark.parametrize("length", [32, 40, 48, 56, 64, 96])
@given(value=st.integers(0, (1 << 32) - 1))
def test_an_operators_own_nat64(length: int, value: int) -> None:
    """Within an operator's NAT64 prefix the carried IPv4 address is judged, at every length of RFC 6052."""
    prefix = IPv6Network((number("2a00:1234:5678:9a00::"), 64)).supernet(new_prefix=min(length, 64))
    if length == 96:
        prefix = IPv6Network("2a00:1234:5678:9a00::/96")
    carried = IPv4Address(value)
    address = embedded(prefix, carried)
    assert unwrap(address, [prefix]) == carried
    assert outcome(str(address), PUBLIC, [prefix]) == outcome(str(carried))
    assert unwrap(carried, [prefix]) == carried


def test_the_example_of_rfc_6052() -> None:
    """192.0.2.33 stands where RFC 6052 §2.4 shows it."""
    for prefix, text in (
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ):
        assert unwrap(ip_address(text), [ip_network(prefix)]) == IPv4Address("192.0.2.33")


def test_the_well_known_nat64_prefix_when_it_is_the_operators() -> None:
    """64:ff9b::/96 is refused, unless the operator says that it is theirs; then what it carries is judged."""
    network = [ip_network("64:ff9b::/96")]
    assert outcome("64:ff9b::8.8.8.8", PUBLIC, network) == "allow"
    assert outcome("64:ff9b::10.0.0.1", PUBLIC, network) == "deny"
    assert outcome("64:ff9b::169.254.169.254", EVERYTHING, network) == "deny"


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("metadata.google.internal", False),
        ("metadata.goog", False),
        ("metadata", False),
        ("instance-data", False),
        ("instance-data.ec2.internal", False),
        ("metadata.example.com", True),
        ("api.test", True),
    ],
)
def test_names_of_metadata_services(host: str, passes: bool) -> None:  # noqa: FBT001 - parametrized
    """Metadata services are refused by name too."""
    decision = judge_name(host)
    assert (decision.outcome == "allow") is passes
    assert (decision.code is Code.ADDRESS_BLOCKED) is not passes
