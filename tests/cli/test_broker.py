"""The broker of tokens against real token endpoints, with a pace that doesn't keep a test waiting."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from time import CLOCK_REALTIME, clock_gettime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exeat.cli.control.supply import COUNTS, DEFAULT_PACE, REFUSED
from exeat.model.token import token_print
from exeat.model.upstream import Reach
from tests.support.brokers import QUICK, Desk, client, until
from tests.support.certificates import Authority
from tests.support.markers import MARKERS
from tests.support.token_server import (
    Answerer,
    Ask,
    TokenServer,
    claims_of,
    cut,
    failing,
    flood,
    giving,
    hang,
    refusing,
    reset,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all endpoints."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Desk:
    """A folder of its own."""
    return Desk(tmp_path, authority)


def test_a_token_is_fetched_before_it_is_wanted(desk: Desk) -> None:
    """Each source's token is fetched at once, and told with its life; nothing more is asked."""

    async def run(server: TokenServer) -> None:
        first, second = desk.sources(client(server.url), client(server.url, scope="read"))
        async with desk.broker(first, second):
            await until(lambda: len(desk.news) == 2)
            await asyncio.sleep(0.1)
        assert {news.source for news in desk.news} == {first.id, second.id}
        assert {news.token.reveal() for news in desk.news if news.token} == set(server.tokens)
        assert all(news.expires_in_s == pytest.approx(3600, abs=1) for news in desk.news)
        assert all(news.reason is None for news in desk.news)
        assert [ask.form.get("scope") for ask in sorted(server.asks, key=lambda ask: len(ask.form))] == [None, "read"]

    with TokenServer(desk.authority) as server:
        asyncio.run(run(server))


def test_when_a_token_is_renewed() -> None:
    """At four fifths of its life, a minute before its end where it has that long, less what chance takes away."""
    renew = DEFAULT_PACE.renew_in_s
    assert [renew(life, 0.0) for life in (3600.0, 600.0, 200.0, 120.0, 100.0, 10.0)] == [2880, 480, 140, 60, 80, 8]
    assert renew(3600.0, 1.0) == pytest.approx(2592)
    assert renew(None, 0.0) == renew(3600.0, 0.0)
    assert renew(0.5, 0.0) == 1.0
    assert renew(10.0**9, 0.5) == 7 * 86400.0


def test_how_failures_are_followed() -> None:
    """A second, twice as long each time up to a minute; longer for what nobody but an operator mends; Retry-After."""

    def pauses(*, is_passing: bool, again_in_s: float | None = None) -> list[float]:
        return [
            DEFAULT_PACE.pause_s(failures, 0.0, is_passing=is_passing, again_in_s=again_in_s)
            for failures in (1, 2, 6, 7, 10_000)
        ]

    assert pauses(is_passing=True) == [1, 2, 32, 60, 60]
    assert pauses(is_passing=False) == [30, 60, 300, 300, 300]
    assert pauses(is_passing=True, again_in_s=45.0) == [45, 45, 45, 60, 60]
    assert DEFAULT_PACE.pause_s(7, 1.0, is_passing=True, again_in_s=None) == 66


