"""Keys that are made and taken back while a gateway runs, its control process is killed, or the database is away."""

import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.end_to_end.test_configuration_in_database import (
    Caller,
    add_key,
    change,
    database_of,
    fill,
    id_of,
)
from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.origins import Origin
from tests.support.recorded import behave

LATER_S = 10


def has(caller: Caller, status: int) -> bool:
    """Whether every worker answers so: a row of calls that all agree."""
    return all(caller.status() == status for _ in range(8))


def test_many_changes_in_a_row(tmp_path: Path) -> None:
    """Whatever the pace, the last state counts in all workers, in those that are started later too."""
    keys = [make_key() for _ in range(12)]
    with (
        Origin(behave) as origin,
        Gateway("{}", folder=tmp_path, workers=2) as gateway,
        database_of(tmp_path) as engine,
    ):
        fill(engine, origin, keys[0])
        wait_until(lambda: has(Caller(gateway, keys[0]), 200), "the first key is in force")
        for one, other in pairwise(keys):
            with change(engine) as edit:
                edit.revoke_key(id_of(one))
                add_key(edit, other)
        wait_until(lambda: has(Caller(gateway, keys[-1]), 200), "the last key is in force")
        assert has(Caller(gateway, keys[-2]), 401)
        assert has(Caller(gateway, keys[0]), 401)
        gateway.kill_worker(gateway.worker_pids()[0])
        wait_until(lambda: len(gateway.worker_pids()) == 2, "there is another worker")
        assert has(Caller(gateway, keys[-1]), 200)
        assert has(Caller(gateway, keys[-2]), 401)
        with change(engine) as edit:
            edit.revoke_key(id_of(keys[-1]))
        wait_until(lambda: has(Caller(gateway, keys[-1]), 401), "the new worker hears of changes")


def test_the_control_process_dies(tmp_path: Path) -> None:
    """A control process that is started again says everything first, and changes go on from there."""
    first, second, third = make_key(), make_key(), make_key()
    with Origin(behave) as origin, Gateway("{}", folder=tmp_path) as gateway, database_of(tmp_path) as engine:
        fill(engine, origin, first)
        with change(engine) as edit:
            add_key(edit, second)
        wait_until(lambda: has(Caller(gateway, second), 200), "the key is in force")
        (control,) = gateway.control_pids()
        os.kill(control, signal.SIGKILL)
        with change(engine) as edit:
            edit.revoke_key(id_of(first))
            add_key(edit, third)
        wait_until(lambda: has(Caller(gateway, third), 200), "what happened meanwhile is in force", LATER_S)
        assert has(Caller(gateway, first), 401)
        with change(engine) as edit:
            edit.revoke_key(id_of(third))
        wait_until(lambda: has(Caller(gateway, third), 401), "and so is what comes after")
        assert "doesn't fit" not in gateway.stderr()


@pytest.mark.parametrize("later", ["key", "file"])
def test_kept_for_a_start_without_the_database(tmp_path: Path, later: str) -> None:
    """A key that was taken back stays so when the gateway starts without its database; the file counts beside it."""
    first, second = make_key(), make_key()
    with Origin(behave) as origin:
        with Gateway("{}", folder=tmp_path) as gateway, database_of(tmp_path) as engine:
            fill(engine, origin, first)
            wait_until(lambda: has(Caller(gateway, first), 200), "the key is in force")
            if later == "file":
                gateway.reload({"consumers": {"file": {"grants": ["api"]}}})
            with change(engine) as edit:
                edit.revoke_key(id_of(first))
                edit.add_key(id=id_of(second), sha256=second.sha256, consumer="web" if later == "key" else "file")
            wait_until(lambda: has(Caller(gateway, first), 401), "it is taken back")
        document = "{}" if later == "key" else {"consumers": {"file": {"grants": ["api"]}}}
        with Gateway(
            document, {"EXEAT_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, folder=tmp_path
        ) as gateway:
            assert has(Caller(gateway, first), 401)
            assert has(Caller(gateway, second), 200)
