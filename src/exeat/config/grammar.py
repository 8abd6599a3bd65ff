"""The small languages within a document: names, durations, networks, hosts, destinations, field names.

Each function takes what was written and gives the value, or raises ValueError with the corrected form where there is
one. Values are quoted with `quote`, which lets a message be shown without them.
"""

import re
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from exeat.config.problem import quote
from exeat.errors import GatewayError
from exeat.model.origin import DEFAULT_PORTS, Target
from exeat.model.paths import PathPattern, compile_path
from exeat.model.upstream import Network
from exeat.policy.address import NEVER
from exeat.wire.target import check_path, parse_host, parse_url

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
RESERVED_NAMES = frozenset({"destinations"})  # a grant's word for all destinations
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
METHOD = re.compile(r"[A-Z][A-Z0-9!#$%&'*+\-.^_`|~]{0,31}")
NEVER_FORWARDED = frozenset({"CONNECT", "TRACE"})
SIZE = re.compile(r"([0-9]{1,9})(B|KiB|MiB)?", re.ASCII)
SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}
DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_S = 7 * 24 * 3600.0
DIGEST = re.compile(r"[0-9a-fA-F]{64}")
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# Widest networks that can be private: 10.0.0.0/8 and fc00::/7.
WIDEST_4, WIDEST_6 = 8, 7
NAT64_LENGTHS = frozenset({32, 40, 48, 56, 64, 96})  # RFC 6052 §2.2

# Fields that frame a message, belong to one connection, or are Exeat's own: no credential may sit there.
NOT_CREDENTIALS = frozenset(
    [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "max-forwards",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ]
)


class Pattern(NamedTuple):
    """A destination's parts: its text in canonical form, the host, whether it is all names below, the port."""

    text: str
    host: str
    wildcard: bool
    port: int | None


def parse_name(text: str) -> str:
    """The name of an upstream or consumer."""
    if not NAME.fullmatch(text):
        near = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
        advice = f"; write {quote(near)}" if NAME.fullmatch(near) else ""
        raise ValueError(f"a name begins with a letter and has only a-z, 0-9 and '-', at most 63{advice}")
    if text in RESERVED_NAMES:
        raise ValueError("is a word with a meaning in grants; choose another name")
    return text


def parse_duration(value: object) -> float:
    """Seconds of `5s`, `250ms`, `2m`, `1h` or a number of seconds."""
    seconds = -1.0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= LONGEST_S else -1.0
    elif isinstance(value, str) and (found := DURATION.fullmatch(value)):
        seconds = float(found[1]) * UNITS[found[2]]
    elif isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", value):
        seconds = float(value)
    if not 0.001 <= seconds <= LONGEST_S:  # noqa: PLR2004 - the shortest that can be written
        raise ValueError("write a duration from 1ms to 168h, as in 250ms, 5s, 2m or 1h")
    return seconds


def parse_size(value: object) -> int:
    """Bytes of `16KiB`, `1MiB`, or of a number of bytes; at most 1 MiB."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    found = SIZE.fullmatch(text)
    size = int(found[1]) * SIZE_UNITS[found[2] or "B"] if found else -1
    if not 0 <= size <= SIZE_UNITS["MiB"]:
        raise ValueError("write a size up to 1MiB, as in 16KiB, or a number of bytes")
    return size


def parse_network(value: object) -> Network:
    """A network in CIDR form; a single address is a network of one."""
    text = str(value)
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        near = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{quote(text)} isn't a network; write for example 10.0.0.0/8 or fd00::/8") from None
    raise ValueError(f"{quote(text)} has bits beyond its prefix; write {quote(near)}")


def parse_private(value: object) -> Network:
    """A private network that is granted: never metadata or link-local, never everything."""
    network = parse_network(value)
    if isinstance(network, IPv6Network) and (inner := network.network_address.ipv4_mapped) and network.prefixlen >= 96:  # noqa: PLR2004
        raise ValueError(f"{quote(network)} carries IPv4; write {quote(IPv4Network((inner, network.prefixlen - 96)))}")
    if network.prefixlen < (WIDEST_4 if network.version == 4 else WIDEST_6):  # noqa: PLR2004
        raise ValueError(f"{quote(network)} is wider than any private network; list the networks of this upstream")
    for never, reason in NEVER:
        if _overlaps(network, never):
            raise ValueError(f"{quote(network)} can't be granted: it has {never}, {reason}")
    return network


def _overlaps(network: Network, never: Network) -> bool:
    """Within what is never dialled, or around more of it than single addresses (those stay refused inside)."""
    if isinstance(network, IPv4Network):
        return isinstance(never, IPv4Network) and (
            network.subnet_of(never) or (never.prefixlen < never.max_prefixlen and network.supernet_of(never))
        )
    return isinstance(never, IPv6Network) and (
        network.subnet_of(never) or (never.prefixlen < never.max_prefixlen and network.supernet_of(never))
    )


def parse_nat64(value: object) -> Network:
    """An operator's NAT64 prefix."""
    network = parse_network(value)
    if network.version == 4 or network.prefixlen not in NAT64_LENGTHS:  # noqa: PLR2004
        raise ValueError(f"{quote(network)} isn't a NAT64 prefix: IPv6 with a length of 32, 40, 48, 56, 64 or 96")
    return network


