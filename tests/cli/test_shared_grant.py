"""Refresh tokens that several instances use in turn: each counts once, and none is lost."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from exeat.cli.control import shared_grant
from exeat.cli.control.shared_grant import asked_of, grant_id
from exeat.cli.control.supply import REFUSED, UNKEPT
from exeat.model.secret import Secret
from exeat.model.token import token_print
from exeat.model.token_source import RefreshToken, TokenSource
from exeat.store.configuration.upstream_tokens import (
    access_context,
    keep_tokens,
    read_tokens,
    refresh_context,
    take_turn,
)
from exeat.store.database import open_database
from exeat.store.failure import StoreAwayError
from exeat.store.migrate import migrate
from exeat.vault.keyring import Keyring, KeyringError, MasterKey
from exeat.vault.seal import Sealer
from tests.support.brokers import Desk, until
from tests.support.certificates import Authority
from tests.support.markers import MARKERS
from tests.support.origins import Peer
from tests.support.token_server import Ask, TokenServer, failing, hang


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all endpoints."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Desk:
    """A folder whose database has its tables."""
    desk = Desk(tmp_path, authority)
    with_tables(desk).dispose()
    return desk


def with_tables(desk: Desk) -> Engine:
    """The database of a desk."""
    engine = open_database(f"sqlite:///{desk.folder}/exeat.db")
    migrate(engine)
    return engine


def rotating(authority: Authority, *, lives_s: float = 3600) -> TokenServer:
    """An endpoint where each refresh token counts once."""
    first = MARKERS.make("a refresh token of a document")
    return TokenServer(authority, refresh=first, rotates=True, lives_s=lives_s)


def source_of(desk: Desk, server: TokenServer, refresh: str, **more: object) -> TokenSource:
    """The source of an upstream with this refresh token."""
    credential = {
        "kind": "oauth2-refresh-token",
        "token_url": server.url,
        "client_id": "exeat",
        "client_secret": MARKERS.make("a client's secret"),
        "refresh_token": refresh,
        **more,
    }
    (source,) = desk.sources(credential)
    return source


def first_of(server: TokenServer) -> str:
    """The refresh token that counts."""
    assert server.refresh is not None
    return server.refresh


def grant_of(source: TokenSource) -> RefreshToken:
    """The grant of a source."""
    assert isinstance(source.grant, RefreshToken)
    return source.grant


def test_each_refresh_token_is_used_once(desk: Desk) -> None:
    """What the endpoint gives takes the place of the one before, and is kept sealed for the next process."""

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        async with desk.broker(source) as broker:
            first = await desk.hear_since(0)
            assert first.token is not None
            broker.want(source.id, token_print(first.token))
            second = await desk.hear_since(1)
            assert second.token != first.token
        desk.news.clear()
        server.revoke()
        async with desk.broker(source) as broker:
            third = await desk.hear_since(0)
            assert third.token == second.token  # it is good as far as anybody here knows
            assert third.token is not None
            broker.want(source.id, token_print(third.token))
            assert (await desk.hear_since(1)).token is not None
        assert (server.refused, len(server.tokens)) == (0, 3)
        engine = with_tables(desk)
        kept = read_tokens(engine, grant_id(source, grant_of(source)))
        assert kept.version == 3
        assert kept.refresh is not None
        opened = desk.sealer.open(kept.refresh, refresh_context(grant_id(source, grant_of(source))))
        assert opened.decode() == server.refresh
        engine.dispose()

    with rotating(desk.authority) as server:
        asyncio.run(run(server))
    for file in desk.folder.glob("exeat.db*"):
        assert not MARKERS.leaks_in(file.read_bytes(), file.name)


def test_instances_take_turns(desk: Desk) -> None:
    """Eight instances that begin at once, and are refused at once, ask once each time."""
    desks = [Desk(desk.folder, desk.authority, sealer=desk.sealer) for _ in range(8)]

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        async with AsyncExitStack() as stack:
            brokers = [await stack.enter_async_context(one.broker(source)) for one in desks]
            for count in range(1, 4):
                for one in desks:
                    await one.hear_since(count - 1)
                assert len(server.asks) == count
                assert {one.news[count - 1].token for one in desks} == {Secret(server.tokens[-1])}
                await asyncio.sleep(desk.pace.after_refusal_s)
                for broker in brokers:
                    broker.want(source.id, token_print(Secret(server.tokens[count - 1])))
        assert server.refused == 0
        assert server.most_under_way == 1

    with rotating(desk.authority) as server:
        asyncio.run(run(server))


def test_renewal_in_many_instances(desk: Desk) -> None:
    """Tokens that live briefly are renewed by one instance for all, and each has one all the time."""
    desks = [Desk(desk.folder, desk.authority, sealer=desk.sealer) for _ in range(3)]

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        async with AsyncExitStack() as stack:
            for one in desks:
                await stack.enter_async_context(one.broker(source))
            await asyncio.sleep(6.5)
        assert server.refused == 0
        assert 3 <= len(server.tokens) <= 6
        for one in desks:
            assert all(news.reason is None and news.token is not None for news in one.news)
            assert len(one.news) >= 3

    with rotating(desk.authority, lives_s=2.5) as server:
        asyncio.run(run(server))


def test_an_instance_that_dies_in_its_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its turn ends by itself, and another instance goes on."""
    monkeypatch.setattr(shared_grant, "LOOK_S", 0.02)

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        engine, grant = with_tables(desk), grant_id(source, grant_of(source))
        now = asyncio.get_running_loop().time()
        began = round(desk.now() * 1_000_000)
        take_turn(engine, grant, "another instance", label="api", now=began, until=began + 800_000)
        async with desk.broker(source):
            await desk.hear_since(0, lambda news: news.token is not None)
        assert asyncio.get_running_loop().time() - now >= 0.75
        engine.dispose()

    with rotating(desk.authority) as server:
        asyncio.run(run(server))


