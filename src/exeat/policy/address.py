"""Whether an address may be dialled.

Rule 1: only globally routable unicast, by explicit tables: `ipaddress.is_global` and `is_private` disagree with the
registries (multicast, 192.88.99.0/24, 168.63.129.16, NAT64 and IPv4-compatible forms are "global" to Python).
Rule 2: an IPv4 address carried in an IPv6 one is judged as what it carries, or refused; where it can be read in two
ways, both have to pass.
Rule 3: metadata services, link-local and unspecified addresses are refused whatever is configured.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from exeat.errors import Code
from exeat.model.decision import Decision, Outcome, allow, deny, report
from exeat.model.upstream import Network, Reach

Address = IPv4Address | IPv6Address

# Never dialled, never grantable.
NEVER: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", "an unspecified address"),
        ("169.254.0.0/16", "link-local, where cloud metadata services are"),
        ("100.100.100.200/32", "a cloud metadata service"),
        ("168.63.129.16/32", "a cloud metadata service"),
        ("192.0.0.192/32", "a cloud metadata service"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("::/128", "an unspecified address"),
        ("fe80::/10", "link-local"),
        ("fd00:ec2::254/128", "a cloud metadata service"),
        ("fd00:ec2::23/128", "a cloud metadata service"),
        ("fd20:ce::254/128", "a cloud metadata service"),
        ("fd00:c1::a9fe:a9fe/128", "a cloud metadata service"),
        ("fd00:42::42/128", "a cloud metadata service"),
        ("fd00:a9fe:a9fe::1/128", "a cloud metadata service"),
        ("fd00:100::100:200/128", "a cloud metadata service"),
        ("ff00::/8", "multicast"),
        ("::ffff:0:0/96", "an IPv4 address carried in IPv6"),
        ("::ffff:0:0:0/96", "an IPv4 address carried in IPv6"),
        ("64:ff9b::/96", "an IPv4 address carried in IPv6 (NAT64)"),
        ("64:ff9b:1::/48", "an IPv4 address carried in IPv6 (NAT64)"),
        ("2002::/16", "an IPv4 address carried in IPv6 (6to4)"),
        ("2001::/32", "an IPv4 address carried in IPv6 (Teredo)"),
    )
)
COMPATIBLE = IPv6Network("::/96")  # IPv4-compatible, of which ::1 alone is something else
LOOPBACK_6 = IPv6Address("::1")
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # can be the operator's, unlike the rest of NEVER

NOT_PUBLIC_4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
PUBLIC_6 = IPv6Network("2000::/3")
NOT_PUBLIC_6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

_STRICTEST: tuple[Outcome, ...] = ("deny", "report", "allow")

METADATA_NAMES = frozenset(
    {"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"}
)


def judge_name(host: str) -> Decision:
    """Judge a host by its name alone: metadata services have names as well as addresses."""
    if host in METADATA_NAMES:
        return deny(Code.ADDRESS_BLOCKED, f"{host} is the name of a cloud metadata service.")
    return allow("the name is not that of a metadata service")


def judge_address(text: str, reach: Reach, nat64: Iterable[Network] = ()) -> Decision:
    """Judge one resolved address; `reach` says which private networks are granted, `nat64` are RFC 6052 prefixes."""
    try:
        address = ip_address(text)
    except ValueError:
        return deny(Code.ADDRESS_BLOCKED, "The name resolved to something that isn't an address.")
    if getattr(address, "scope_id", None):
        return deny(Code.ADDRESS_BLOCKED, "The address has a zone.")
    carried = [unwrap(address, [network]) for network in nat64 if address in network]
    if not carried:
        return _judge(address, reach)
    if not any(address in network for network in NAT64) and (refusal := _refuse(address)):
        return refusal
    return min((_judge(each, reach) for each in carried), key=lambda decision: _STRICTEST.index(decision.outcome))


def _judge(address: Address, reach: Reach) -> Decision:
    if refusal := _refuse(address):
        return refusal
    if is_public(address):
        return allow("the address is public")
    if any(address in network for network in reach.private):
        return allow("the address is in a granted private network")
    reason = "The target's address is private or reserved, and its network isn't granted."
    return report(Code.ADDRESS_BLOCKED, reason) if reach.report else deny(Code.ADDRESS_BLOCKED, reason)


def _refuse(address: Address) -> Decision | None:
    """The refusal of an address that can't be granted."""
    for network, reason in NEVER:
        if address in network:
            return deny(Code.ADDRESS_BLOCKED, f"The target's address is {reason}; it can't be granted.")
    if address in COMPATIBLE and address != LOOPBACK_6:
        return deny(Code.ADDRESS_BLOCKED, "The target's address is an IPv4 address carried in IPv6.")
    return None


def is_public(address: Address) -> bool:
    """Whether an address is globally routable unicast."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_4)
    return address in PUBLIC_6 and not any(address in network for network in NOT_PUBLIC_6)


def may_be_plaintext(address: Address, private: Iterable[Network]) -> bool:
    """Whether an event may be sent unencrypted to an address: it isn't public, and its network is granted."""
    return not is_public(address) and any(address in network for network in private)


def unwrap(address: Address, nat64: Iterable[Network]) -> Address:
    """The IPv4 address within an operator's own NAT64 prefix (RFC 6052 §2.2), or the address itself."""
    for network in nat64:
        if isinstance(address, IPv6Address) and address in network:
            raw = address.packed
            start = network.prefixlen // 8
            octets = [raw[place] for place in range(start, 16) if place != 8][:4]  # noqa: PLR2004 - the u octet
            return IPv4Address(bytes(octets))
    return address
