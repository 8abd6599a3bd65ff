"""The way back to an earlier revision."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine

from exeat.model.secret import Secret
from exeat.store.configuration.edit import Edit
from exeat.store.configuration.failure import NotFoundError
from exeat.store.configuration.people import find_administrator
from exeat.store.configuration.revisions import roll_back
from exeat.store.configuration.stored import read_revision, read_stored
from tests.store.configuration.edits import Change


def fill(change: Change) -> None:
    """Make three revisions, in each of which everything is something else."""
    with change() as edit:
        edit.put("upstream", "github", {"url": "https://api.github.com"})
        edit.put("upstream", "stripe", {"url": "https://api.stripe.com"})
        edit.put("consumer", "web", {"grants": ["github"]})
        edit.put("destination", "a.example", {"host": "a.example"})
    with change() as edit:
        edit.put("upstream", "github", {"url": "https://github.internal"})
        edit.remove("upstream", "stripe")
        edit.put("upstream", "openai", {"url": "https://api.openai.com"})
        edit.put("section", "domains", ["a"])
        edit.add_key(id="one", sha256="00", consumer="web")
        edit.set_secret("openai", Secret("x"))
        edit.put_administrator("anna", role="administrator")
    with change() as edit:
        edit.put("upstream", "github", {"url": "https://elsewhere"})
        edit.put("upstream", "stripe", {"url": "https://elsewhere"})
        edit.remove("upstream", "openai")
        edit.remove("consumer", "web")


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_objects_become_what_they_were(engine: Engine, change: Change, number: int) -> None:
    """After a roll-back the document is that of the revision, and the way back is a revision too."""
    documents: list[Mapping[str, object]] = []

    def watched() -> AbstractContextManager[Edit]:
        documents.append(read_stored(engine).document)
        return change()

    fill(watched)
    documents.append(read_stored(engine).document)
    with change() as edit:
        roll_back(edit, number)
    assert read_stored(engine).document == documents[number]
    assert read_revision(engine) == (3 if number == 3 else 4)
    with change() as edit:
        roll_back(edit, 3)
    assert read_stored(engine).document == documents[3]


def test_what_is_no_object_stays(engine: Engine, change: Change) -> None:
    """A revoked key stays revoked, credentials and administrators stay as they are."""
    fill(change)
    with change() as edit:
        roll_back(edit, 0)
    stored = read_stored(engine)
    assert [key.revoked for key in stored.keys] == [True]
    assert list(stored.vault) == ["openai"]
    assert find_administrator(engine, "anna") is not None


def test_there_is_no_way_to_what_never_was(change: Change) -> None:
    """A number that no revision has is refused."""
    fill(change)
    with change() as edit:
        for number in (-1, 4):
            with pytest.raises(NotFoundError):
                roll_back(edit, number)