def parse_exact_host(text: str) -> str:
    """A host name in canonical form."""
    if "*" in text or "/" in text or (":" in text and not text.startswith("[")):
        raise ValueError(f"{quote(text)} isn't a host name; write for example api.example.com")
    host = canonical_host(text)
    if host != text:
        raise ValueError(f"{quote(text)} isn't in canonical form; write {quote(host)}")
    if is_address(host):
        raise ValueError(f"{quote(text)} is an address; write a host name")
    return host


def canonical_host(text: str) -> str:
    """What the target parser makes of a host."""
    try:
        return parse_host(text.encode())
    except GatewayError as error:
        raise ValueError(f"{quote(text)}: {lower_first(error.detail)}") from None


def is_address(host: str) -> bool:
    """Whether a canonical host is an address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse_pattern(text: str) -> Pattern:
    """A destination: an exact host, or one leading `*.` for all names below it, and an optional port."""
    _refuse_url(text)
    host, port = _split_port(text)
    wildcard = host.startswith("*.")
    name = host.removeprefix("*.")
    if name in {"", "*"}:
        raise ValueError(f"{quote(text)} would allow every host; name the domain, as in '*.example.com'")
    if "*" in name:
        near = re.sub(r"^\*+\.?(?=[a-z0-9])", "*.", host) if host.startswith("*") else ""
        advice = f"write {quote(near)}" if near.count("*") == 1 else "write for example '*.example.com'"
        raise ValueError(f"{quote(text)}: '*' can only be the whole first label; {advice}")
    if re.fullmatch(r"\[.*\]|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", name):
        raise ValueError(f"{quote(text)} is an address; declare an upstream for it")
    canonical = canonical_host(name)
    if is_address(canonical):
        raise ValueError(f"{quote(text)} is an address; declare an upstream for it")
    written = f"{'*.' if wildcard else ''}{canonical}{'' if port is None else f':{port}'}"
    if written != text:
        raise ValueError(f"{quote(text)} isn't in canonical form; write {quote(written)}")
    return Pattern(text, canonical, wildcard, port)


def _refuse_url(text: str) -> None:
    if "@" in text:
        raise ValueError("holds user information ('…@'); write the host alone")
    near = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/+", "", text)
    near = re.split(r"[/?#]", near, maxsplit=1)[0]
    if near != text:
        raise ValueError(f"{quote(text)} isn't a host alone, without scheme or path; write {quote(near)}")


def _split_port(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[.*\]|[^:]*):([^:]*)", text)
    if found is None:
        return text, None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", found[2]) or int(found[2]) > 65535:  # noqa: PLR2004 - ports
        raise ValueError(f"{quote(text)} has no port from 1 to 65535 after its ':'")
    return found[1], int(found[2])


def parse_upstream_url(text: str) -> Target:
    """An upstream's address: scheme, host, port and the path that its URLs begin with."""
    # Looked for first, so that a password in a URL is never quoted.
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise ValueError("holds user information ('user:password@'); put it under 'credential', kind basic")
    if "?" in text or "#" in text:
        raise ValueError("holds a query or a fragment; put a secret under 'credential', kind query")
    if "//" not in text:
        raise ValueError(f"{quote(text)} isn't a URL; write https://host[:port][/path]")
    try:
        target = parse_url(text.encode())
    except GatewayError as error:
        raise ValueError(f"{quote(text)}: {lower_first(error.detail)}") from None
    return target._replace(path=target.path.rstrip(b"/"))


