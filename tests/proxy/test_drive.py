"""Coroutines that are run straight from the callbacks that they wait for."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exeat.proxy.drive import Drive, Wait


class Diary:
    """What happened, in order; `done` counts how often a Drive said that it had finished."""

    def __init__(self) -> None:
        self.entries: list[object] = []
        self.done = 0

    def finished(self) -> None:
        self.done += 1

    def drive(self, coroutine: Coroutine[Wait[Any], None, None]) -> Drive:
        return Drive(coroutine, self.finished)


async def note(diary: Diary, *waits: Wait[str]) -> None:
    """Note what each wait brings, or the error that it raises, and go on."""
    for wait in waits:
        try:
            diary.entries.append(await wait)
        except ValueError as error:
            diary.entries.append(str(error))


def test_a_callback_resumes_what_waits() -> None:
    """Setting a Wait runs the coroutine on at once, up to its next wait."""
    diary, one, other = Diary(), Wait[str](), Wait[str]()
    diary.drive(note(diary, one, other)).run()
    assert diary.entries == []
    one.set("a")
    assert diary.entries == ["a"]
    assert diary.done == 0
    other.set("b")
    assert diary.entries == ["a", "b"]
    assert diary.done == 1


def test_what_is_there_already_isnt_waited_for() -> None:
    """A Wait that was set or failed before gives its result without stopping."""
    diary, one, other = Diary(), Wait[str](), Wait[str]()
    one.set("a")
    other.fail(ValueError("b"))
    assert one.is_done
    assert other.is_done
    diary.drive(note(diary, one, other)).run()
    assert diary.entries == ["a", "b"]
    assert diary.done == 1


def test_a_coroutine_that_never_waits() -> None:
    """It has finished when run returns."""
    diary = Diary()
    diary.drive(note(diary)).run()
    assert diary.done == 1


@pytest.mark.parametrize(
    "later",
    [lambda wait: wait.set("second"), lambda wait: wait.fail(ValueError("second"))],
    ids=["set", "fail"],
)
@pytest.mark.parametrize("fails", [True, False])
def test_only_the_first_counts(later: Callable[[Wait[str]], None], fails: bool) -> None:  # noqa: FBT001 - parametrized
    """Whatever comes after a Wait was set or failed is ignored."""
    diary, wait = Diary(), Wait[str]()
    diary.drive(note(diary, wait)).run()
    if fails:
        wait.fail(ValueError("first"))
    else:
        wait.set("first")
    later(wait)
    assert diary.entries == ["first"]
    assert diary.done == 1


def test_a_failure_is_raised_where_it_is_waited_for() -> None:
    """The coroutine can catch what a Wait failed with, and go on."""
    diary, one, other = Diary(), Wait[str](), Wait[str]()
    diary.drive(note(diary, one, other)).run()
    one.fail(ValueError("broken"))
    other.set("b")
    assert diary.entries == ["broken", "b"]


def test_an_interruption_is_raised_where_it_waits() -> None:
    """Interrupting raises in the wait of the moment; the result that comes too late is ignored."""
    diary, one, other = Diary(), Wait[str](), Wait[str]()
    drive = diary.drive(note(diary, one, other))
    drive.run()
    drive.interrupt(ValueError("stop"))
    one.set("late")
    other.set("b")
    assert diary.entries == ["stop", "b"]
    assert diary.done == 1


def test_an_interruption_that_comes_while_it_runs() -> None:
    """A coroutine that brings about its own interruption meets it at its next wait: it isn't lost."""
    diary, wait = Diary(), Wait[str]()

    async def work() -> None:
        drive.interrupt(ValueError("own doing"))
        diary.entries.append("goes on")
        await note(diary, wait)

    drive = diary.drive(work())
    drive.run()
    assert diary.entries == ["goes on", "own doing"]
    assert diary.done == 1


def test_an_interruption_while_it_runs_again() -> None:
    """The same holds when it was resumed by a callback before."""
    diary, one, other = Diary(), Wait[str](), Wait[str]()

    async def work() -> None:
        await one
        drive.interrupt(ValueError("own doing"))
        await note(diary, other)

    drive = diary.drive(work())
    drive.run()
    one.set("a")
    assert diary.entries == ["own doing"]


def test_interrupting_what_has_returned() -> None:
    """Nothing happens, and `finished` isn't called again."""
    diary, wait = Diary(), Wait[str]()
    drive = diary.drive(note(diary, wait))
    drive.run()
    wait.set("a")
    drive.interrupt(ValueError("late"))
    assert diary.entries == ["a"]
    assert diary.done == 1


def test_one_resumes_the_other() -> None:
    """A coroutine that sets what another one waits for runs it to its next wait before it goes on itself."""
    diary, start, middle = Diary(), Wait[str](), Wait[str]()

    async def first() -> None:
        await start
        diary.entries.append("first begins")
        middle.set("x")
        diary.entries.append("first ends")

    async def second() -> None:
        await middle
        diary.entries.append("second")

    diary.drive(second()).run()
    diary.drive(first()).run()
    start.set("go")
    assert diary.entries == ["first begins", "second", "first ends"]
    assert diary.done == 2


def test_a_fault_goes_to_who_resumed_it() -> None:
    """An error that the coroutine doesn't catch leaves from the callback; it is nobody else's."""
    wait = Wait[str]()

    async def work() -> None:
        await wait

    Drive(work(), Diary().finished).run()
    with pytest.raises(KeyError):
        wait.fail(KeyError("bug"))
