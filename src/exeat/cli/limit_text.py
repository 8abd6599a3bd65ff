"""Limits in words, as a document writes them."""

from collections.abc import Iterable

from exeat.model.consumer import Key
from exeat.model.limit import SECOND_NS, Kind, Limit
from exeat.model.snapshot import Snapshot
from exeat.policy.authorize import Permit
from exeat.policy.price import render_amount

_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


def limits_of(snapshot: Snapshot, key: Key, permit: Permit) -> Iterable[Limit]:
    """The limits that apply to a call."""
    yield from snapshot.limits
    yield from key.consumer.limits
    yield from key.limits
    if permit.grant is not None:
        yield from permit.grant.limits
    if permit.upstream is not None:
        yield from permit.upstream.limits


def describe_limit(limit: Limit) -> str:
    """One limit in a line: whose it is, what it counts, and what it does beyond that."""
    words = [f"{limit.scope} {limit.kind} {_measure(limit)}"]
    if limit.per is not None:
        words.append(f"per {limit.per.by}" + (f":{limit.per.field.decode()}" if limit.per.field else ""))
    if limit.wait_ns:
        words.append(f"waits {limit.wait_ns / SECOND_NS:g} s, {limit.queue} in line")
    if limit.soft:
        words.append("soft")
    if limit.report:
        words.append("report mode")
    return ", ".join(words)


def _measure(limit: Limit) -> str:
    match limit.kind:
        case Kind.RATE:
            seconds, left = divmod(limit.period, SECOND_NS)
            period = _PERIODS.get(seconds, f"{seconds}s") if not left else f"{limit.period / SECOND_NS:g}s"
            burst = "" if limit.burst == limit.amount else f", {limit.burst} at once"
            return f"{limit.amount}/{period}{burst}"
        case Kind.BUDGET:
            return f"{render_amount(limit.amount)} {limit.currency}/{limit.unit} ({limit.zone})"
        case Kind.QUOTA:
            return f"{limit.amount}/{limit.unit} ({limit.zone})"
        case _:
            return str(limit.amount)
