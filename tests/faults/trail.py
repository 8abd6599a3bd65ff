"""What has to be true of the audit trail when everything is over, whatever happened before."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import orjson

from tests.faults.callers import Answered


def read_records(database: Path) -> list[dict[str, object]]:
    """Every record of an exchange, as it was written."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT body FROM records WHERE kind = 'exchange'").fetchall()
    finally:
        connection.close()
    return [orjson.loads(body) for (body,) in rows]


def number_of(record: dict[str, object]) -> str:
    """The caller's name for a request."""
    return str(record["path"]).rpartition("/")[2]


def check_trail(records: list[dict[str, object]], seen: Iterable[str], answered: Iterable[Answered]) -> None:
    """No request that the upstream saw, and no answer that a caller read, is without its one record."""
    by_id = {str(record["id"]): record for record in records}
    assert len(by_id) == len(records), "a record is there twice"
    recorded = Counter(number_of(record) for record in records if record["outcome"] != "refused")
    unrecorded = {number for number in seen if not recorded[number]}
    assert not unrecorded, f"the upstream saw requests without a record: {sorted(unrecorded)[:5]}"
    for answer in answered:
        record = by_id.get(answer.request_id)
        assert record is not None, f"a caller read an answer without a record: {answer}"
        assert (number_of(record), record["status"]) == (answer.number, answer.status)
        assert record["outcome"] == ("completed" if answer.status == 200 else "refused"), record
