"""Edits follow one another, and hold up nobody else while what they make is compiled."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.configuration.failure import StaleError
from exeat.store.configuration.people import add_session, find_session
from exeat.store.configuration.revisions import list_revisions
from exeat.store.configuration.stored import read_stored
from exeat.store.configuration.tables import revisions
from exeat.store.database import is_sqlite, writing
from tests.store.configuration.edits import NOW_US, Change

LONG_S = 20.0


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def consumers(engine: Engine) -> list[str]:
    found = read_stored(engine).document.get("consumers", {})
    assert isinstance(found, dict)
    return sorted(found)


def test_others_write_meanwhile(engine: Engine, change: Change) -> None:
    """While an edit is aside, others write, nothing of it is seen, and its end finds all that it has written."""
    with change() as edit:
        edit.put("consumer", "web", {"grants": []})
        edit.add_key(id="aaaaaaaaaaaa", sha256="ab" * 32, consumer="web")
        edit.revoke_key("aaaaaaaaaaaa")
        with edit.aside():
            add_session(engine, sha256="cd" * 32, administrator="ada", created_at=1, expires_at=NOW_US)
            assert consumers(engine) == []
        assert edit.stored().document == {"consumers": {"web": {"grants": []}}}
        edit.put("consumer", "cron", {"grants": []})
    assert consumers(engine) == ["cron", "web"]
    assert [key.revoked for key in read_stored(engine).keys] == [True]
    assert find_session(engine, "cd" * 32) is not None
    assert [one.number for one in list_revisions(engine)] == [1]


def test_other_edits_wait(engine: Engine, change: Change) -> None:
    """Another edit begins when the one that is aside has ended, and sees what it has made."""
    found: list[list[str]] = []

    def other() -> None:
        with editing(engine, Author("bert"), now_us=NOW_US) as edit:
            found.append(sorted(edit.stored().document.get("consumers", {})))  # type: ignore[call-overload]
            edit.put("consumer", "cron", {"grants": []})

    with change() as edit:
        edit.put("consumer", "web", {"grants": []})
        with edit.aside():
            thread = in_a_thread(other)
            thread.join(0.2)
            assert not found
    thread.join(LONG_S)
    assert found == [["web"]]
    assert [one.who for one in list_revisions(engine)] == ["bert", "anna"]


def test_an_edit_that_fails_aside(engine: Engine, change: Change) -> None:
    """What fails while an edit is aside leaves everything as it was, and the next edit goes on."""

    def fail() -> None:
        with change() as edit:
            edit.put("consumer", "web", {"grants": []})
            with edit.aside():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert consumers(engine) == []
    with change() as edit:
        edit.put("consumer", "cron", {"grants": []})
    assert consumers(engine) == ["cron"]


def test_an_edit_that_was_overtaken(engine: Engine, change: Change) -> None:
    """Who edits without taking turns is seen by the number of the revision: the edit that was aside isn't kept."""
    if not is_sqlite(engine):
        pytest.skip("on PostgreSQL the transaction goes on")

    def be_overtaken() -> None:
        with change() as edit:
            edit.put("consumer", "web", {"grants": []})
            with edit.aside(), writing(engine) as connection:
                values = {"number": 1, "time": 1, "who": "an older version", "why": "", "changes": "[]"}
                connection.execute(insert(revisions), values)

    with pytest.raises(StaleError):
        be_overtaken()
    assert consumers(engine) == []
