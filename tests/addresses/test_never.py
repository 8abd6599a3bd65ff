"""What can't be granted: no document, whatever it says, has a metadata service or link-local address dialled."""

import functools
import tempfile
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.problem import DocumentError
from exeat.model.snapshot import Snapshot
from tests.addresses import oracle, spellings, world
from tests.addresses.entrances import ENTRANCES, Entrance, can_carry, envelope, refusals, render
from tests.addresses.oracle import METADATA_NAMES, NEVER, carry
from tests.addresses.spellings import Url
from tests.support.dialled import StubNames, Watched, consumer
from tests.support.in_process import compile_document
from tests.support.transports import run

WIDEST_4 = ("10.0.0.0/8", "100.0.0.0/8", "127.0.0.0/8", "168.0.0.0/8", "192.0.0.0/8", "172.16.0.0/12", "240.0.0.0/8")
WIDEST = (*WIDEST_4, "fc00::/8", "fd00::/9", "::1/128")  # what a document may grant at the most, near what it may not
METADATA_4 = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0")  # noqa: S104 - never bound
PREFIXES = ("2600:64::/32", "2600:6464:6400::/40", "2600:64:64::/48", "2600:64:64:6400::/56", "2600:64:64:64::/64")
PUBLIC = "93.184.215.14"


def samples(network: str) -> list[str]:
    """Addresses of a network: the first and the last."""
    return sorted({str(ip_network(network)[place]) for place in (0, -1)})


def written(address: str) -> str:
    """An address as a URL has it."""
    return f"[{address}]" if ":" in address else address


def grants(address: str, network: str) -> Iterator[Mapping[str, object]]:
    """Documents that try everything to have an address dialled: as an upstream, and behind a destination's name."""
    exact = f"{address}/{ip_address(address).max_prefixlen}"
    url = f"http://{written(address)}"
    for private in (["0.0.0.0/0"], ["::/0"], [exact], [network], [f"::ffff:{PUBLIC}/128"], [*WIDEST]):
        rules = {"plaintext": True, "network": {"private": private, "mode": "report"}}
        yield {
            "upstreams": {"t": {"url": "http://a.test", **rules}},
            "destinations": [{"host": "b.test", "private": private, "mode": "report", "plaintext": True}],
        }
        yield {"upstreams": {"t": {"endpoints": [f"http://{PUBLIC}", url], **rules}}}
    yield {"upstreams": {"t": {"url": url, "plaintext": True}}, "network": {"nat64": ["64:ff9b::/96"]}}


def compiled(document: Mapping[str, object]) -> Snapshot | None:
    """The snapshot of a document; None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return compile_document({**document, "consumers": consumer(world.KEY)}, Path(folder))
        except DocumentError:
            return None


def dialled(
    snapshot: Snapshot, addresses: tuple[str, ...], url: str = "http://a.test"
) -> tuple[set[str], set[str | None]]:
    """What is dialled, and how it is answered, when an upstream and a URL with these addresses are called."""
    requests = [b"GET /t/p HTTP/1.1\r\nHost: gw.test\r\n" + world.LINE, envelope({"url": url}, world.LINE)]

    async def ask() -> tuple[set[str], set[str | None]]:
        async with Watched(snapshot, None, StubNames({name: [addresses] for name in ("a.test", "b.test")})) as watched:
            codes = set()
            for request in requests:
                codes.add((await watched.ask(request)).outcome[1])
                watched.drop_connections()
            return {host for host, _ in watched.network.dialled}, codes

    return run(ask())


REFUSED = {"address-blocked", "upstream-unknown", "target-not-allowed"}


@pytest.mark.parametrize("network", NEVER)
def test_no_document_grants_it(network: str) -> None:
    """Each network that can't be granted: a document that tries is refused, or else the dial is."""
    accepted = 0
    for address in samples(network):
        for document in grants(address, network):
            snapshot = compiled(document)
            if snapshot is not None:
                accepted += 1
                hosts, codes = dialled(snapshot, (address,), "http://b.test")
                assert hosts == set()
                assert codes <= REFUSED
    assert accepted, "at least one document is accepted, so that there is something to refuse"


