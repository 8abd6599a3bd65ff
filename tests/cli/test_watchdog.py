"""Who counts as stuck: silence is measured only while the supervisor itself runs."""

from exeat.cli.watchdog import WATCH_S, Watchdog
from exeat.cli.worker_process import WorkerProcess
from exeat.telemetry.logs import Log


class Quiet(WorkerProcess):
    """A worker that says nothing, and is no process."""

    def __init__(self, *, is_ready: bool = True) -> None:
        self.is_ready = is_ready
        self.silent_s = 0.0


def test_silence_adds_up() -> None:
    """A worker is found once, when it has been silent for longer than the limit."""
    worker, watchdog = Quiet(), Watchdog(3, Log("test"))
    found = [watchdog.find_stuck([worker], WATCH_S) for _ in range(6)]
    assert found == [[], [], [], [worker], [], []]


def test_a_word_begins_anew() -> None:
    """Whoever speaks isn't stuck."""
    worker, watchdog = Quiet(), Watchdog(3, Log("test"))
    for _ in range(20):
        assert watchdog.find_stuck([worker], WATCH_S) == []
        if worker.silent_s >= 2:
            worker.silent_s = 0.0


def test_time_in_which_nobody_ran() -> None:
    """An hour between two looks is the supervisor's own absence, not an hour of silence."""
    worker, watchdog = Quiet(), Watchdog(10, Log("test"))
    assert watchdog.find_stuck([worker], 3600) == []
    assert worker.silent_s == 2 * WATCH_S


def test_a_worker_that_starts() -> None:
    """One that doesn't serve yet has other limits."""
    worker, watchdog = Quiet(is_ready=False), Watchdog(3, Log("test"))
    assert [watchdog.find_stuck([worker], WATCH_S) for _ in range(10)] == [[]] * 10
