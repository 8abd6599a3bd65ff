"""Any spelling of any place, in any way of naming it: what is dialled was allowed, and the rest is refused by name."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.model.retries import DEFAULT
from exeat.proxy.names import Answer
from tests.addresses import oracle, spellings, world
from tests.addresses.entrances import ENTRANCES, Entrance, can_carry, refusals, render
from tests.addresses.spellings import Url, is_address
from tests.support.access import attempts_of
from tests.support.dialled import Asked, StubNames, Watched
from tests.support.transports import run

MOST_ATTEMPTS = 1 + DEFAULT.limit  # that no connection is made is tried again, as far as the budget allows


class Call(NamedTuple):
    """A URL, named in one way, and the addresses that its host resolves to."""

    url: Url
    entrance: Entrance
    addresses: tuple[str, ...]


class Zone(StubNames):
    """Name servers that have every name: each has one of a few answers."""

    def __init__(self, answers: list[tuple[str, ...]]) -> None:
        super().__init__()
        self._answers = answers

    async def __call__(self, host: str) -> Answer:
        """The addresses of a name."""
        self.asked.append(host)
        return Answer(self.addresses(host), 60)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The same ones each time."""
        return self._answers[sum(host.encode()) % len(self._answers)]


urls = spellings.urls(world.names) | spellings.spelt(world.places)


def ask(made: list[tuple[Url, Entrance]], zone: Zone) -> list[tuple[Call, Asked, list[str]]]:
    """What comes of each call at one gateway, and the names that were looked up for it."""

    async def converse() -> list[tuple[Call, Asked, list[str]]]:
        found = []
        async with Watched(world.snapshot(), None, zone) as watched:
            for url, entrance in made:
                zone.asked.clear()
                asked = await watched.ask(render(url.text, entrance, world.LINE))
                watched.drop_connections()
                host = url.meaning[1] if url.meaning else ""
                found.append((Call(url, entrance, zone.addresses(host)), asked, list(zone.asked)))
        return found

    return run(converse())


def expected(call: Call) -> set[str] | list[tuple[str, int]]:
    """The codes that may refuse a call, or what each attempt of it dials until something answers."""
    meaning = call.url.meaning
    if meaning is None or not can_carry(call.url.text, call.entrance):
        return refusals(call.url.text, call.entrance)
    judged = world.judge(meaning, call.addresses)
    return {judged} if isinstance(judged, str) else judged


def check(call: Call, asked: Asked, looked_up: list[str]) -> None:
    """One call came out as the oracle says."""
    outcome = expected(call)
    status, code = asked.outcome
    assert [line["error"] for line in asked.lines[:1]] == [code]
    if isinstance(outcome, set):
        assert code in outcome
        assert asked.dialled == []
    else:
        assert call.url.meaning is not None
        answers = call.url.meaning[0] == "http"  # TLS is dropped by everyone here
        attempts = attempts_of(asked.lines[0])
        assert len(attempts) == 1 if answers else 1 <= len(attempts) <= MOST_ATTEMPTS
        assert asked.dialled == (outcome[:1] if answers else outcome * len(attempts))
        assert (status, code) == ((200, None) if answers else (502, "connect-failed"))
        for sent in asked.sent:
            check_sent(call.url.meaning, sent)
    assert set(looked_up) <= names_needed(call, code)


def check_sent(meaning: tuple[str, str, int], sent: bytes) -> None:
    """What was sent names the canonical host and no other: in Host, or in the ClientHello (RFC 6066 §3)."""
    scheme, host, port = meaning
    if scheme == "http":
        written = f"[{host}]" if ":" in host else host
        authority = written if port == 80 else f"{written}:{port}"
        assert sent == b"GET /p HTTP/1.1\r\nHost: %b\r\n\r\n" % authority.encode()
        return
    named = b"\0" + len(host).to_bytes(2) + host.encode()
    assert (named in sent) is not is_address(host)


def names_needed(call: Call, code: str | None) -> set[str]:
    """The names that may be asked for: the canonical host, once it was allowed, and nothing before."""
    meaning = call.url.meaning
    if meaning is None or is_address(meaning[1]) or meaning[1] in oracle.METADATA_NAMES:
        return set()
    return {meaning[1]} if code in {None, "dns-failed", "address-blocked", "connect-failed"} else set()


@settings(max_examples=150)
@given(
    made=st.lists(st.tuples(urls, st.sampled_from(ENTRANCES)), min_size=8, max_size=8),
    answers=st.lists(spellings.answers, min_size=3, max_size=3),
)
def test_every_spelling_in_every_way(made: list[tuple[Url, Entrance]], answers: list[tuple[str, ...]]) -> None:
    """What is dialled is what the oracle allows for what the spelling means; everything else has its own code."""
    for call, asked, looked_up in ask(made, Zone(answers)):
        check(call, asked, looked_up)
