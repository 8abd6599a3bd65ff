"""Dialling: what is judged is what is dialled, and what is refused is never dialled."""

import asyncio
import errno
import os
import resource
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from exeat.errors import Code
from exeat.model.upstream import Reach
from exeat.proxy.dial import is_local
from tests.proxy.dialling import PUBLIC, Desk
from tests.support.transports import run
from tests.support.values import route

OTHER, PRIVATE, METADATA = "2606:2800:21f::1", "10.1.2.3", "169.254.169.254"
LOOPBACK = Reach((ip_network("127.0.0.0/8"), ip_network("::1/128")))


def test_a_name_is_dialled_by_its_judged_address() -> None:
    """The name is resolved once, and the connection goes to the address that was judged, by number."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,)})
        connection = await desk.dial(route("http://api.test:8080"))
        assert desk.network.dialled == [(PUBLIC, 8080)]
        assert desk.asked == ["api.test"]
        assert connection.is_open

    run(check())


@pytest.mark.parametrize("address", [PUBLIC, OTHER])
def test_an_address_is_no_name(address: str) -> None:
    """A literal address is judged and dialled without asking for it."""

    async def check() -> None:
        desk = Desk()
        host = f"[{address}]" if ":" in address else address
        await desk.dial(route(f"http://{host}"))
        assert desk.network.dialled == [(address, 80)]
        assert desk.asked == []

    run(check())


@pytest.mark.parametrize(
    "addresses",
    [
        (PRIVATE,),
        (METADATA,),
        (PUBLIC, PRIVATE),
        (PRIVATE, PUBLIC),
        (PUBLIC, OTHER, "::ffff:127.0.0.1"),
        ("127.0.0.1",),
        ("not an address",),
        (PUBLIC, "fe80::1%eth0"),
    ],
)
def test_one_bad_address_refuses_all(addresses: tuple[str, ...]) -> None:
    """Where any address of a name is bad none is dialled, and the refusal doesn't say which address it was."""

    async def check() -> None:
        desk = Desk({"api.test": addresses})
        detail = await desk.refused(route("http://api.test"), Code.ADDRESS_BLOCKED)
        assert desk.network.dialled == []
        assert not any(address in detail for address in addresses)

    run(check())


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata", "instance-data"])
def test_metadata_services_by_name(host: str) -> None:
    """The names of metadata services aren't even asked for."""

    async def check() -> None:
        desk = Desk({host: (PUBLIC,)})
        await desk.refused(route(f"http://{host}"), Code.ADDRESS_BLOCKED)
        assert desk.asked == []
        assert desk.network.dialled == []

    run(check())


def test_a_granted_network() -> None:
    """A private address is dialled where the route grants its network, and only there."""

    async def check() -> None:
        desk = Desk({"api.test": (PRIVATE,)})
        await desk.refused(route("http://api.test"), Code.ADDRESS_BLOCKED)
        await desk.dial(route("http://api.test", reach=Reach((ip_network("10.1.0.0/16"),))))
        assert desk.network.dialled == [(PRIVATE, 80)]

    run(check())


def test_report_mode() -> None:
    """In report mode a private address is dialled and what would have been refused is said; metadata never is."""

    async def check() -> None:
        desk = Desk({"api.test": (PRIVATE,), "cloud.test": (METADATA,)})
        reach = Reach((), report=True)
        await desk.dial(route("http://api.test", reach=reach))
        assert [(said.outcome, said.code) for said in desk.reported] == [("report", Code.ADDRESS_BLOCKED)]
        await desk.refused(route("http://cloud.test", reach=reach), Code.ADDRESS_BLOCKED)
        assert desk.network.dialled == [(PRIVATE, 80)]

    run(check())


@pytest.mark.parametrize(
    ("own", "address", "port", "loops"),
    [
        ("127.0.0.1", "127.0.0.1", 8080, True),
        ("127.0.0.1", "127.0.0.1", 8081, False),
        ("127.0.0.1", "127.0.0.2", 8080, False),
        ("0.0.0.0", "127.0.0.2", 8080, True),  # noqa: S104 - compared, not bound
        ("::", "127.0.0.1", 8080, True),
        ("", "127.0.0.1", 8080, True),
        ("0:0::1", "::1", 8080, True),
    ],
)
def test_the_gateway_does_not_call_itself(own: str, address: str, port: int, loops: bool) -> None:  # noqa: FBT001
    """An address and port of Exeat's own listeners is a loop, whatever is granted."""
    if ":" in address and not is_local(address):
        pytest.skip("this machine has no IPv6")

    async def check() -> None:
        desk = Desk({"self.test": (address,)}, [(own, 8080)])
        way = route(f"http://self.test:{port}", reach=LOOPBACK)
        if loops:
            await desk.refused(way, Code.LOOP_DETECTED)
        else:
            await desk.dial(way)
        assert bool(desk.network.dialled) is not loops

    run(check())


def test_what_is_this_machine() -> None:
    """An address is this machine's own only if a socket can be bound to it."""
    assert is_local("127.0.0.1")
    assert not is_local("203.0.113.7")
    assert not is_local("2001:db8::7")


def test_the_next_address_when_one_refuses() -> None:
    """The first address that takes the connection is the one; those before it have refused."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC, OTHER)})
        desk.network.refused.add(PUBLIC)
        await desk.dial(route("http://api.test"))
        assert desk.network.dialled == [(PUBLIC, 80), (OTHER, 80)]

    run(check())


def test_the_next_address_when_one_says_nothing() -> None:
    """An address that doesn't answer has its share of the time, so that the next one has some too."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC, OTHER)})
        desk.network.silent.add(PUBLIC)
        began = asyncio.get_running_loop().time()
        await desk.dial(route("http://api.test"))
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.5, abs=0.01)

    run(check())


def test_no_address_answers() -> None:
    """When all refuse it is `connect-failed`, when the last says nothing `connect-timeout`, after the time there is."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC, OTHER)})
        desk.network.refused.update({PUBLIC, OTHER})
        detail = await desk.refused(route("http://api.test"), Code.CONNECT_FAILED)
        assert PUBLIC not in detail
        desk.network.refused.clear()
        desk.network.silent.update({PUBLIC, OTHER})
        began = asyncio.get_running_loop().time()
        await desk.refused(route("http://api.test"), Code.CONNECT_TIMEOUT)
        assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)

    run(check())


def test_a_connection_that_leads_elsewhere() -> None:
    """A connection whose peer isn't the judged address is dropped before a byte is sent."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,)})
        desk.network.misled = {PUBLIC: PRIVATE}
        await desk.refused(route("http://api.test"), Code.INTERNAL)
        assert desk.network.connections[0].end == "aborted"
        assert desk.network.connections[0].sent == b""

    run(check())


@pytest.mark.parametrize("own", [(), [("127.0.0.1", 9)]])
def test_no_descriptor_left(own: Sequence[tuple[str, int]]) -> None:
    """Where the machine has no descriptor left it is the gateway that is overloaded, and no guard is left out."""

    async def check() -> None:
        desk = Desk(own=own)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = [os.open(os.devnull, os.O_RDONLY)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 1, hard))
        try:
            if not own:
                desk.network.failing = {"127.0.0.1": OSError(errno.EMFILE, "Too many open files")}
            detail = await desk.refused(route("http://127.0.0.1:9", reach=LOOPBACK), Code.OVERLOADED)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(held[0])
        assert "Too many open files" in detail

    run(check())
