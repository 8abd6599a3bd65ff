"""Name servers that fail, and names that lead to the wrong place: each fault of the table.

The gateway runs where /etc/resolv.conf names the test's own name server.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.checks import check_left
from tests.faults.family import Family
from tests.faults.stand import CALM, Seen, Way, observe
from tests.faults.table import DNS, QUICK_S
from tests.support.certificates import Authority
from tests.support.dns_server import SERVER_FAILED, SILENCE, NameServer, Reply, addresses
from tests.support.origins import Origin
from tests.support.programs import free_port

HERE, NOBODY, BLOCKED = "127.0.0.1", "127.0.0.2", "169.254.169.254"
ZONE = "faults.test"
REPLIES = {
    CALM: addresses(HERE),
    "servers-fail": Reply(code=SERVER_FAILED),
    "servers-silent": SILENCE,
    "no-address": Reply(),
    "other-question": Reply(addresses(HERE).records, other_question="elsewhere.test"),
    "blocked": addresses("10.0.0.1"),
    "one-blocked": addresses(HERE, BLOCKED),
    "nobody-there": addresses(HERE),
    "somebody-else": addresses(HERE),
    "first-refuses": addresses(NOBODY, HERE),
    "slow-name": Reply(addresses(HERE).records, delay_s=QUICK_S / 4),
    "truncated-name": Reply(addresses(HERE).records, truncated=True),
}
NAMES = [CALM, *(fault.name for fault in DNS)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a process name servers of its own"),
]


@contextmanager
def name_server() -> Iterator[NameServer]:
    """A name server in a thread of its own."""
    started, over = threading.Event(), threading.Event()
    zone = {f"{name}.{ZONE}": reply for name, reply in REPLIES.items()}
    server = NameServer(zone)

    async def serve() -> None:
        async with server:
            started.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10)
        yield server
    finally:
        over.set()
        thread.join()


def ways_of(authority: Authority, origins: ExitStack) -> dict[str, Way]:
    """How each fault is brought about: by the name alone, but for who is at its address."""
    good = Origin(context=authority.server_context(*(f"{name}.{ZONE}" for name in NAMES if name != "somebody-else")))
    ports = dict.fromkeys(NAMES, origins.enter_context(good).port) | {"nobody-there": free_port()}
    network = {"private": ["127.0.0.0/8"]}
    tls = {"ca": str(authority.file)}
    return {
        name: Way({"url": f"https://{name}.{ZONE}:{port}", "network": network, "tls": tls})
        for name, port in ports.items()
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it, once."""
    folder = Path(tmp_path_factory.mktemp("dns"))
    with ExitStack() as origins, name_server() as server:
        config = folder / "resolv.conf"
        config.write_text(f"nameserver [127.0.0.1]:{server.port}\n", "ascii")
        script = f'mount --bind {config} /etc/resolv.conf && exec "$@"'
        launcher = ["unshare", "--mount", "sh", "-c", script, "sh"]
        yield observe(DNS, ways_of(Authority(folder), origins), origins, folder, launcher)


@pytest.mark.parametrize("fault", DNS, ids=lambda fault: fault.name)
class TestDns(Family):
    """Each row of the table."""


def test_nothing_is_left(seen: Seen) -> None:
    """When all is over, nothing of it is left."""
    check_left(seen.left)
