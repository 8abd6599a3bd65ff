"""Notices of edits, on both databases, from another connection than that of the editor."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from exeat.store.configuration.notice import Notices
from exeat.store.configuration.stored import read_revision
from exeat.store.database import is_sqlite, open_database, reading
from exeat.store.failure import StoreError
from tests.store.configuration.edits import Change
from tests.store.made import NOON, Chain

SOON_S = 1.0
LONG_S = 20.0
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %%' AND datname = current_database()"


@pytest.fixture
def notices(engine: Engine) -> Iterator[Notices]:
    """Notices whose first wait is over."""
    made = Notices(engine)
    assert made.wait(0)
    yield made
    made.close()


def put(change: Change, name: str) -> None:
    with change() as edit:
        edit.put("consumer", name, {})


def test_an_edit_is_noticed_once(notices: Notices, change: Change) -> None:
    """An edit since the last wait ends the next one at once, and only that."""
    put(change, "web")
    began = time.monotonic()
    assert notices.wait(LONG_S)
    assert time.monotonic() - began < SOON_S
    assert not notices.wait(0.15)


def test_an_edit_ends_a_wait(engine: Engine, notices: Notices, change: Change) -> None:
    """Who is waiting hears of an edit within a second, and finds it."""
    heard: list[tuple[bool, int]] = []
    thread = threading.Thread(target=lambda: heard.append((notices.wait(LONG_S), read_revision(engine))))
    thread.start()
    put(change, "web")
    thread.join(SOON_S)
    assert heard == [(True, 1)]


def test_what_is_no_edit_is_not_noticed(engine: Engine, notices: Notices, change: Change) -> None:
    """Records, an edit that changes nothing and one that isn't kept say nothing."""
    AuditWriter(engine).write(Chain().batches([2], NOON))
    with change():
        pass
    with pytest.raises(ZeroDivisionError), change() as edit:
        edit.put("consumer", str(1 // 0), {})
    assert not notices.wait(0.25)


@pytest.mark.parametrize("end", ["wake", "close"])
def test_another_thread_ends_a_wait(notices: Notices, end: str) -> None:
    """`wake` has the wait return as for an edit, also where it comes first; `close` for good."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(notices.wait(LONG_S)))
    thread.start()
    getattr(notices, end)()
    thread.join(SOON_S)
    assert answers == [end == "wake"]
    if end == "close":
        notices.wake()
        assert not notices.wait(LONG_S)


def test_a_lost_connection_comes_again(engine: Engine, notices: Notices, change: Change) -> None:
    """When the server ends the connection the wait says so, and the next one begins with what may have been missed."""
    if is_sqlite(engine):
        pytest.skip("a file doesn't hang up")
    with reading(engine) as connection:
        (pid,) = connection.exec_driver_sql(LISTENERS).scalars().all()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(StoreError):
        notices.wait(LONG_S)
    assert notices.wait(LONG_S)
    put(change, "web")
    assert notices.wait(LONG_S)


def test_a_database_without_tables_has_no_notices(empty_url: str) -> None:
    """Where nothing can be looked at yet the wait says so, and holds no connection."""
    engine = open_database(empty_url)
    notices = Notices(engine)
    if is_sqlite(engine):
        with pytest.raises(StoreError):
            notices.wait(0)
    notices.close()
    engine.dispose()
