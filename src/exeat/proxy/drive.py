"""Running a request's coroutine straight from the callbacks that it waits for.

An asyncio.Task resumes its coroutine on the next turn of the loop, through a future, a handle and a context: about
2 µs a request (2-architecture §1), and an answer that leaves a turn later. Here the callback that brings what a
request waits for (a response head, a free connection) resumes it at once. Code under a Drive awaits Wait objects only;
work that needs asyncio itself (dialling, DNS) runs in a Task of its own, which then sets a Wait.
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Wait(Generic[Value]):
    """One thing that one coroutine waits for: set or failed once, whatever comes later is ignored."""

    __slots__ = ("_done", "_error", "_value", "resume")

    def __init__(self) -> None:
        self._done = False
        self._value: Value | None = None
        self._error: BaseException | None = None
        self.resume: Callable[[], None] | None = None

    @property
    def is_done(self) -> bool:
        """Whether it was set or failed."""
        return self._done

    def set(self, value: Value) -> None:
        """Bring what was waited for, and run the coroutine until its next wait."""
        if not self._done:
            self._done = True
            self._value = value
            if self.resume is not None:
                self.resume()

    def fail(self, error: BaseException) -> None:
        """Raise `error` where the coroutine waits."""
        if not self._done:
            self._done = True
            self._error = error
            if self.resume is not None:
                self.resume()

    def __await__(self) -> Generator["Wait[Value]", None, Value]:
        if not self._done:
            yield self
        error, self._error = self._error, None  # an error that leads back to its own traceback is never freed
        if error is not None:
            try:
                raise error
            finally:
                del error
        return self._value  # type: ignore[return-value]  # set() gave it


class Drive:
    """One coroutine on its way; `finished` is called once, when it has returned."""

    __slots__ = ("_coroutine", "_finished", "_interruption", "_waits_for")

    def __init__(self, coroutine: Coroutine[Wait[Any], None, None], finished: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._finished = finished
        self._waits_for: Wait[Any] | None = None
        self._interruption: BaseException | None = None

    def run(self) -> None:
        """Run the coroutine until it waits or returns."""
        self._waits_for = None
        try:
            wait = self._coroutine.send(None)
        except StopIteration:
            self._finished()
            return
        self._waits_for = wait
        wait.resume = self.run
        if self._interruption is not None:
            error, self._interruption = self._interruption, None
            wait.fail(error)

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` where the coroutine waits, now or as soon as it does; nothing happens once it has returned."""
        if self._waits_for is not None:
            self._waits_for.fail(error)
        elif self._interruption is None:
            self._interruption = error