def test_who_fails_lets_others_have_their_turn(desk: Desk) -> None:
    """A turn doesn't outlive the request that it was for, whatever becomes of that."""

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        other = Desk(desk.folder, desk.authority, sealer=desk.sealer)
        async with desk.broker(source):
            assert (await desk.hear_since(0)).token is None
            async with other.broker(source):
                assert (await other.hear_since(0)).token is not None

    for answer in (failing(), hang):
        with rotating(desk.authority) as server:
            server.then(answer)
            desk.news.clear()
            asyncio.run(run(server))


def test_the_document_says_something_else(desk: Desk) -> None:
    """Another refresh token in the document is another grant; whatever else is changed, what was given last counts."""

    async def run(server: TokenServer) -> None:
        first = first_of(server)
        source, wider = source_of(desk, server, first), source_of(desk, server, first, scope="write")
        assert source.id != wider.id
        assert grant_id(source, grant_of(source)) == grant_id(wider, grant_of(wider))
        assert asked_of(grant_of(source)) != asked_of(grant_of(wider))
        async with desk.broker(source) as broker:
            await desk.hear_since(0)
            desk.follow(broker, wider)
            news = await desk.hear_since(1)
            assert news.token == Secret(server.tokens[1])  # not the one with less rights
        assert server.asks[1].form["scope"] == "write"
        assert server.refused == 0
        again = server.refresh = MARKERS.make("another refresh token of a document")
        desk.news.clear()
        async with desk.broker(source_of(desk, server, again)):
            assert (await desk.hear_since(0)).token == Secret(server.tokens[2])
        assert server.refused == 0

    with rotating(desk.authority) as server:
        asyncio.run(run(server))


def test_without_a_database(desk: Desk) -> None:
    """Nothing is asked while it isn't known which refresh token counts; it goes on as soon as that is."""
    missing = desk.folder / "later"

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        async with desk.broker(source, url=f"sqlite:///{missing}/exeat.db"):
            news = await desk.hear_since(0)
            assert news.token is None
            assert news.reason is not None
            assert "can't be opened" in news.reason
            assert server.asks == []
            missing.mkdir()
            await desk.hear_since(1, lambda news: news.token is not None)
        assert len(desk.said(REFUSED)) == 1

    with rotating(desk.authority) as server:
        asyncio.run(run(server))