def parse_webhook_url(text: str) -> Target:
    """Where events are sent. A query may hold a secret, and so may user information: neither is ever quoted."""
    if "@" in text.partition("//")[2].partition("/")[0]:
        raise ValueError("holds user information ('user:password@'), which isn't sent; the signature says who sends")
    try:
        return parse_url(text.encode())
    except GatewayError as error:
        raise ValueError(f"isn't a URL as in https://host[:port]/path: {lower_first(error.detail)}") from None


def parse_method(text: str) -> bytes:
    """A method's name; they are case-sensitive (RFC 9110 §9.1)."""
    if not METHOD.fullmatch(text):
        near = text.upper()
        advice = f"; write {quote(near)}" if METHOD.fullmatch(near) else ""
        raise ValueError(f"{quote(text)} isn't a method{advice}")
    if text in NEVER_FORWARDED:
        raise ValueError(f"{quote(text)} is never forwarded")
    return text.encode()


def parse_path_pattern(text: str) -> PathPattern:
    """A pattern over paths."""
    try:
        return compile_path(text)
    except ValueError as error:
        raise ValueError(str(error).replace(repr(text), quote(text))) from None


def parse_field_name(text: str) -> str:
    """The name of the field that a credential fills."""
    if not TOKEN.fullmatch(text):
        raise ValueError("isn't a field name (letters, digits and '-')")
    if text.lower() in NOT_CREDENTIALS or text.lower().startswith("exeat-"):
        raise ValueError("belongs to the connection, the framing or Exeat itself; it can't hold a credential")
    return text


def parse_segment_prefix(text: str) -> str:
    """What stands in a path before a secret: it begins with a slash, and is written as it leaves."""
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", text):
        raise ValueError("must begin with '/' and hold nothing but what a URL's path may (percent-encode the rest)")
    try:
        check_path(text.encode() + b"x")
    except GatewayError as error:
        raise ValueError(error.detail) from error
    return text


def parse_cookie_name(text: str) -> str:
    """The name of a cookie (RFC 6265 §4.1.1)."""
    if not TOKEN.fullmatch(text):
        raise ValueError("isn't a cookie's name (letters, digits, and the signs of a field's name)")
    return text


def parse_browser_origin(text: str) -> bytes:
    """A web page's origin as browsers send it (RFC 6454 §6.2), or `*`."""
    if text == "*":
        return b"*"
    found = re.fullmatch(r"([a-zA-Z][a-zA-Z0-9+.-]*)://([^/?#@:\[\]]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?(/?)", text)
    if found is None:
        raise ValueError(f"{quote(text)} isn't an origin; write for example https://app.example.com, or '*'")
    scheme, host, port, _ = found.groups()
    near = f"{scheme.lower()}://{_bracketed(host)}"
    if port and int(port) != DEFAULT_PORTS.get(scheme.lower()):
        near += f":{int(port)}"
    if near != text:
        raise ValueError(f"{quote(text)} is not how browsers send it; write {quote(near)}")
    return text.encode()


def _bracketed(host: str) -> str:
    canonical = canonical_host(host)
    return f"[{canonical}]" if ":" in canonical else canonical


def parse_time(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 date or time with its offset; a date is the beginning of that day, UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{quote(text)} isn't a time; write for example 2027-01-31T00:00:00Z") from None
    if len(text) == len("2027-01-31"):
        moment = moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError(f"{quote(text)} has no offset; write {quote(text + 'Z')}")
    return moment.timestamp()


def lower_first(text: str) -> str:
    """A sentence as the rest of a line."""
    return text[:1].lower() + text[1:].removesuffix(".")