def test_a_token_is_renewed_before_its_end(desk: Desk) -> None:
    """The next one is there while the one before is good, again and again."""

    async def run(server: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            await until(lambda: len(server.asks) >= 3)
        gaps = [after.at - before.at for before, after in zip(server.asks, server.asks[1:], strict=False)]
        assert all(1.5 < gap < 2.1 for gap in gaps)

    with TokenServer(desk.authority, lives_s=2) as server:
        asyncio.run(run(server))


FAILURES: dict[str, tuple[Answerer, str]] = {
    "500": (failing(), "answered 500"),
    "503": (failing("503 Service Unavailable"), "answered 503"),
    "429": (failing("429 Too Many Requests", "Retry-After: 0"), "answered 429"),
    "400": (refusing("invalid_request"), r"answered 400 \(invalid_request\)"),
    "401": (refusing("invalid_client", status="401 Unauthorized"), r"answered 401 \(invalid_client\)"),
    "hangs": (hang, "didn't answer within 0.4 s"),
    "reset": (reset, "closed the connection"),
    "cut": (cut, "ended in the middle"),
    "too much": (flood, "larger than"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_and_tried_again(desk: Desk, name: str) -> None:
    """Whoever waits is told why, and when it is tried again; then there is a token. The log says both once."""
    answer, words = FAILURES[name]

    async def run(server: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            failed = await desk.hear_since(0)
            assert (failed.token, failed.expires_in_s) == (None, None)
            assert failed.again_in_s is not None
            assert 0 < failed.again_in_s < 1
            assert failed.reason is not None
            assert re.search(words, failed.reason), failed.reason
            assert not failed.reason.endswith(".")
            fine = await desk.hear_since(1, lambda news: news.token is not None)
            assert fine.reason is None
        assert len(desk.said(REFUSED)) == 1
        assert len(desk.said("a token is fetched again")) == 1

    with TokenServer(desk.authority) as server:
        server.then(answer, answer, answer)
        asyncio.run(run(server))
    assert server.most_under_way == 1


def test_redirects_are_not_followed(desk: Desk) -> None:
    """What is shown to an endpoint isn't sent anywhere else."""

    async def run(server: TokenServer, other: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            news = await desk.hear_since(0)
            assert news.reason is not None
            assert "redirect" in news.reason
            await asyncio.sleep(0.05)
        assert other.asks == []

    with TokenServer(desk.authority) as server, TokenServer(desk.authority) as other:
        server.always(failing("307 Temporary Redirect", f"Location: {other.url}"))
        asyncio.run(run(server, other))


def test_who_the_endpoint_is(desk: Desk, tmp_path: Path) -> None:
    """A certificate of another authority, and a private address, are refused before anything is sent."""
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")

    async def reason(server: TokenServer, reach: Reach | None = None) -> str:
        desk.news.clear()
        (source,) = desk.sources(client(server.url))
        async with desk.broker(source if reach is None else replace(source, reach=reach)):
            return (await desk.hear_since(0)).reason or ""

    with TokenServer(stranger) as server:
        assert "TLS with" in asyncio.run(reason(server))
        assert server.asks == []
    with TokenServer(desk.authority) as server:
        assert "private or reserved" in asyncio.run(reason(server, Reach()))
        assert server.origin.connections == 0
        assert asyncio.run(reason(server)) == ""


def test_the_last_token_counts_until_its_end(desk: Desk) -> None:
    """While the endpoint fails, the token is told with what is left of its life; at its end, there is none."""

    async def run(server: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            first = await desk.hear_since(0)
            server.always(failing())
            failed = await desk.hear_since(1)
            assert failed.token == first.token
            assert failed.expires_in_s is not None
            assert failed.expires_in_s < 1
            assert failed.reason is not None
            ended = await desk.hear_since(1, lambda news: news.token is None)
            assert ended.reason is not None
            server.always(None)
            fine = await desk.hear_since(len(desk.news), lambda news: news.token is not None)
            assert fine.token != first.token
        assert len(desk.said(COUNTS)) == len(desk.said(REFUSED)) == 1

    with TokenServer(desk.authority, lives_s=2.2) as server:
        asyncio.run(run(server))


def test_a_refused_token_is_fetched_anew(desk: Desk) -> None:
    """A refusal brings another token, once for however many ask, and not again for a while."""

    async def run(server: TokenServer) -> None:
        (source,) = desk.sources(client(server.url))
        async with desk.broker(source) as broker:
            first = await desk.hear_since(0)
            assert first.token is not None
            for _ in range(50):
                broker.want(source.id, token_print(first.token))
            second = await desk.hear_since(1)
            assert second.token is not None
            assert second.token != first.token
            assert len(server.asks) == 2
            broker.want(source.id, token_print(first.token))  # of a worker that is late
            assert (await desk.hear_since(2)).token == second.token
            broker.want(source.id, token_print(second.token))  # it hasn't helped
            again = await desk.hear_since(3)
            assert again.token == second.token
            assert again.reason is not None
            assert again.again_in_s == pytest.approx(QUICK.after_refusal_s, abs=0.2)
            assert len(server.asks) == 2
            await asyncio.sleep(QUICK.after_refusal_s)
            broker.want(source.id, token_print(second.token))
            assert (await desk.hear_since(4)).token not in {first.token, second.token}
            assert len(server.asks) == 3

    with TokenServer(desk.authority) as server:
        asyncio.run(run(server))


def test_everybody_who_asks_is_answered(desk: Desk) -> None:
    """With the token that there is, with why there is none, or with that nothing is known of the source."""

    async def run(server: TokenServer) -> None:
        (source,) = desk.sources(client(server.url))
        async with desk.broker(source) as broker:
            failed = await desk.hear_since(0)
            broker.want(source.id, None)
            assert desk.news[1].reason == failed.reason
            fine = await desk.hear_since(1, lambda news: news.token is not None)
            seen = len(desk.news)
            broker.want(source.id, None)
            assert desk.news[seen].token == fine.token
            broker.want("unknown", None)
            assert desk.news[-1].source == "unknown"
            assert desk.news[-1].reason is not None
        assert len(server.asks) == 2

    with TokenServer(desk.authority) as server:
        server.then(failing())
        asyncio.run(run(server))


def test_an_endpoint_that_repeats_itself(desk: Desk) -> None:
    """Where the endpoint gives the token again that is refused, nobody waits for another one."""

    async def run(server: TokenServer) -> None:
        (source,) = desk.sources(client(server.url))
        async with desk.broker(source) as broker:
            first = await desk.hear_since(0)
            assert first.token is not None
            broker.want(source.id, token_print(first.token))
            again = await desk.hear_since(1)
            assert again.token == first.token
            assert again.reason is not None

    with TokenServer(desk.authority) as server:
        server.always(giving(access_token=MARKERS.make("a token that comes twice")))
        asyncio.run(run(server))


def test_a_token_that_is_over_at_once(desk: Desk) -> None:
    """A token too short to be used is as good as none, and isn't asked for again and again."""

    async def run(server: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            news = await desk.hear_since(0)
            assert news.token is None
            assert news.reason is not None
            await asyncio.sleep(0.6)
        assert 2 <= len(server.asks) <= 6

    with TokenServer(desk.authority, lives_s=1) as server:
        asyncio.run(run(server))


@pytest.mark.parametrize("life_s", [None, 0, -5])
def test_a_token_without_an_end(desk: Desk, life_s: int | None) -> None:
    """Where nobody says how long it lives, or only that it doesn't end, it counts until it is refused."""

    async def run(server: TokenServer) -> None:
        async with desk.broker(*desk.sources(client(server.url))):
            news = await desk.hear_since(0)
            assert news.token is not None
            assert news.expires_in_s is None

    with TokenServer(desk.authority, lives_s=life_s) as server:
        asyncio.run(run(server))


def test_another_document(desk: Desk) -> None:
    """A source that stays keeps its token; one that is new is fetched, one that is gone isn't any more."""

    async def run(server: TokenServer) -> None:
        first, second = desk.sources(client(server.url), client(server.url, scope="read"))
        async with desk.broker(first) as broker:
            await desk.hear_since(0)
            desk.follow(broker, first, second)
            news = await desk.hear_since(1)
            assert news.source == second.id
            desk.follow(broker, second)
            broker.want(first.id, None)
            assert desk.news[-1].token is None
        assert len(server.asks) == 2

    with TokenServer(desk.authority) as server:
        asyncio.run(run(server))


def test_what_is_known_is_not_fetched_again(desk: Desk) -> None:
    """A process that takes the place of another one goes on with the tokens that are good."""

    async def run(server: TokenServer) -> None:
        (source,) = desk.sources(client(server.url))
        async with desk.broker(source):
            first = await desk.hear_since(0)
        async with desk.broker(source, known=[first]) as broker:
            await asyncio.sleep(0.1)
            broker.want(source.id, None)
            assert desk.news[-1].token == first.token
        assert len(server.asks) == 1
        over = first._replace(expires_in_s=-1.0)
        async with desk.broker(source, known=[over]):
            await until(lambda: len(server.asks) == 2)

    with TokenServer(desk.authority) as server:
        asyncio.run(run(server))


def test_many_sources(desk: Desk) -> None:
    """Hundreds of sources are fetched soon, and a hanging endpoint holds up no other."""

    async def run(server: TokenServer, silent: TokenServer) -> None:
        credentials = [client(server.url, scope=str(number)) for number in range(100)]
        sources = desk.sources(client(silent.url), *credentials)
        async with desk.broker(*sources):
            await until(lambda: len(server.tokens) == 100)
        assert server.most_under_way <= 64

    desk.pace = DEFAULT_PACE
    with TokenServer(desk.authority) as server, TokenServer(desk.authority) as silent:
        silent.always(hang)
        asyncio.run(run(server, silent))


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong(desk: Desk, ahead_s: float) -> None:
    """An assertion that is refused for its times is made again by the endpoint's clock, and so from then on."""

    def judge(ask: Ask) -> bool:
        claims, now = claims_of(ask.form["assertion"]), clock_gettime(CLOCK_REALTIME)
        begins, ends = claims["iat"], claims["exp"]
        assert isinstance(begins, int)
        assert isinstance(ends, int)
        return begins <= now + 5 and now < ends < now + 3600

    async def run(server: TokenServer) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        bearer: dict[str, object] = {
            "kind": "jwt-bearer",
            "token_url": server.url,
            "issuer": "exeat",
            "private_key": pem,
        }
        (source,) = desk.sources(bearer)
        async with desk.broker(source) as broker:
            first = await desk.hear_since(0)
            assert first.token is not None
            assert (len(server.asks), server.refused) == (2, 1)
            broker.want(source.id, token_print(first.token))
            assert (await desk.hear_since(1)).token != first.token
            assert (len(server.asks), server.refused) == (3, 1)

    desk.ahead_s = ahead_s
    with TokenServer(desk.authority, judge=judge) as server:
        asyncio.run(run(server))
    assert desk.said(REFUSED) == []
