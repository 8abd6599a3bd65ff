"""`exeat audit resume`: a database that went back to an earlier copy, beside journals that have gone on."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from exeat.cli.shipper import Shipper
from exeat.journal.segments import numbers_in, path_of
from exeat.journal.writer import Journal
from exeat.store.address import default_url
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.store.verify import verify
from tests.journal.lives import interrupted
from tests.store.made import make_record
from tests.support.recorded import database_of, edit, run_here

INSTANCE = "0199f4e8c1d2"
ONE, TWO = f"{INSTANCE}/worker-1", f"{INSTANCE}/worker-2"


class Machine:
    """A data directory with two writers' journals, and what moves them into its database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "exeat-data"
        self.data.mkdir(mode=0o700)
        (self.data / "instance").write_text(f"{INSTANCE}\n")
        (folder / "exeat.yaml").write_text("upstreams: {}\n")
        with self.database() as engine:
            migrate(engine)
        self._number = 0

    @contextmanager
    def database(self) -> Iterator[Engine]:
        """The database, as it is now."""
        engine = open_database(default_url(self.data))
        yield engine
        engine.dispose()

    def journal(self, writer: str) -> Path:
        """The folder of a writer's journal."""
        return self.data / "journal" / writer

    def write(self, writer: str, lives: int = 4) -> None:
        """Have a writer live some times, each with three records and a segment of its own."""
        for _ in range(lives):
            journal = Journal(
                self.journal(writer), f"{INSTANCE}/{writer}", list, interrupted=interrupted, segment_bytes=4096
            )
            for _ in range(3):
                self._number += 1
                journal.record(make_record(self._number))
                journal.commit()
            journal.close()

    def ship(self) -> dict[str, str]:
        """Move what can be moved; the chains that are stuck, and why."""
        with self.database() as engine:
            shipper = Shipper(self.data / "journal", INSTANCE, AuditWriter(engine))
            while shipper.ship():
                pass
            shipper.ship()
            return shipper.stuck

    def go_back(self) -> None:
        """Lose what is recorded from now on: write, move, and put the earlier copy back."""
        database = database_of(self.folder)
        copy = shutil.copytree(self.data, self.folder / "copy", ignore=shutil.ignore_patterns("journal"))
        self.write("worker-1")
        self.write("worker-2")
        assert self.ship() == {}
        for file in self.data.glob("exeat.db*"):
            file.unlink()
        shutil.copy(copy / "exeat.db", database)

    def audit(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run `exeat audit`."""
        return run_here(self.folder, "audit", *arguments, said=said)

    def wrong(self) -> dict[str, str]:
        """What `exeat doctor` calls wrong."""
        result = run_here(self.folder, "doctor", "--days", "4000", "--json")
        return {one["name"]: one["sentence"] for one in json.loads(result.stdout) if one["state"] == "wrong"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One whose database went back."""
    machine = Machine(tmp_path)
    machine.write("worker-1")
    machine.write("worker-2")
    assert machine.ship() == {}
    machine.go_back()
    return machine


def test_stuck_chains_are_named(machine: Machine) -> None:
    """Without help every chain stays stuck, and `exeat doctor` says what is missing, and what to do."""
    assert set(machine.ship()) == {ONE, TWO}
    wrong = machine.wrong()
    assert set(wrong) == {f"chain {ONE}", f"chain {TWO}"}
    assert wrong[f"chain {ONE}"] == (
        "records 13 to 18 are missing in the database, so that it takes none behind them: put back a copy that has"
        f" them, or go on without them with `exeat audit resume {ONE}`."
    )


def test_all_chains_go_on_and_the_gap_is_told(machine: Machine) -> None:
    """What journals hold is moved again, and from then on the trail names the records that are missing."""
    result = machine.audit("resume", "--all", "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{chain} goes on with record 19; records 13 to 18 are missing, and the trail says so." for chain in (ONE, TWO)
    ]
    assert machine.ship() == {}
    assert machine.wrong() == {}
    verified = machine.audit("verify")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.count(", 13 to 18 are missing\n") == 2
    assert verified.stdout.endswith(
        "Missing: 12 records that the database lost when it went back to an earlier copy.\n"
    )
    told = json.loads(machine.audit("verify", "--json").stdout)
    assert [chain["missing"] for chain in told["chains"]] == [
        [],
        [{"first": 13, "last": 18, "recorded": True}],
        [{"first": 13, "last": 18, "recorded": True}],
    ]
    [record] = map(json.loads, machine.audit("search", "--json", "--where", "action=resume").stdout.splitlines())
    assert (record["actor"], record["object"]) == ("cli", "audit/records")
    assert [gap["chain"] for gap in record["after"]["gaps"]] == [ONE, TWO]
    assert len(numbers_in(machine.journal("worker-1"))) == 2
    machine.write("worker-1")
    assert machine.ship() == {}
    assert machine.audit("resume", "--all", "--yes").stdout == "No chain is stuck.\n"


def test_one_chain_goes_on(machine: Machine) -> None:
    """A chain that is named goes on, with its instance or without, and no other."""
    assert machine.audit("resume", "worker-2", "--yes").returncode == 0
    assert set(machine.ship()) == {ONE}
    result = machine.audit("resume", TWO)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"exeat: {TWO}: isn't a chain of this data directory that is stuck; those are: {ONE}\n"
    assert machine.audit("resume", ONE, "--yes").returncode == 0
    assert machine.ship() == {}
    assert machine.audit("verify").returncode == 0


def test_it_asks(machine: Machine) -> None:
    """Without a clear yes nothing is changed: a copy that has the records may still be put back."""
    for said in ("", "y\n"):
        result = machine.audit("resume", "--all", said=said)
        assert (result.returncode, result.stdout) == (1, "Nothing was changed.\n")
        assert f"{ONE}: records 13 to 18 are missing in the database.\n" in result.stderr
        assert set(machine.ship()) == {ONE, TWO}
    assert machine.audit("resume", "--all", said="yes\n").returncode == 0
    for arguments in ((), (ONE, "--all")):
        assert machine.audit("resume", *arguments).returncode == 2


def test_until_the_record_is_there_a_gap_is_a_fault(machine: Machine) -> None:
    """What the trail doesn't yet say isn't passed over."""
    machine.audit("resume", "--all", "--yes")
    verified = machine.audit("verify")
    assert verified.returncode == 1
    assert "no record says who has left them out" in verified.stderr
    machine.ship()
    assert machine.audit("verify").returncode == 0


def test_a_gap_that_cannot_be_recorded_is_not_left(machine: Machine) -> None:
    """Where the record of it can't be kept, no chain goes on."""
    machine.journal("cli").write_text("a file")
    result = machine.audit("resume", "--all", "--yes")
    assert (result.returncode, result.stdout) == (1, "")
    assert "so it isn't made" in result.stderr
    machine.journal("cli").unlink()
    assert set(machine.ship()) == {ONE, TWO}


def test_a_journal_that_went_back(machine: Machine) -> None:
    """A gap is no help where the database is ahead of the journals: nothing is changed, and what to do is said."""
    machine.audit("resume", "--all", "--yes")
    machine.ship()
    shutil.rmtree(machine.journal("worker-1"))
    machine.write("worker-1", lives=1)
    assert set(machine.wrong()) == {f"chain {ONE}"}
    result = machine.audit("resume", "--all", "--yes")
    assert (result.returncode, result.stdout) == (1, "")
    assert "give the gateway a new EXEAT_DATA_DIR" in result.stderr
    with machine.database() as engine:
        assert verify(engine).faults == ()


def test_a_damaged_segment(tmp_path: Path) -> None:
    """A segment that was damaged before it was moved is a gap as well: what is behind it goes on."""
    machine = Machine(tmp_path)
    machine.write("worker-1")
    path_of(machine.journal("worker-1"), 2).write_bytes(bytes(4096))
    assert set(machine.ship()) == {ONE}
    assert machine.audit("resume", "worker-1", "--yes").returncode == 0
    assert machine.ship() == {}
    assert ", 4 to 6 are missing\n" in machine.audit("verify").stdout


def test_a_name_that_is_none(machine: Machine) -> None:
    """Where the instance has no name that can be, that is said, and doctor says it of the data directory."""
    (machine.data / "instance").write_text("nobody\n")
    result = machine.audit("resume", "--all", "--yes")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "holds no name of an instance" in result.stderr
    assert set(machine.wrong()) == {"data directory"}


def test_a_chain_that_the_copy_never_knew(tmp_path: Path) -> None:
    """A chain that is new to a database begins where its journal does; what was before is said not to be there."""
    machine = Machine(tmp_path)
    machine.write("worker-1")
    machine.ship()
    for file in machine.data.glob("exeat.db*"):
        file.unlink()
    with machine.database() as engine:
        migrate(engine)
    machine.write("worker-1")
    assert machine.ship() == {}
    assert ", 6 before aren't in this database\n" in machine.audit("verify").stdout


def test_nothing_is_stuck(tmp_path: Path) -> None:
    """A trail without trouble has nothing to go on with, and an edited one isn't changed."""
    machine = Machine(tmp_path)
    machine.write("worker-1")
    machine.ship()
    edit(database_of(tmp_path), "DELETE FROM records WHERE number = 2")
    result = machine.audit("resume", "--all", "--yes")
    assert (result.returncode, result.stdout) == (0, "No chain is stuck.\n")
    assert machine.audit("verify").returncode == 1
