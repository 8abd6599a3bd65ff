"""Refresh tokens in the database: used in turn, written once for each version, sealed, and sealed anew."""

import threading

import pytest
from sqlalchemy import Engine, select, update

from exeat.model.sealed import master_key_of
from exeat.store.configuration.tables import upstream_tokens
from exeat.store.configuration.upstream_tokens import (
    KeptTokens,
    Turn,
    count_tokens,
    end_turn,
    keep_tokens,
    read_tokens,
    refresh_context,
    reseal_tokens,
    take_turn,
)
from exeat.store.database import writing
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer, SealError
from tests.support.markers import MARKERS

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
GRANT = "5f" * 16


def take(engine: Engine, holder: str, now: int = NOW, grant: str = GRANT) -> Turn:
    """Take a turn for a minute."""
    return take_turn(engine, grant, holder, label="api", now=now, until=now + 60 * SECOND)


def fetched(version: int, refresh: bytes | None = b"sealed refresh") -> KeptTokens:
    """What an instance has fetched."""
    return KeptTokens(version, refresh, b"sealed access", "what for", NOW + 3600 * SECOND, NOW)


def test_nothing_is_kept_at_first(engine: Engine) -> None:
    """A grant that nobody has used is as if it had been asked for nothing."""
    assert read_tokens(engine, GRANT) == KeptTokens()
    assert take(engine, "a") == (True, KeptTokens())


def test_one_has_the_turn(engine: Engine) -> None:
    """Nobody else has it until it is ended, or over; grants have nothing to do with each other."""
    assert take(engine, "a").is_mine
    assert take(engine, "a").is_mine
    assert not take(engine, "b", NOW + 59 * SECOND).is_mine
    assert take(engine, "b", grant="60" * 16).is_mine
    end_turn(engine, GRANT, "b")
    assert not take(engine, "b").is_mine
    end_turn(engine, GRANT, "a")
    assert take(engine, "b").is_mine
    assert take(engine, "a", NOW + 60 * SECOND).is_mine
    assert not take(engine, "b", NOW + 61 * SECOND).is_mine


def test_one_of_many_has_the_turn(engine: Engine) -> None:
    """However many take it at once."""
    mine: list[str] = []
    begin = threading.Barrier(8)

    def run(holder: str) -> None:
        begin.wait()
        if take(engine, holder).is_mine:
            mine.append(holder)

    threads = [threading.Thread(target=run, args=(f"holder {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mine) == 1


def test_what_is_kept_is_there_for_the_next(engine: Engine) -> None:
    """It ends the turn, and whoever has the next one finds it."""
    take(engine, "a")
    assert keep_tokens(engine, GRANT, "a", fetched(1))
    assert take(engine, "b") == (True, fetched(1))
    assert keep_tokens(engine, GRANT, "b", fetched(2, b"another"))
    assert read_tokens(engine, GRANT) == fetched(2, b"another")


def test_a_turn_that_has_run_out_changes_nothing(engine: Engine) -> None:
    """Where somebody else has fetched since, theirs counts; where nobody has, it is still worth keeping."""
    take(engine, "a")
    take(engine, "b", NOW + 60 * SECOND)
    assert keep_tokens(engine, GRANT, "b", fetched(1, b"of b"))
    assert not keep_tokens(engine, GRANT, "a", fetched(1, b"of a"))
    assert read_tokens(engine, GRANT).refresh == b"of b"
    take(engine, "a", NOW + 120 * SECOND)
    take(engine, "b", NOW + 180 * SECOND)
    assert keep_tokens(engine, GRANT, "a", fetched(2, b"of a"))
    assert not take(engine, "c", NOW + 181 * SECOND).is_mine


def test_they_are_sealed_anew(engine: Engine) -> None:
    """Under another master key, what an older one has sealed opens as before; access tokens are forgotten."""
    old, new = MasterKey.make(), MasterKey.make()
    before, after = Sealer(Keyring(old)), Sealer(Keyring(new, old))
    token = MARKERS.make("a refresh token in the database").encode()
    take(engine, "a")
    keep_tokens(engine, GRANT, "a", fetched(1, before.seal(token, refresh_context(GRANT))))
    take(engine, "a", grant="60" * 16)  # has none yet
    assert count_tokens(engine) == {old.id: 1}

    def reseal(sealed: bytes, context: bytes) -> bytes:
        return after.seal(after.open(sealed, context), context)

    assert reseal_tokens(engine, new.id, reseal) == ["api"]
    assert reseal_tokens(engine, new.id, reseal) == []
    assert count_tokens(engine) == {new.id: 1}
    kept = read_tokens(engine, GRANT)
    assert kept.refresh is not None
    assert master_key_of(kept.refresh) == new.id
    assert after.open(kept.refresh, refresh_context(GRANT)) == token
    assert (kept.version, kept.access) == (1, None)


def test_what_is_rotated_meanwhile_stays(engine: Engine) -> None:
    """A refresh token that came while the one before was sealed anew isn't lost."""
    old, new = MasterKey.make(), MasterKey.make()
    before, after = Sealer(Keyring(old)), Sealer(Keyring(new, old))
    take(engine, "a")
    keep_tokens(engine, GRANT, "a", fetched(1, before.seal(b"one", refresh_context(GRANT))))

    def reseal(sealed: bytes, context: bytes) -> bytes:
        with writing(engine) as connection:
            connection.execute(update(upstream_tokens).values(version=2, refresh_sealed=b"rotated"))
        return after.seal(after.open(sealed, context), context)

    assert reseal_tokens(engine, new.id, reseal) == []
    assert read_tokens(engine, GRANT).refresh == b"rotated"


def test_a_token_opens_for_its_own_grant_alone(engine: Engine) -> None:
    """What stands in another grant's row doesn't open."""
    sealer = Sealer(Keyring(MasterKey.make()))
    take(engine, "a")
    keep_tokens(engine, GRANT, "a", fetched(1, sealer.seal(b"one", refresh_context("60" * 16))))
    with engine.connect() as connection:
        assert connection.execute(select(upstream_tokens.c.label)).scalars().all() == ["api"]
    with pytest.raises(SealError):
        reseal_tokens(engine, "00" * 8, sealer.open)
