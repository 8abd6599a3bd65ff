"""Who called a proxy that is trusted: the address and the scheme that the proxy reports.

Rule 1: only a peer within the trusted networks is believed: anybody can write these fields.
Rule 2: of several addresses the last one counts that isn't a trusted proxy's: those before it are the caller's word.
"""

import ipaddress
from collections.abc import Iterable

from exeat.model.upstream import Network


def is_trusted(address: str, trusted: Iterable[Network]) -> bool:
    """Whether an address is within the trusted networks; what is no address isn't."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def find_caller(forwarded_for: bytes, peer: str, trusted: Iterable[Network]) -> str:
    """The caller's address by the X-Forwarded-For that a trusted peer sends: its lines joined with commas."""
    for raw in reversed(forwarded_for.split(b",")):
        address = raw.strip(b" \t").decode("latin-1")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return peer
        if not is_trusted(address, trusted):
            return address
        peer = address
    return peer


def is_https(forwarded_proto: bytes) -> bool:
    """Whether the caller of a trusted peer came over TLS, by its X-Forwarded-Proto."""
    return forwarded_proto.lower() == b"https"
