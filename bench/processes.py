"""Starts processes pinned to a core, each in its own session, and ends them with their children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STOP_WITHIN_S = 8.0


class RunFailed(Exception):  # noqa: N818 - it reads as what happened
    """The run can't go on, or its figures would not mean what they say."""


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def go_first(core: int) -> bool:
    """Put this process, and so all that it starts, on a core and ahead of the machine's other work.

    Real-time round robin, the lowest priority there is: strangers no longer delay a measured process by
    whole scheduler ticks (which made p99 a property of the neighbours), and among ourselves all are
    equal. The kernel keeps 5 % for the others. False where the system does not allow it.
    """
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def pinned(core: int, command: tuple[str, ...]) -> tuple[str, ...]:
    return ("taskset", "-c", str(core), *command)


@contextmanager
def running(name: str, command: tuple[str, ...], core: int, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core; stdout is appended to `output`, stderr to `output` + `.err`."""
    errors = output.with_name(output.name + ".err")
    with output.open("ab") as out, errors.open("ab") as err:
        # Its folder, not ours: nobody reads a .env or a document that happens to lie here.
        process = subprocess.Popen(
            pinned(core, command), stdout=out, stderr=err, cwd=output.parent, start_new_session=True
        )
    try:
        yield process
    except Exception:
        say(f"-- last words of {name}:\n{_tail(errors)}{_tail(output)}")
        raise
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_WITHIN_S)
    # The session is ours: whatever of it still lives did not end politely.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(what: str, condition: Callable[[], bool], within_s: float = 15.0) -> None:
    """Poll until the condition holds; RunFailed when it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise RunFailed(f"{what}: not within {within_s:g} s")
        time.sleep(0.02)


def _tail(path: Path, size: int = 2000) -> str:
    return path.read_text(errors="replace")[-size:] if path.exists() else ""
