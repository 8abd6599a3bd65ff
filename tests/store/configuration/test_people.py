"""Administrators, their tokens and their sessions."""

import pytest
from sqlalchemy import Engine

from exeat.store.configuration.edit import Edit
from exeat.store.configuration.failure import ConflictError, ExistsError, InvalidError, NotFoundError, StaleError
from exeat.store.configuration.people import (
    Session,
    add_session,
    end_session,
    end_sessions,
    find_administrator,
    find_session,
    find_token,
    get_token,
    list_administrators,
    list_tokens,
    note_tokens_used,
)
from exeat.store.configuration.revisions import list_revisions
from exeat.store.configuration.stored import read_revision
from tests.store.configuration.edits import NOW_US, Change

HASH = "$argon2id$v=19$the-hash"


def add_token(edit: Edit, token_id: str, administrator: str) -> None:
    edit.add_token(id=token_id, sha256=f"digest-{token_id}", administrator=administrator, role="viewer", label="ci")


def begin(engine: Engine, sha256: str, name: str, created_at: int = NOW_US) -> None:
    add_session(engine, sha256=sha256, administrator=name, created_at=created_at, expires_at=created_at + 10)


def test_an_administrator_is_found_by_name(engine: Engine, change: Change) -> None:
    """What was put is what is found; no hash stands in a revision or a repr."""
    with change() as edit:
        edit.put_administrator("anna", role="administrator", password=HASH, create=True)
        edit.put_administrator("ben", role="viewer")
        with pytest.raises(ExistsError):
            edit.put_administrator("ben", role="viewer", create=True)
        with pytest.raises(InvalidError):
            edit.put_administrator("eve", role="god")
    anna = find_administrator(engine, "anna")
    assert anna is not None
    assert tuple(anna) == ("anna", "administrator", HASH, False, NOW_US, 1)
    assert [one.name for one in list_administrators(engine, after="anna")] == ["ben"]
    assert find_administrator(engine, "eve") is None
    assert HASH not in repr((anna, list_revisions(engine)))


def test_a_password_stays_unless_it_is_given(engine: Engine, change: Change) -> None:
    """A change of the role keeps it, None takes it away, and a new one is a change that shows nothing of it."""
    with change() as edit:
        edit.put_administrator("anna", role="administrator", password=HASH)
        edit.put_administrator("ben", role="viewer", password=HASH)
    with change() as edit:
        edit.put_administrator("ben", role="operator", version=1)
        with pytest.raises(StaleError):
            edit.put_administrator("ben", role="operator", version=1)
    with change() as edit:
        edit.put_administrator("ben", role="operator", password=f"{HASH}2")
        edit.put_administrator("ben", role="operator")
    ben = find_administrator(engine, "ben")
    assert ben is not None
    assert (ben.role, ben.password, ben.revision) == ("operator", f"{HASH}2", 3)
    assert HASH not in repr(list_revisions(engine))
    with change() as edit:
        edit.put_administrator("ben", role="operator", password=f"{HASH}2")
    assert read_revision(engine) == 3
    with change() as edit:
        edit.put_administrator("ben", role="operator", password=None)
    ben = find_administrator(engine, "ben")
    assert ben is not None
    assert ben.password is None


def test_the_last_administrator_stays(change: Change) -> None:
    """Nobody can remove, disable or demote the last enabled one; with another one they can."""
    with change() as edit:
        edit.put_administrator("ben", role="operator")
        edit.put_administrator("old", role="administrator", disabled=True)
        edit.put_administrator("anna", role="administrator")
    with change() as edit:
        with pytest.raises(ConflictError):
            edit.remove_administrator("anna")
        with pytest.raises(ConflictError):
            edit.put_administrator("anna", role="administrator", disabled=True)
        with pytest.raises(ConflictError):
            edit.put_administrator("anna", role="operator")
        assert edit.changes == []
        edit.put_administrator("ben", role="administrator")
        edit.remove_administrator("anna")
        with pytest.raises(ConflictError):
            edit.remove_administrator("ben")
        edit.remove_administrator("old")
        with pytest.raises(NotFoundError):
            edit.remove_administrator("old")


def test_tokens_are_found_by_digest_and_stay_revoked(engine: Engine, change: Change) -> None:
    """A token is known by its digest alone, and one that is revoked is still known as such."""
    with change() as edit:
        edit.put_administrator("anna", role="administrator")
        add_token(edit, "one", "anna")
        with pytest.raises(ExistsError):
            add_token(edit, "one", "anna")
        with pytest.raises(NotFoundError):
            add_token(edit, "two", "nobody")
    note_tokens_used(engine, {"one": 7})
    note_tokens_used(engine, {"one": 5})
    token = find_token(engine, "digest-one")
    assert token is not None
    assert tuple(token) == ("one", "anna", "viewer", "ci", NOW_US, None, None, 7)
    assert find_token(engine, "one") is None
    for _ in range(2):
        with change() as edit:
            edit.revoke_token("one")
    token = get_token(engine, "one")
    assert token is not None
    assert (token.revoked_at, read_revision(engine)) == (NOW_US + 1_000_000, 2)
    assert "digest-one" not in repr(list_revisions(engine))


def test_who_is_removed_leaves_no_way_in(engine: Engine, change: Change) -> None:
    """Tokens and sessions end with their administrator, also for one of the same name later; others stay."""
    with change() as edit:
        edit.put_administrator("anna", role="administrator")
        edit.put_administrator("ben", role="administrator")
        add_token(edit, "a", "anna")
        add_token(edit, "b", "ben")
    begin(engine, "sa", "anna")
    begin(engine, "sb", "ben")
    with change() as edit:
        edit.remove_administrator("anna")
        edit.put_administrator("anna", role="administrator")
    assert {token.id: token.revoked_at is None for token in list_tokens(engine)} == {"a": False, "b": True}
    assert (find_session(engine, "sa"), find_session(engine, "sb")) == (None, Session("ben", NOW_US, NOW_US + 10))
    assert [token.id for token in list_tokens(engine, administrator="ben")] == ["b"]


def test_sessions_end(engine: Engine, change: Change) -> None:
    """One by one, all of an administrator, when that is disabled or has a new password, and when their time is over."""
    with change() as edit:
        for name in ("anna", "ben", "cy"):
            edit.put_administrator(name, role="administrator", password=HASH)
    for name in ("anna", "ben", "cy"):
        begin(engine, f"{name}1", name)
        begin(engine, f"{name}2", name)
    end_session(engine, "anna1")
    assert find_session(engine, "anna1") is None
    assert find_session(engine, "anna2") is not None
    end_sessions(engine, "anna")
    with change() as edit:
        edit.put_administrator("anna", role="operator")
        edit.put_administrator("ben", role="administrator", disabled=True)
    assert [find_session(engine, name) for name in ("anna2", "ben1", "ben2")] == [None] * 3
    begin(engine, "late", "cy", NOW_US + 10)
    assert find_session(engine, "cy1") is None
    assert find_session(engine, "late") is not None
    with change() as edit:
        edit.put_administrator("cy", role="administrator", password=f"{HASH}2")
    assert find_session(engine, "late") is None
    assert read_revision(engine) == 3
