"""One document with upstreams and destinations of every kind, and what it allows, worked out a second time."""

import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from exeat.model.snapshot import Snapshot
from tests.addresses import oracle
from tests.addresses.spellings import PORTS, Place, is_address
from tests.support.dialled import consumer
from tests.support.gateway import make_key
from tests.support.in_process import compile_document

KEY = make_key()
LINE = b"Exeat-Key: %b\r\n\r\n" % KEY.key.encode()
NAT64 = "2001:4860:64::/96"


class Rule(NamedTuple):
    """What the document says of a place: the ports by scheme, and the networks that it grants."""

    ports: dict[str, int]
    granted: tuple[str, ...] = ()
    report: bool = False
    is_granted: bool = True


UPSTREAMS = {
    "known": ("https://known.example.com:8443", ()),
    "plain": ("http://plain.example.com", ()),
    "public": ("https://8.8.8.8", ()),
    "six": ("https://[2606:2800:21f::1]:8443", ()),
    "lan": ("http://10.1.2.3:8080", ("10.1.2.0/24",)),
    "self": ("http://[::1]:8080", ("::1/128",)),
}
BOTH, SECURE = PORTS, {"https": 443}
DESTINATIONS = {
    "api.example.com": Rule(BOTH),
    "*.wild.example.com": Rule(SECURE),
    "listed.wild.example.com": Rule(SECURE, is_granted=False),
    "port.example.com:8443": Rule({"https": 8443}),
    "*.corp.example": Rule(BOTH, ("10.0.0.0/8", "fd12::/16", "127.0.0.0/8")),
    "xn--bcher-kva.example": Rule(SECURE),
    "*.google.internal": Rule(BOTH),
    "metadata.goog": Rule(BOTH),
    "instance-data": Rule(BOTH),
    "reported.example.com": Rule(BOTH, report=True),
}
NAMES = (
    *("api.example.com", "api.example.com", "a.wild.example.com", "a.b.wild.example.com", "wild.example.com"),
    *("listed.wild.example.com", "port.example.com", "billing.corp.example", "db.billing.corp.example"),
    *("xn--bcher-kva.example", "metadata.google.internal", "a.google.internal", "metadata.goog", "instance-data"),
    *(
        "reported.example.com",
        "known.example.com",
        "plain.example.com",
        "xapi.example.com",
        "api.example.com.evil.test",
    ),
    *("evil.test", "localhost", "example.com", "a-b.corp.example", "a_b.corp.example"),
)
PLACES: tuple[Place, ...] = (
    *(("https", "known.example.com", 8443), ("http", "plain.example.com", 80), ("https", "8.8.8.8", 443)),
    *(("https", "2606:2800:21f::1", 8443), ("http", "10.1.2.3", 8080), ("http", "::1", 8080)),
    *(("https", "port.example.com", 8443), ("https", "a.b.wild.example.com", 443)),
    *((scheme, name, PORTS[scheme]) for name in NAMES for scheme in ("http", "https")),
)
names, places = st.sampled_from(NAMES), st.sampled_from(PLACES)


def document() -> dict[str, object]:
    """The document."""
    listed: list[object] = []
    for text, rule in DESTINATIONS.items():
        mode = "report" if rule.report else "enforce"
        entry = {"host": text, "plaintext": "http" in rule.ports, "mode": mode}
        listed.append(entry | ({"private": list(rule.granted)} if rule.granted else {}))
    grants = [{"upstream": "*"}, *({"destination": text} for text, rule in DESTINATIONS.items() if rule.is_granted)]
    entries: dict[str, dict[str, object]] = {
        name: {"url": url, "plaintext": True, "circuit": "off"}
        | ({"network": {"private": list(granted)}} if granted else {})
        for name, (url, granted) in UPSTREAMS.items()
    }
    more = {"network": {"nat64": [NAT64]}}
    entries["plain"]["hosts"] = ["plain.gateway.example"]
    return {"upstreams": entries, "destinations": listed, "consumers": consumer(KEY, *grants), **more}


@functools.cache
def snapshot() -> Snapshot:
    """The document, compiled once."""
    with tempfile.TemporaryDirectory() as folder:
        return compile_document(document(), Path(folder))


def judge(meaning: Place, found: tuple[str, ...]) -> str | list[tuple[str, int]]:
    """What has to come of a call: the code of its refusal, or what may be dialled, in this order."""
    scheme, host, port = meaning
    rule = _rule(scheme, host, port)
    if isinstance(rule, str):
        return rule
    if host in oracle.METADATA_NAMES:
        return "address-blocked"
    addresses = (host,) if is_address(host) else found
    if not addresses:
        return "dns-failed"
    verdicts = {oracle.judge(address, rule.granted, report=rule.report, nat64=[NAT64]) for address in addresses}
    return "address-blocked" if "deny" in verdicts else [(address, port) for address in addresses]


def _rule(scheme: str, host: str, port: int) -> str | Rule:
    """The rule for a place, or the code of its refusal."""
    written = f"[{host}]" if ":" in host else host
    for url, granted in UPSTREAMS.values():
        default = PORTS[scheme]
        if url in {f"{scheme}://{written}:{port}", f"{scheme}://{written}" if port == default else ""}:
            return Rule({}, granted)
    text = _destination(host)
    if text is None:
        return "target-not-allowed"
    rule = DESTINATIONS[text]
    if not rule.is_granted:
        return "grant-missing"
    if scheme not in rule.ports:
        return "plaintext-refused"
    return rule if rule.ports[scheme] == port else "port-not-allowed"


def _destination(host: str) -> str | None:
    """The destination for a host: the exact one, or the longest pattern whose labels it ends in."""
    for text in DESTINATIONS:
        if text.partition(":")[0] == host:
            return text
    labels = host.split(".")
    for count in range(1, len(labels)):
        pattern = "*." + ".".join(labels[count:])
        if pattern in DESTINATIONS:
            return pattern
    return None
