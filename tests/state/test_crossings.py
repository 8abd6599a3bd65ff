"""Windows that pass a mark are told of, once for each mark."""

import asyncio
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from exeat.state.counters_file import COUNTERS_FILE
from exeat.state.durable import DurableLedger
from exeat.state.ledger import WINDOW, Charge, Give, Question, Take
from exeat.state.memory import MemoryLedger
from exeat.telemetry.logs import Log

END = 10**18


def take(need: int, amount: int = 100) -> Take:
    """A wish of one window."""
    return Take("entry", WINDOW, amount, END, need, need, need)


def marks(ledger: MemoryLedger, *questions: Question, holder: int = 1) -> list[tuple[int, int]]:
    """The marks that are passed by these, each with what is used."""
    for question in questions:
        ledger.ask(holder, question, 0, 0)
    return [(crossing.percent, crossing.used) for crossing in ledger.crossings()]


def test_each_mark_once() -> None:
    """80 and 100 % are told when they are passed, and never again in the window."""
    ledger = MemoryLedger()
    assert marks(ledger, take(79)) == []
    assert marks(ledger, take(1)) == [(80, 80)]
    assert marks(ledger, take(19)) == []
    assert marks(ledger, take(1)) == [(100, 100)]
    assert marks(ledger, Give("entry", WINDOW, 100), take(100), take(1)) == []


def test_both_at_once() -> None:
    """One wish may pass both marks; they are told in their order."""
    assert marks(MemoryLedger(), take(3, amount=3)) == [(80, 3), (100, 3)]


def test_too_little_left() -> None:
    """A budget of which less is left than a call costs is used up."""
    assert marks(MemoryLedger(), take(60), take(50)) == [(100, 60)]


def test_what_others_hold_may_come_back() -> None:
    """It isn't used up while somebody else may give back what lies idle."""
    ledger = MemoryLedger()
    ledger.ask(2, Take("entry", WINDOW, 1000, END, 1, 1, 100), 0, 0)
    assert marks(ledger, take(998, amount=1000)) == []
    serial = ledger.recalls()[0].serial
    assert marks(ledger, Give("entry", WINDOW, 0, serial), take(998, amount=1000), holder=2) == [(100, 100)]


def test_what_became_known_late() -> None:
    """A call that has cost more than was held back for it may pass a mark as well."""
    assert marks(MemoryLedger(), take(10), Charge("entry", END, 75)) == [(80, 85)]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=60))
def test_never_twice(moves: list[tuple[bool, int]]) -> None:
    """Whatever is taken and comes back, each mark is told at most once, and what is used up was told."""
    ledger = MemoryLedger()
    told: list[int] = []
    for gives, size in moves:
        told += [mark for mark, _ in marks(ledger, Give("entry", WINDOW, size) if gives else take(size))]
    assert told in ([], [80], [100], [80, 100])
    if "entry" in ledger.windows and ledger.windows["entry"].used == 100:
        assert 100 in told


def test_a_restart_tells_nothing_again(tmp_path: Path) -> None:
    """What was told is in the file with what is used."""

    async def spend(need: int) -> list[int]:
        ledger = DurableLedger(tmp_path / COUNTERS_FILE, Log("test", out=io.StringIO()))
        await ledger.answer([(1, [take(need)])], 0, 0)
        told = [crossing.percent for crossing in ledger.crossings()]
        ledger.close()
        return told

    assert [asyncio.run(spend(need)) for need in (80, 1, 19, 1)] == [[80], [], [100], []]


def test_what_is_not_kept_is_not_told(tmp_path: Path) -> None:
    """A window whose use can't be written is told of when it can, and not before."""

    async def spend() -> list[list[int]]:
        ledger = DurableLedger(tmp_path / COUNTERS_FILE, Log("test", out=io.StringIO()))
        file = ledger._file  # noqa: SLF001 - what fails in the middle
        assert file is not None
        file._connection.execute("PRAGMA query_only = ON")  # noqa: SLF001 - as above
        await ledger.answer([(1, [take(90)])], 0, 0)
        first = [crossing.percent for crossing in ledger.crossings()]
        ledger.tend(1, 1)
        await ledger.answer([(1, [take(90)])], 0, 0)
        second = [crossing.percent for crossing in ledger.crossings()]
        ledger.close()
        return [first, second]

    assert asyncio.run(spend()) == [[], [80]]
