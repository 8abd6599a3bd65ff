"""What every family of faults is asked: its faults are brought about once, and each row of the table is held to it."""

from tests.faults.checks import check_blamed, check_fault, check_retried
from tests.faults.stand import Seen
from tests.faults.table import Fault


class Family:
    """The tests of a family; who derives from it says by `parametrize` of which."""

    def test_what_is_told_and_recorded(self, seen: Seen, fault: Fault) -> None:
        """Caller and record say what the table says, in time, twice the same."""
        check_fault(fault, seen.trials[fault.name])

    def test_who_tries_again(self, seen: Seen, fault: Fault) -> None:
        """Another attempt is made exactly where the table says so: where it can do no harm, and may go better."""
        check_retried(fault, seen.trials[fault.name])

    def test_who_is_blamed(self, seen: Seen, fault: Fault) -> None:
        """The circuit opens exactly where the upstream is at fault, never for its callers or for policy."""
        check_blamed(fault, seen.trials[fault.name])
