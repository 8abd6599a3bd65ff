"""Records of changes: what they hold, and that they are safe when it is said that they are."""

import errno
from pathlib import Path

import orjson

from exeat.journal.changes import Change, record_change, render_change
from tests.journal.lives import Disk, Life, id_of, records_in

CHANGE = Change(
    id_of(1), "2026-09-22T12:00:00.000Z", "ada", "put", "upstream/github", None, {"url": "https://a.example"}
)


def test_a_change_has_its_members() -> None:
    """A record of a change is of its kind, and has who, what, before and after; nothing of an exchange."""
    assert orjson.loads(render_change(CHANGE)) == {
        "id": id_of(1),
        "time": "2026-09-22T12:00:00.000Z",
        "kind": "change",
        "outcome": "completed",
        "actor": "ada",
        "action": "put",
        "object": "upstream/github",
        "before": None,
        "after": {"url": "https://a.example"},
    }
    assert orjson.loads(render_change(CHANGE._replace(outcome="failed")))["outcome"] == "failed"


def test_a_change_is_safe_when_that_is_said(tmp_path: Path) -> None:
    """The record is in the file when it is said to be safe; where it can't be written that is said, and it follows."""
    life = Life(tmp_path)
    assert record_change(life.journal, CHANGE)
    assert records_in(tmp_path) == [render_change(CHANGE)]
    with Disk().used() as disk:
        disk.write = OSError(errno.ENOSPC, "No space left on device")
        assert not record_change(life.journal, CHANGE._replace(id=id_of(2)))
        assert records_in(tmp_path) == [render_change(CHANGE)]
    life.passes(2.0)
    assert [orjson.loads(made)["id"] for made in records_in(tmp_path)] == [id_of(1), id_of(2)]
