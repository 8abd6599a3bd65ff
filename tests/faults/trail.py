"""What has to be true of the audit trail when everything is over, whatever happened before."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import orjson
from sqlalchemy import Engine

from exeat.store.failure import StoreError
from exeat.store.rollup_check import check_rollups
from exeat.store.search import Query, search
from exeat.store.verify import verify
from tests.faults.callers import Answered
from tests.support.gateway import wait_until

SHIPPED_S = 20.0
PAGE = 5000
Record = dict[str, object]


def read_records(engine: Engine) -> list[Record]:
    """Every record of an exchange, as it was written."""
    found: list[Record] = []
    cursor: str | None = None
    while True:
        page = search(engine, Query(fields={"kind": "exchange"}), cursor=cursor, limit=PAGE)
        found += [orjson.loads(record.body) for record in page.records]
        cursor = page.cursor
        if cursor is None:
            return found


def number_of(record: Record) -> str:
    """The caller's name for a request."""
    return str(record["path"]).rpartition("/")[2]


def check_records(records: list[Record], seen: Iterable[str], answered: Iterable[Answered]) -> None:
    """No request that the upstream saw, and no answer that a caller read, is without its one record.

    What was refused because no record can be kept may have none: that is what its answer says.
    """
    by_id = {str(record["id"]): record for record in records}
    assert len(by_id) == len(records), "a record is there twice"
    recorded = Counter(number_of(record) for record in records if record["outcome"] != "refused")
    assert recorded, "no request has passed"
    unrecorded = {number for number in seen if not recorded[number]}
    assert not unrecorded, f"the upstream saw requests without a record: {sorted(unrecorded)[:5]}"
    for answer in answered:
        record = by_id.get(answer.request_id)
        if record is None:
            assert answer.error == "audit-unavailable", f"a caller read an answer without a record: {answer}"
            continue
        assert (number_of(record), record["status"]) == (answer.number, answer.status)
        assert record["outcome"] == ("completed" if answer.status == 200 else "refused"), record


def check_trail(engine: Engine, seen: list[str], answered: list[Answered]) -> None:
    """As check_records, once everything has been moved; and the chains and the roll-ups are right."""

    def is_there() -> bool:
        with suppress(AssertionError, StoreError):
            check_records(read_records(engine), seen, answered)
            return True
        return False

    with suppress(AssertionError):  # what is missing is said below
        wait_until(is_there, "every record is there", SHIPPED_S)
    check_records(read_records(engine), seen, answered)
    assert verify(engine).faults == ()
    assert check_rollups(engine, 0, 2**62) is None
