"""How what is kept is shown, and what is sent is read: times and lengths of time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from exeat.admin.refusal import Fault
from exeat.config.grammar import parse_time
from exeat.config.problem import unquote

LONGEST_S = 3660 * 86400
_LENGTH = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_time(time_us: int | None) -> str | None:
    """RFC 3339 in UTC, to the microsecond; None for never."""
    if time_us is None:
        return None
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")


def faults_of_expiry(members: Mapping[str, Any], now_us: int) -> list[Fault]:
    """What is wrong with the `expires_at` and `expires_in` of a body."""
    faults: list[Fault] = []
    parse_expiry(members.get("expires_at"), members.get("expires_in"), now_us, faults)
    return faults


def parse_expiry(at: str | None, within: str | None, now_us: int, faults: list[Fault]) -> int | None:
    """When something ends (µs since 1970): a time, or a length of time from now such as `90d`; None for never.

    What is wrong is added to `faults`.
    """
    if at is not None and within is not None:
        faults.append(Fault("/expires_in", "is there beside expires_at; write one of them"))
        return None
    if at is not None:
        return _parse_time(at, now_us, faults)
    length_s = None if within is None else parse_length(within, "/expires_in", faults)
    return None if length_s is None else now_us + length_s * 1_000_000


def parse_length(text: str, pointer: str, faults: list[Fault]) -> int | None:
    """A length of time in seconds; what is wrong with it is added to `faults`."""
    length = _LENGTH.fullmatch(text)
    if length is None or not 0 < int(length[1]) * _UNITS[length[2]] <= LONGEST_S:
        faults.append(Fault(pointer, "isn't a length of time of at most ten years; write it as in 12h or 90d"))
        return None
    return int(length[1]) * _UNITS[length[2]]


def _parse_time(text: str, now_us: int, faults: list[Fault]) -> int | None:
    try:
        time_us = int(parse_time(text) * 1_000_000)
    except (ValueError, OverflowError) as error:
        faults.append(Fault("/expires_at", unquote(str(error), hide=False)))
        return None
    if time_us <= now_us:
        faults.append(Fault("/expires_at", "is in the past"))
    return time_us


def state_of(expires_at: int | None, revoked_at: int | None, now_us: int) -> str:
    """What has become of a key or token: `active`, `expired` or `revoked`."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now_us else "active"
