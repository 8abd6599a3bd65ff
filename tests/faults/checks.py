"""What a row of the table promises, held against what was seen."""

from collections import Counter

from tests.faults.stand import DRAIN_S, Call, Left, Trial
from tests.faults.table import Fault
from tests.support.problems import check_problem

BUSY_S = 4.0  # what all faults of a family at once may add on a machine that is shared; no default timeout is shorter


def check_fault(fault: Fault, trial: Trial) -> None:
    """Both calls went as the row says, and the second was held up by nothing that the first left behind."""
    for call in (trial.first, trial.second):
        check_heard(fault, call, fault.name)
        check_record(fault, call)
        assert call.took_s < fault.within_s + BUSY_S


def check_heard(fault: Fault, call: Call, upstream: str) -> None:
    """The caller got what the row says, and can see who made it."""
    answer = call.answer
    if fault.heard == "nothing":
        assert answer is None
        return
    assert answer is not None
    assert answer.field("exeat-request-id") == call.record["id"]
    if fault.heard == "problem":
        assert fault.code is not None
        problem = check_problem(answer, fault.code, upstream)
        detail = str(problem["detail"])
        assert fault.because in detail
        assert problem["attempts"] == len(call.attempts)
    else:
        assert answer.field("exeat-origin") == "upstream"
        assert (answer.status, answer.complete) == (fault.recorded_status, fault.heard == "answer")


def check_record(fault: Fault, call: Call) -> None:
    """The record says what became of the call, and what it cost."""
    record = call.record
    assert (record["error"], record["status"]) == (fault.code, fault.recorded_status)
    assert record["outcome"] == ("completed" if fault.code is None else "failed")
    assert record["cost"] == ({"amount": "1", "currency": "USD"} if fault.sent else None)
    (attempt,) = call.attempts
    assert attempt["status"] is not None or attempt["error"] == fault.code


def check_retried(fault: Fault, trial: Trial) -> None:
    """With one retry there are two attempts, or one as before; the answer is the last one's."""
    assert len(trial.retried.attempts) == (2 if fault.retried == "again" else 1)
    assert len(trial.elsewhere.attempts) == (1 if fault.retried == "never" else 2)
    check_heard(fault, trial.retried, f"{fault.name}-retried")
    check_heard(fault, trial.elsewhere, f"{fault.name}-elsewhere")


def check_blamed(fault: Fault, trial: Trial) -> None:
    """A failure of the upstream's opens its circuit; whatever callers do leaves it closed."""
    opened = trial.after.code == "circuit-open"
    assert opened == fault.blamed


def check_left(left: Left) -> None:
    """Nothing is left: no exchange, no connection, no file, no reservation; each has its record; the end is quick."""
    assert (left.worker["in_flight"], left.worker["upstream_connections"]) == (0, 0)
    files = left.more_files
    assert files == []
    assert left.spent == left.cost
    assert left.kept == Counter(line["id"] for line in left.lines)
    assert left.bugs == []
    assert left.drained_s < DRAIN_S / 2
