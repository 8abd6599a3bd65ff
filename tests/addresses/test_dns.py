"""What a name server may say, however odd: every address that is dialled was judged, or nothing is dialled."""

import asyncio
from dataclasses import replace

import pytest

from tests.addresses.resolving import BLOCKED, FAILED, WELL, in_real_time, plain, resolving
from tests.support.dns_server import (
    NO_SUCH_NAME,
    REFUSED,
    SERVER_FAILED,
    SILENCE,
    Reply,
    address,
    addresses,
    chain,
)

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:2800:21f::1", "2001:4860:4860::8888")
BAD = (
    *("10.0.0.1", "127.0.0.1", "169.254.169.254", "100.100.100.200", "::1", "fe80::1", "fd00:ec2::254"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::7f00:1"),
)
METADATA = ("metadata.google.internal", "Metadata.GOOG", "METADATA", "instance-data", "instance-data.ec2.internal")


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_address_at_any_place(bad: str) -> None:
    """Where one of several addresses is bad none is dialled, wherever it stands and whichever family it has."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(*PUBLIC[:2], bad, *PUBLIC[2:], ttl_s=0))
            scene.server.say("b.test", addresses(*PUBLIC))
            assert (await scene.ask("a")).outcome == BLOCKED
            assert scene.network.dialled == []
            assert (await scene.ask("b")).outcome == WELL
            assert scene.network.dialled[0][0] in PUBLIC

    in_real_time(check())


@pytest.mark.parametrize(
    ("reply", "dialled"),
    [
        (chain("c.test", to=PUBLIC[:1]), True),
        (chain("c.test", to=["10.0.0.1"]), False),
        (chain("c.test", "d.test", to=[PUBLIC[0], "127.0.0.1"]), False),
        (chain(*(f"c{number}.test" for number in range(20)), to=PUBLIC[:1]), True),
        (chain(*(f"c{number}.test" for number in range(20)), to=["169.254.169.254"]), False),
        *((chain(name, to=PUBLIC[:1]), False) for name in METADATA),
        (chain("c.test", "metadata.google.internal", "d.test", to=PUBLIC[:1]), False),
        (chain("x.metadata.google.internal.test", to=PUBLIC[:1]), True),
    ],
)
def test_an_alias(reply: Reply, dialled: bool) -> None:  # noqa: FBT001 - parametrized
    """An alias is judged by the addresses at its end, and refused if it is one of a metadata service's name."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", reply)
            for _ in range(2):  # the second time from what is kept
                asked = await scene.ask()
                assert asked.outcome == (WELL if dialled else BLOCKED)
            assert {host for host, _ in scene.network.dialled} == ({PUBLIC[0]} if dialled else set())
            assert {question.name for question in scene.server.asked} == {"a.test"}

    in_real_time(check())


def test_an_alias_that_becomes_a_metadata_service() -> None:
    """What was known of a name doesn't outlive the answer that it is an alias of a metadata service."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(PUBLIC[0], ttl_s=0), chain(METADATA[0], to=PUBLIC[1:2], ttl_s=0))
            assert (await scene.ask()).outcome == WELL
            scene.advance(2)
            assert (await scene.ask()).dialled == [(PUBLIC[0], 80)]  # judged before, used while it is asked for again
            await asyncio.sleep(0.05)
            assert (await scene.ask()).outcome == BLOCKED

    in_real_time(check())


@pytest.mark.parametrize("bad", [None, "169.254.169.254"])
def test_an_answer_that_needs_tcp(bad: str | None) -> None:
    """A truncated answer is asked for again over TCP, and what comes there is judged like any other."""

    async def check() -> None:
        async with resolving() as scene:
            texts = (*PUBLIC, bad) if bad else PUBLIC
            scene.server.say("a.test", replace(addresses(*texts), truncated=True))
            assert (await scene.ask()).outcome == (BLOCKED if bad else WELL)
            assert {question.way for question in scene.server.asked} == {"udp", "tcp"}

    in_real_time(check())


@pytest.mark.parametrize("bad", [None, "10.0.0.1"])
def test_an_answer_of_a_thousand_addresses(bad: str | None) -> None:
    """A thousand addresses are judged, every one, and the first that connects is the one."""

    async def check() -> None:
        many = [f"11.0.{number // 250}.{number % 250 + 1}" for number in range(1000)]
        async with resolving() as scene:
            scene.server.say("a.test", addresses(*many[:777], *([bad] if bad else []), *many[777:]))
            asked = await scene.ask()
            assert asked.outcome == (BLOCKED if bad else WELL)
            assert len(asked.dialled) == (0 if bad else 1)
            assert {host for host, _ in asked.dialled} <= set(many)

    in_real_time(check())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(code=NO_SUCH_NAME),
        Reply(code=SERVER_FAILED),
        Reply(code=REFUSED),
        Reply(),
        chain("c.test", "a.test", to=[]),
        chain("c.test", to=[]),
    ],
    ids=["no such name", "server failed", "refused", "no address", "alias loop", "alias of nothing"],
)
def test_no_address(reply: Reply) -> None:
    """A name without addresses is `dns-failed`: nothing is dialled, and no other name is asked for."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", reply)
            scene.server.say("b.test", addresses(PUBLIC[0]))
            assert (await scene.ask("a")).outcome == FAILED
            assert {question.name for question in scene.server.asked} == {"a.test"}
            assert (await scene.ask("b")).dialled == [(PUBLIC[0], 80)]

    in_real_time(check())