@pytest.mark.parametrize("prefix", [*PREFIXES, "2600:64:64:64::/96", *oracle.NAT64[:1], "64:ff9b:1::/48"])
@pytest.mark.parametrize("address", METADATA_4)
def test_not_through_an_operators_nat64(prefix: str, address: str) -> None:
    """A metadata address within the operator's own NAT64 prefix is one, however it is named; a public one isn't."""
    document = {
        "upstreams": {"t": {"url": "http://a.test", "plaintext": True, "network": {"mode": "report"}}},
        "destinations": [{"host": "a.test", "plaintext": True, "mode": "report"}],
        "network": {"nat64": [prefix]},
    }
    snapshot = compiled(document)
    assert snapshot is not None
    assert dialled(snapshot, (carry(prefix, address),)) == (set(), {"address-blocked"})
    assert dialled(snapshot, (carry(prefix, "8.8.8.8"),)) == ({carry(prefix, "8.8.8.8")}, {None})


@pytest.mark.parametrize(
    "prefix",
    [
        *("fe80::/64", "fe80::/96", "fd00:ec2::/32", "fd00:ec2::/96", "fd20:ce::/64", "ff02::/96", "::/96"),
        *("::ffff:0:0/96", "2002:a9fe::/32", "2001::/32", "::ffff:0:0:0/96"),
    ],
)
def test_no_prefix_makes_an_address_another(prefix: str) -> None:
    """What can't be granted isn't allowed for being listed as a NAT64 prefix, whatever it then seems to carry."""
    snapshot = compiled(
        {
            "upstreams": {"t": {"url": "http://a.test", "plaintext": True, "network": {"mode": "report"}}},
            "network": {"nat64": [prefix]},
        }
    )
    if snapshot is None:
        return
    found = [carry(prefix, "8.8.8.8"), str(IPv6Address(int(ip_network(prefix)[0]) + 0x254))]
    for address in (address for address in found if oracle.judge(address, report=True) == "deny"):
        assert dialled(snapshot, (address,))[0] == set()


def test_prefixes_that_overlap() -> None:
    """An address within two prefixes carries two IPv4 addresses, and both have to pass."""
    outer, inner = "2600:64::/32", "2600:64:808:808::/96"
    address = carry(inner, "169.254.169.254")  # in the outer prefix it reads as 8.8.8.8
    assert oracle.carried_by(ip_address(address), [outer]) == [ip_address("8.8.8.8")]
    for prefixes in ([outer, inner], [inner, outer]):
        snapshot = compiled(
            {"upstreams": {"t": {"url": "http://a.test", "plaintext": True}}, "network": {"nat64": prefixes}}
        )
        assert snapshot is not None
        assert dialled(snapshot, (address,))[0] == set()


names = spellings.names(st.sampled_from(sorted(METADATA_NAMES)))


@given(name=names, entrance=st.sampled_from(ENTRANCES), answer=st.sampled_from([PUBLIC, "10.0.0.1", "169.254.169.254"]))
def test_no_spelling_of_a_metadata_name(name: spellings.Spelling, entrance: Entrance, answer: str) -> None:
    """The name of a metadata service isn't even looked up, in any spelling, though the document lists it."""
    url = Url(f"http://{name.text}", None)

    async def ask() -> None:
        zone = StubNames({str(name.host): [(answer,)]})
        async with Watched(listing(), None, zone) as watched:
            asked = await watched.ask(render(url.text, entrance, world.LINE))
        expected = {"address-blocked"} if can_carry(url.text, entrance) else refusals(url.text, entrance)
        assert asked.outcome[1] in expected
        assert (asked.dialled, zone.asked) == ([], [])

    run(ask())


@functools.cache
def listing() -> Snapshot:
    """A document that lists the names of metadata services, and grants what it can."""
    snapshot = compiled(
        {
            "destinations": [
                {"host": name, "plaintext": True, "private": list(WIDEST), "mode": "report"}
                for name in sorted(METADATA_NAMES)
            ]
        }
    )
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("name", sorted(METADATA_NAMES))
def test_no_upstream_is_a_metadata_service(name: str) -> None:
    """An upstream at the name of a metadata service refuses the document."""
    for text in (name, name.upper(), name + "."):
        assert (
            compiled({"upstreams": {"t": {"url": f"https://{text}", "network": {"private": ["10.0.0.0/8"]}}}}) is None
        )
