"""Objects: versions, what one edit comes to, and edits that follow one another."""

import threading

import pytest
from sqlalchemy import Engine

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.configuration.failure import ExistsError, InvalidError, NotFoundError, StaleError
from exeat.store.configuration.objects import get_object, list_objects
from exeat.store.configuration.revisions import get_revision, list_revisions
from exeat.store.configuration.stored import read_revision, read_stored
from tests.store.configuration.edits import NOW_US, Change

GITHUB = {"url": "https://api.github.com"}


def test_the_document_is_what_was_put(engine: Engine, change: Change) -> None:
    """Objects come back in the document's shape, destinations as a list of mappings."""
    with change() as edit:
        edit.put("upstream", "github", GITHUB)
        edit.put("consumer", "web", {"grants": ["github"]})
        edit.put("destination", "*.example.org", {"private": ["10.0.0.0/8"]})
        edit.put("destination", "a.example", {"host": "a.example"})
        edit.put("section", "domains", ["gateway.internal"])
        during = edit.stored()
    assert read_stored(engine) == during
    assert during.revision == 1
    assert during.document == {
        "upstreams": {"github": GITHUB},
        "consumers": {"web": {"grants": ["github"]}},
        "destinations": [{"host": "*.example.org", "private": ["10.0.0.0/8"]}, {"host": "a.example"}],
        "domains": ["gateway.internal"],
    }


def test_a_revision_says_who_when_why_and_what(engine: Engine, change: Change) -> None:
    """An edit leaves one revision with each change's before and after."""
    with change() as edit:
        edit.put("upstream", "github", GITHUB)
    with change() as edit:
        edit.put("upstream", "github", {**GITHUB, "via": True})
        edit.put("consumer", "web", {})
    revision = get_revision(engine, 2)
    assert revision is not None
    assert (revision.who, revision.why, revision.time) == ("anna", "a test", NOW_US + 1_000_000)
    assert [tuple(one) for one in revision.changes] == [
        ("upstream", "github", "update", GITHUB, {**GITHUB, "via": True}),
        ("consumer", "web", "create", None, {}),
    ]
    assert [one.number for one in list_revisions(engine, before=2)] == [1]
    assert [one.number for one in list_revisions(engine, limit=1)] == [2]
    assert get_revision(engine, 3) is None


def test_what_changes_nothing_has_no_revision(engine: Engine, change: Change) -> None:
    """Neither the same again, nor something that is undone within the edit, is a change."""
    with change() as edit:
        edit.put("upstream", "github", {**GITHUB, "via": True})
    with change() as edit:
        edit.put("upstream", "github", {"via": True, **GITHUB})
        edit.put("upstream", "other", GITHUB)
        edit.remove("upstream", "other")
        edit.remove("upstream", "github")
        edit.put("upstream", "github", {**GITHUB, "via": True})
        assert (edit.changes, edit.revision) == ([], 1)
    item = get_object(engine, "upstream", "github")
    assert item is not None
    assert (read_revision(engine), item.revision) == (1, 1)


def test_true_is_not_one(engine: Engine, change: Change) -> None:
    """A change from a number to a truth value is one, although Python calls them equal."""
    for value in (1, True):
        with change() as edit:
            edit.put("consumer", "web", {"x": value})
    assert read_revision(engine) == 2


def test_changes_of_one_object_become_one(change: Change) -> None:
    """However often an edit touches something, its revision has one change of it."""
    with change() as edit:
        edit.put("upstream", "github", {})
        edit.put("upstream", "github", GITHUB)
        assert [tuple(one) for one in edit.changes] == [("upstream", "github", "create", None, GITHUB)]
    with change() as edit:
        edit.remove("upstream", "github")
        edit.put("upstream", "github", {})
        assert [tuple(one) for one in edit.changes] == [("upstream", "github", "update", GITHUB, {})]


def test_an_exception_leaves_everything_as_it_was(engine: Engine, change: Change) -> None:
    """An edit is kept whole or not at all, and a number that wasn't kept comes again."""

    def fail() -> None:
        with change() as edit:
            edit.put("upstream", "github", GITHUB)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_stored(engine).document == {}
    with change() as edit:
        edit.put("upstream", "github", GITHUB)
    assert read_revision(engine) == 1


def test_a_version_guards_what_is_changed(engine: Engine, change: Change) -> None:
    """Who has seen an older version, or none, changes nothing."""
    with change() as edit:
        assert edit.put("upstream", "github", GITHUB, create=True) == 1
    with change() as edit:
        with pytest.raises(ExistsError):
            edit.put("upstream", "github", GITHUB, create=True)
        assert edit.put("upstream", "github", {}, version=1) == 2
    with change() as edit:
        with pytest.raises(StaleError):
            edit.put("upstream", "github", GITHUB, version=1)
        with pytest.raises(StaleError):
            edit.put("upstream", "other", GITHUB, version=1)
        with pytest.raises(StaleError):
            edit.remove("upstream", "github", version=1)
        with pytest.raises(NotFoundError):
            edit.remove("upstream", "other")
        edit.remove("upstream", "github", version=2)
    assert get_object(engine, "upstream", "github") is None


def test_only_what_the_document_has_can_be_put(change: Change) -> None:
    """A kind or section that doesn't exist is refused."""
    with change() as edit:
        for kind, name in (("thing", "x"), ("section", "upstreams")):
            with pytest.raises(InvalidError):
                edit.put(kind, name, {})


def test_lists_go_on_after_a_name(engine: Engine, change: Change) -> None:
    """A page begins behind the name that ended the one before, in the order of bytes."""
    names = ["a", "b-1", "b1", "c"]
    with change() as edit:
        for name in reversed(names):
            edit.put("consumer", name, {})
        edit.put("upstream", "d", {})
    assert [item.name for item in list_objects(engine, "consumer")] == names
    assert [item.name for item in list_objects(engine, "consumer", after="a", limit=2)] == ["b-1", "b1"]


def test_any_text_is_kept(engine: Engine, change: Change) -> None:
    """What the document can hold comes back from both databases, whatever it is."""
    data = {"text": "\0 ü \ud800 \U0001f600", "number": 10**30, "nothing": None}
    with change() as edit:
        edit.put("consumer", "web", data)
    assert read_stored(engine).document == {"consumers": {"web": data}}


def test_editors_take_turns(engine: Engine) -> None:
    """Edits at the same time each see what the one before made: none is lost, and no number is missing."""
    each, failures = 10, list[BaseException]()
    together = threading.Barrier(2)

    def work(who: str) -> None:
        try:
            together.wait()
            for _ in range(each):
                with editing(engine, Author(who), now_us=NOW_US) as edit:
                    counted = edit.stored().document.get("network", {"n": 0})
                    assert isinstance(counted, dict)
                    edit.put("section", "network", {"n": counted["n"] + 1})
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("anna", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert read_stored(engine).document == {"network": {"n": 2 * each}}
    assert [one.number for one in list_revisions(engine)] == list(range(2 * each, 0, -1))
