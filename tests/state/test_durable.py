"""What is counted survives the process, and nothing is granted that couldn't be kept."""

import asyncio
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from exeat.state.counters_file import CountersFileError, InUseError, check_counters
from exeat.state.durable import DurableLedger
from exeat.state.ledger import PERMITS, RATE, WINDOW, Answer, Charge, Give, Question, Take
from exeat.state.memory import GRACE_NS
from exeat.telemetry.logs import Log

SECOND = 1_000_000_000
END = 10**18


class Ledger:
    """A ledger on a file, and what it logs."""

    opened: ClassVar[list[DurableLedger]] = []

    def __init__(self, path: Path) -> None:
        self._out = io.StringIO()
        self.ledger = DurableLedger(path, Log("counters", as_json=True, out=self._out))
        self.opened.append(self.ledger)

    def ask(self, *questions: Question) -> list[Answer | None]:
        """What one round brings."""
        (answers,) = asyncio.run(self.ledger.answer([(1, list(questions))], SECOND, SECOND))
        return answers

    def take(self, name: str, amount: int, need: int) -> int | None:
        """How much of a window is granted; None where nothing is known."""
        (answer,) = self.ask(Take(name, WINDOW, amount, END, need, 1, need))
        return None if answer is None else answer.granted

    @property
    def said(self) -> list[str]:
        """The messages of its log."""
        return [json.loads(line)["message"] for line in self._out.getvalue().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where the file is; whoever has opened it closes it at the end."""
    yield tmp_path / "counters.db"
    while Ledger.opened:
        Ledger.opened.pop().close()


def test_windows_survive(path: Path) -> None:
    """What one process granted, charged and took back is known to the next one."""
    first = Ledger(path)
    assert first.take("a", 100, 70) == 70
    first.ask(Give("a", WINDOW, 20), Charge("b", END, 40))
    first.ledger.close()
    second = Ledger(path)
    assert second.take("a", 100, 100) == 50
    assert second.take("b", 100, 100) == 60
    assert path.stat().st_mode & 0o077 == 0
    assert second.said == []


def test_granted_is_kept_before_it_is_answered(path: Path) -> None:
    """A copy of the files, taken after an answer, holds it: so does what a process leaves that is killed."""
    first = Ledger(path)
    first.take("a", 100, 70)
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.db-wal").write_bytes(path.with_name("counters.db-wal").read_bytes())
    assert Ledger(copy).take("a", 100, 100) == 30
    first.ledger.close()


def test_one_process_at_a_time(path: Path) -> None:
    """As long as one process holds the file, another one knows nothing of windows; then it goes on by itself."""
    first = Ledger(path)
    first.take("a", 100, 70)
    second = Ledger(path)
    assert second.take("a", 100, 1) is None
    with pytest.raises(InUseError):
        check_counters(path)
    first.ledger.close()
    second.ledger.tend(SECOND, SECOND)
    assert second.take("a", 100, 100) == 30
    assert second.said == [
        "quotas and budgets can't be counted, so their calls are refused; mend or remove the file",
        "quotas and budgets are counted again",
    ]


@pytest.mark.parametrize("damage", ["empty", "text", "middle", "other tables"])
def test_damaged_file_grants_nothing(path: Path, damage: str) -> None:
    """A file that isn't whole is left alone, said once, and refused until it is removed; rates and permits go on."""
    ledger = Ledger(path)
    for number in range(200):
        ledger.take(f"window {number} " + "x" * 200, 100, 70)
    ledger.ledger.close()
    whole = path.read_bytes()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_bytes(b"nothing like a database" * 100)
        case "middle":
            path.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
        case _:
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE other (name TEXT)")
            connection.close()
    found = path.read_bytes()
    with pytest.raises(CountersFileError, match=r"damaged|empty"):
        check_counters(path)
    ledger = Ledger(path)
    for _ in range(3):
        assert ledger.take("a", 100, 1) is None
        ledger.ledger.tend(SECOND, SECOND)
    assert len(ledger.said) == 1
    assert path.read_bytes() == found
    rate, permits = ledger.ask(Take("r", RATE, 5, SECOND, 1, 1, 1), Take("p", PERMITS, 5, 0, 1, 1, 1))
    assert rate is not None
    assert permits is not None
    ledger.ask(Charge("a", END, 30))
    path.unlink()
    ledger.ledger.tend(SECOND, SECOND)
    assert ledger.take("a", 100, 100) == 70  # what was charged meanwhile isn't lost
    ledger.ledger.close()
    check_counters(path)


def test_file_that_fails_later(path: Path) -> None:
    """Where a round can't be kept, nothing of it is granted; what the file says holds when it can be read again."""
    ledger = Ledger(path)
    assert ledger.take("a", 100, 40) == 40
    ledger.ledger._file.close()  # type: ignore[union-attr]  # noqa: SLF001 - as a disk that fails
    assert ledger.take("a", 100, 40) is None
    ledger.ledger.tend(SECOND, SECOND)
    assert ledger.take("a", 100, 100) == 60


def test_ended_windows_go(path: Path) -> None:
    """A while after its end, a window is in the file no more; one that goes on is."""
    ledger = Ledger(path)
    ledger.ask(Take("old", WINDOW, 10, 5 * SECOND, 1, 1, 1), Take("new", WINDOW, 10, END, 1, 1, 1))
    late = 6 * SECOND + GRACE_NS
    ledger.ledger.tend(late, late)
    ledger.ledger.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name, used FROM windows").fetchall() == [("new", 1)]
    connection.close()
