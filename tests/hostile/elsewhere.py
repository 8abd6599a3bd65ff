"""Functions that run in a process of their own, so that they take no time from the test or from each other."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import NamedTuple, ParamSpec, Self, TypeVar

LIMIT_S = 45.0
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Signals(NamedTuple):
    """What a test and a process tell each other: it is under way, it may go on, it shall end."""

    there: Event
    on: Event
    over: Event


_signals: Signals


def say_there() -> None:
    """Say that what was asked for is under way."""
    _signals.there.set()


def wait_for_word() -> None:
    """Wait until the test says to go on."""
    _signals.on.wait(LIMIT_S)


def is_over(within_s: float = 0.0) -> bool:
    """Whether it shall end; waits for that at most so many seconds."""
    return _signals.over.wait(within_s)


def _settle(signals: Signals, processors: set[int], *, first: bool) -> None:
    global _signals  # noqa: PLW0603 - this process does one thing at a time
    _signals = signals
    os.sched_setaffinity(0, processors)
    if first:
        with suppress(PermissionError):  # root's alone
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


class Elsewhere:
    """One such process, on these processors; `first` before all others there, whoever else wants to run."""

    def __init__(self, processors: set[int], *, first: bool = False) -> None:
        context = get_context("spawn")
        self._signals = Signals(context.Event(), context.Event(), context.Event())
        self._pool = ProcessPoolExecutor(1, context, partial(_settle, first=first), (self._signals, processors))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._pool.shutdown()

    def call(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Run a function there; its result."""
        return self._pool.submit(function, *args, **kwargs).result(LIMIT_S)

    @contextmanager
    def doing(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Iterator[Future[Result]]:
        """Run a function there from when it is under way; it's told to end with the block, and has ended after it."""
        for signal in self._signals:
            signal.clear()
        future = self._pool.submit(function, *args, **kwargs)
        future.add_done_callback(lambda _: self._signals.there.set())
        try:
            self.wait_until_there()
            yield future
        finally:
            self._end()
        future.result(LIMIT_S)

    def go_on(self) -> None:
        """Tell it to go on, and wait until it has."""
        self._signals.there.clear()
        self._signals.on.set()
        self.wait_until_there()

    def wait_until_there(self) -> None:
        """Wait until it says that it is under way, or has ended."""
        assert self._signals.there.wait(LIMIT_S), "nothing happens elsewhere"

    def _end(self) -> None:
        self._signals.on.set()
        self._signals.over.set()