@pytest.mark.parametrize(
    "reply",
    [
        SILENCE,
        replace(addresses(PUBLIC[0]), other_id=True),
        replace(addresses(PUBLIC[0]), other_question="other.test"),
        replace(addresses(PUBLIC[0]), delay_s=5.0),
    ],
    ids=["silent", "another identifier", "another question", "too late"],
)
def test_no_answer_in_time(reply: Reply) -> None:
    """Silence, and answers to something else, are `dns-failed` after the upstream's own time; nothing is dialled."""

    async def check() -> None:
        async with resolving(a=plain("http://a.test", dns="400ms")) as scene:
            scene.server.say("a.test", reply)
            began = asyncio.get_running_loop().time()
            assert (await scene.ask()).outcome == FAILED
            assert 0.3 < asyncio.get_running_loop().time() - began < 2.0
            assert scene.network.dialled == []

    in_real_time(check())


def test_a_name_that_takes_longer_than_others() -> None:
    """A name that takes the name server far longer than any before is waited for."""

    async def check() -> None:
        names = {f"n{number}": plain(f"http://n{number}.test") for number in range(4)}
        async with resolving(slow=plain("http://slow.test"), **names) as scene:
            for name in names:
                scene.server.say(f"{name}.test", addresses(PUBLIC[0], PUBLIC[2]))
                assert (await scene.ask(name)).outcome == WELL
            scene.server.say("slow.test", replace(addresses(PUBLIC[1]), delay_s=0.6))
            asked = await scene.ask("slow")
            assert asked.outcome == WELL
            assert asked.dialled == [(PUBLIC[1], 80)]

    in_real_time(check())


def test_an_answer_says_nothing_of_other_names() -> None:
    """Records of another name poison nothing: that name is asked for itself, and what came in their place is judged."""

    async def check() -> None:
        async with resolving() as scene:
            other = address("8.8.4.4", owner="b.test", ttl_s=3600)
            scene.server.say("a.test", replace(addresses(PUBLIC[0]), additional=(other,)))
            scene.server.say("b.test", addresses(PUBLIC[1]))
            assert (await scene.ask("a")).dialled == [(PUBLIC[0], 80)]
            assert (await scene.ask("b")).dialled == [(PUBLIC[1], 80)]
            assert scene.server.count("b.test") == 1

    in_real_time(check())


def test_a_record_of_another_name_is_judged_too() -> None:
    """A resolver that takes a record of another name into an answer has it judged with the rest."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", Reply((address(PUBLIC[0]), address("10.0.0.1", owner="b.test"))))
            assert (await scene.ask()).outcome == BLOCKED
            assert scene.network.dialled == []

    in_real_time(check())


def test_own_names_of_this_machine() -> None:
    """`localhost` and names below it are loopback without being asked for, and refused like loopback."""

    async def check() -> None:
        async with resolving(a=plain("http://localhost"), b=plain("http://x.localhost")) as scene:
            for name in ("a", "b"):
                assert (await scene.ask(name)).outcome == BLOCKED
            assert scene.server.asked == []

    in_real_time(check())