def test_the_database_goes_away_in_between(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh token that came while it couldn't be kept is kept as soon as it can be; calls have their token."""
    failures = 0

    def fail(*_: object) -> bool:
        nonlocal failures
        failures += 1
        raise StoreAwayError("The database is away.")

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        engine, grant = with_tables(desk), grant_id(source, grant_of(source))
        async with desk.broker(source) as broker:
            first = await desk.hear_since(0)
            assert first.token is not None
            broker.want(source.id, token_print(first.token))
            await until(lambda: failures >= 2)
            assert len(server.asks) == 1
            assert read_tokens(engine, grant).version == 0
            monkeypatch.setattr(shared_grant, "keep_tokens", keep_tokens)
            await until(lambda: read_tokens(engine, grant).version == 1)
            await desk.hear_since(len(desk.news), lambda news: news.token != first.token)
        assert server.refused == 0
        engine.dispose()

    monkeypatch.setattr(shared_grant, "keep_tokens", fail)
    with rotating(desk.authority) as server:
        asyncio.run(run(server))
    assert desk.said(UNKEPT) or desk.said(REFUSED)


def test_what_is_under_way_comes_to_its_end(desk: Desk) -> None:
    """A source that is changed, or a process that ends, doesn't lose the answer to a request that was made."""

    async def run(server: TokenServer) -> None:
        first = first_of(server)
        source, wider = source_of(desk, server, first), source_of(desk, server, first, scope="write")
        async with desk.broker(source) as broker:
            await until(lambda: server.asks)
            desk.follow(broker, wider)
            await desk.hear_since(0, lambda news: news.source == wider.id and news.token is not None)
        assert server.refused == 0
        async with desk.broker(source) as broker:
            await until(lambda: len(server.asks) >= 3)
        engine = with_tables(desk)
        assert read_tokens(engine, grant_id(source, grant_of(source))).version == 3
        assert server.refused == 0
        engine.dispose()

    with rotating(desk.authority) as server:

        def late(peer: Peer, ask: Ask) -> None:
            server.over.wait(0.15)
            server.issue(peer, ask)

        server.always(late)
        asyncio.run(run(server))


def test_without_a_keyring_nothing_is_asked(desk: Desk) -> None:
    """What couldn't be kept sealed isn't fetched: the refresh token would be used up."""

    def fail() -> Sealer:
        raise KeyringError("there is no key")

    async def run(server: TokenServer) -> None:
        desk.open_sealer = fail
        async with desk.broker(source_of(desk, server, first_of(server))):
            news = await desk.hear_since(0)
            assert news.reason is not None
            assert "there is no key" in news.reason
            assert server.asks == []

    with rotating(desk.authority) as server:
        asyncio.run(run(server))


def test_a_master_key_that_is_gone(desk: Desk) -> None:
    """An access token that doesn't open is fetched anew; a refresh token that doesn't is said, and nothing is asked."""

    async def run(server: TokenServer) -> None:
        source = source_of(desk, server, first_of(server))
        async with desk.broker(source):
            await desk.hear_since(0)
        engine, grant = with_tables(desk), grant_id(source, grant_of(source))
        kept = read_tokens(engine, grant)
        strange = Sealer(Keyring(MasterKey.make()))
        sealed = strange.seal(b"what nobody can read", access_context(grant))
        keep_tokens(engine, grant, "nobody", kept._replace(version=2, access=sealed))
        async with desk.broker(source):
            assert (await desk.hear_since(1)).token == Secret(server.tokens[1])
        desk.sealer = strange
        async with desk.broker(source):
            news = await desk.hear_since(2)
            assert news.token is None
            assert news.reason is not None
            assert "doesn't open" in news.reason
        assert len(server.asks) == 2
        engine.dispose()

    with rotating(desk.authority) as server:
        asyncio.run(run(server))
