"""`exeat audit search` and `exeat audit tail`: what they find, how it is shown, and what they say of wrong usage."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import EXEAT, JsonObject, environment, run_exeat, wait_until
from tests.support.recorded import TRACE, Recorded, database_of, recorded, recorded_in, wait_for_records

ALL = ["cut", "broken", "ungranted", "keyless", "strange", "missing", "posted", "fine", "start"]


@pytest.fixture(scope="module")
def place() -> Iterator[Recorded]:
    """A trail of every kind of record."""
    authority = Authority()
    with recorded(authority) as place:
        yield place


def test_everything(place: Recorded) -> None:
    """Without options every record is there once, newest first; with --json byte for byte as it was recorded."""
    result = place.audit("search", "--json")
    assert result.stdout.encode().splitlines() == recorded_in(database_of(place.gateway.folder))[::-1]
    assert place.found() == ALL
