"""Keys: made, changed, rotated, revoked; and when they were last used."""

import hashlib

import pytest
from sqlalchemy import Engine, text

from exeat.model.stored import StoredKey
from exeat.store.audit_writer import AuditWriter
from exeat.store.configuration.edit import Edit
from exeat.store.configuration.failure import ExistsError, NotFoundError, StaleError
from exeat.store.configuration.keys import get_key, list_keys
from exeat.store.configuration.revisions import list_revisions
from exeat.store.configuration.stored import read_revision, read_stored
from exeat.store.database import open_database, writing
from exeat.store.migrate import migrate
from tests.store.configuration.edits import NOW_US, Change
from tests.store.made import DAY, NOON, Chain

DAY_US = 86_400_000_000


def digest_of(key_id: str) -> str:
    return hashlib.sha256(key_id.encode()).hexdigest()


def add(edit: Edit, key_id: str, consumer: str = "web", expires_at: int | None = None) -> None:
    edit.add_key(id=key_id, sha256=digest_of(key_id), consumer=consumer, expires_at=expires_at)


def test_a_key_is_stored_with_its_digest(engine: Engine, change: Change) -> None:
    """Who compiles gets what tells a key, in seconds; who looks at it gets no digest."""
    with change() as edit:
        edit.add_key(
            id="one",
            sha256=digest_of("one"),
            consumer="web",
            label="shop",
            expires_at=NOW_US + DAY_US,
            networks=["10.0.0.0/8"],
            limits=[{"rate": "5/minute", "burst": 2}],
        )
    assert read_stored(engine).keys == (
        StoredKey(
            "one",
            digest_of("one"),
            "web",
            (NOW_US + DAY_US) / 1e6,
            networks=("10.0.0.0/8",),
            limits=({"rate": "5/minute", "burst": 2},),
        ),
    )
    item = get_key(engine, "one")
    assert item is not None
    assert (item.label, item.created_by, item.created_at, item.revision) == ("shop", "anna", NOW_US, 1)
    shown = repr((item, list_revisions(engine)))
    assert digest_of("one") not in shown
    assert "2027-01-16T08:00:00Z" in shown


def test_a_key_is_known_once(change: Change) -> None:
    """Neither an id nor a digest comes twice."""
    with change() as edit:
        add(edit, "one")
        with pytest.raises(ExistsError):
            add(edit, "one")
        with pytest.raises(ExistsError):
            edit.add_key(id="two", sha256=digest_of("one"), consumer="web")


def test_rotation_never_lengthens_a_key(engine: Engine, change: Change) -> None:
    """With a grace the old key ends then, or when it would have anyway."""
    with change() as edit:
        add(edit, "short", expires_at=NOW_US + 1)
        add(edit, "long")
    with change() as edit:
        edit.add_key(id="new", sha256=digest_of("new"), consumer="web", replaces="long")
        for key_id in ("short", "long"):
            edit.expire_key(key_id, NOW_US + DAY_US)
        assert [(one.name, one.action) for one in edit.changes] == [("new", "create"), ("long", "rotate")]
    found = {item.id: (item.expires_at, item.replaces, item.revision) for item in list_keys(engine)}
    assert found == {
        "short": (NOW_US + 1, None, 1),
        "long": (NOW_US + DAY_US, None, 2),
        "new": (None, "long", 2),
    }


def test_what_is_revoked_stays_revoked(engine: Engine, change: Change) -> None:
    """A key is revoked once, kept as a row, and no later edit or roll-back brings it back."""
    with change() as edit:
        add(edit, "one")
    for _ in range(2):
        with change() as edit:
            edit.revoke_key("one")
    with change() as edit:
        edit.change_key("one", expires_at=None, label="again")
    item = get_key(engine, "one")
    assert item is not None
    assert (item.revoked_at, read_revision(engine)) == (NOW_US + 1_000_000, 3)
    assert read_stored(engine).keys[0].revoked


def test_a_change_leaves_the_rest(engine: Engine, change: Change) -> None:
    """Only what is named is changed; None means never, and a version that isn't the last is refused."""
    with change() as edit:
        add(edit, "one", expires_at=NOW_US)
        edit.change_key("one", networks=["10.0.0.0/8"], limits=[{"concurrency": 3}])
    with change() as edit:
        with pytest.raises(StaleError):
            edit.change_key("one", label="x", version=7)
        edit.change_key("one", label="x", version=1)
    item = get_key(engine, "one")
    assert item is not None
    assert (item.label, item.networks, item.expires_at, item.revision) == ("x", ("10.0.0.0/8",), NOW_US, 2)
    assert item.limits == ({"concurrency": 3},)
    with change() as edit:
        edit.change_key("one", expires_at=None)
        with pytest.raises(NotFoundError):
            edit.revoke_key("two")
    assert read_stored(engine).keys[0].expires_at is None


def test_keys_go_with_their_consumer(engine: Engine, change: Change) -> None:
    """Who removes a consumer revokes its keys, and nobody else's."""
    with change() as edit:
        edit.put("consumer", "web", {})
        add(edit, "one")
        add(edit, "other", "shop")
    with change() as edit:
        edit.remove("consumer", "web")
    assert {key.id: key.revoked for key in read_stored(engine).keys} == {"one": True, "other": False}
    assert [(one.name, one.action) for one in list_revisions(engine)[0].changes] == [
        ("web", "delete"),
        ("one", "revoke"),
    ]


def test_the_latest_use_counts(engine: Engine, change: Change) -> None:
    """When a key was last used is what its newest record says; there is no revision of it."""
    with change() as edit:
        add(edit, "k1")
        add(edit, "unused")
    assert [item.last_used_at for item in list_keys(engine)] == [None, None]
    AuditWriter(engine).write(Chain().batches([3], NOON))
    item = get_key(engine, "k1")
    assert item is not None
    assert item.last_used_at is not None
    assert NOON <= item.last_used_at < NOON + DAY
    assert (item.revision, read_revision(engine)) == (1, 1)
    assert [item.last_used_at is None for item in list_keys(engine)] == [False, True]


def test_keys_from_before_they_had_limits(empty_url: str) -> None:
    """A database of the version before gets the column, and its keys have no limits."""
    engine = open_database(empty_url)
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE keys DROP COLUMN limits"))
        connection.execute(text("DROP INDEX records_of_failures"))
        connection.execute(text("DROP TABLE deliveries"))
        connection.execute(text("DROP TABLE endpoint_states"))
        connection.execute(text("DROP TABLE upstream_tokens"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
        connection.execute(
            text(
                "INSERT INTO keys (id, sha256, consumer, label, created_at, created_by, networks, revision)"
                " VALUES ('old', 'ab', 'web', '', 1, 'anna', '[]', 1)"
            )
        )
    migrate(engine)
    (item,) = list_keys(engine)
    assert (item.id, item.limits, read_stored(engine).keys[0].limits) == ("old", (), ())
    engine.dispose()


def test_keys_are_listed_in_pages(engine: Engine, change: Change) -> None:
    """By id, those after one, and of one consumer alone where that is asked."""
    with change() as edit:
        for key_id, consumer in (("a", "web"), ("b", "shop"), ("c", "web")):
            add(edit, key_id, consumer)
    assert [item.id for item in list_keys(engine, consumer="web")] == ["a", "c"]
    assert [item.id for item in list_keys(engine, after="a", limit=1)] == ["b"]
