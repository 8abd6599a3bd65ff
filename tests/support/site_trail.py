"""What three instances have recorded in their PostgreSQL, held against what callers and the upstream know."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import psycopg

from tests.support.gateway import JsonObject, wait_until
from tests.support.site_load import Call

ARRIVE_S = 30.0
ONE = "SELECT count(*) FROM records WHERE kind = 'exchange' AND id = ANY(%s)"
ALL = "SELECT id, chain, path, status, outcome, error, attempts FROM records WHERE kind = 'exchange'"


AWAY = ("Redis can't be reached", "the counters can't be reached")
BACK = ("Redis is reached again", "the counters are reached again")
MOMENT_S = 1.0  # before and after what is logged


class Outage(NamedTuple):
    """A time in which an instance couldn't count, by its own log."""

    instance: str
    began: float
    ended: float

    def meets(self, began: float, ended: float) -> bool:
        """Whether any of it was within a stretch of time."""
        return began <= self.ended + MOMENT_S and ended >= self.began - MOMENT_S


def outages_of(instance: str, events: Iterable[JsonObject]) -> list[Outage]:
    """The outages that an instance has logged, by the clock of the callers."""
    ahead = time.monotonic() - time.time_ns() / 1e9
    found: list[Outage] = []
    for event in events:
        at = datetime.fromisoformat(str(event["time"])).timestamp() + ahead
        if str(event["message"]).startswith(AWAY):
            found.append(Outage(instance, at, math.inf))
        elif str(event["message"]).startswith(BACK) and found:
            found[-1] = found[-1]._replace(ended=at)
    return found


class Recorded(NamedTuple):
    """The record of an exchange; `chain` begins with the name of its instance."""

    id: str
    chain: str
    path: str
    status: int
    outcome: str
    error: str | None
    attempts: int

    @property
    def instance(self) -> str:
        """Whose record it is."""
        return self.chain.partition("/")[0]


class Trail:
    """The records of all exchanges."""

    def __init__(self, records: Iterable[Recorded]) -> None:
        self.records = list(records)
        self.by_id = {record.id: record for record in self.records}
        self.by_path: defaultdict[str, list[Recorded]] = defaultdict(list)
        for record in self.records:
            self.by_path[record.path].append(record)

    def interrupted(self, path: str) -> list[Recorded]:
        """The exchanges of a path that the end of a process cut off."""
        return [record for record in self.by_path[path] if record.outcome == "interrupted"]


def read_trail(url: str, calls: list[Call]) -> Trail:
    """The whole trail, once it has what these callers were answered."""
    answered = [call.id for call in calls if call.id is not None]
    with psycopg.connect(url) as connection:
        wait_until(lambda: _count(connection, answered) >= len(answered), "the records have arrived", ARRIVE_S)
        return Trail(Recorded(*row) for row in connection.execute(ALL).fetchall())


def _count(connection: psycopg.Connection, ids: list[str]) -> int:
    row = connection.execute(ONE, [ids]).fetchone()
    connection.rollback()
    assert row is not None
    return int(row[0])


def check_each_answer_is_recorded(trail: Trail, calls: list[Call]) -> None:
    """What a caller has read to its end has one record, which says the same."""
    assert len(trail.by_id) == len(trail.records), "an exchange has two records"
    for call in calls:
        if call.failure is None and call.id is not None:
            record = trail.by_id[call.id]
            outcome = "completed" if call.status == 200 else "refused"
            told = (record.path, record.status, record.error, record.outcome)
            assert told == (call.seen_as, call.status, call.code, outcome), record


def check_each_request_is_recorded(trail: Trail, seen: list[str]) -> None:
    """What the upstream saw is in the trail, once each, and so is nothing else.

    A record says how many attempts were made; one that was interrupted can't, so it stands for one or none.
    """
    for path, times in Counter(seen).items():
        records = trail.by_path[path]
        attempts = sum(record.attempts for record in records)
        assert attempts <= times <= attempts + len(trail.interrupted(path)), (path, times, records)
    strangers = trail.by_path.keys() - set(seen)
    assert {record.outcome for path in strangers for record in trail.by_path[path]} <= {"refused", "interrupted"}
