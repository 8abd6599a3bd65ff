"""Rates by the generic cell rate algorithm (ITU-T I.371, annex A): one number per limit, exact, without rounding.

The number is when the limit is at rest again (`tat`, the theoretical arrival time): each request that passes moves it
on by one interval, and it may lie ahead of now by as many intervals as requests may pass at once (`burst`).

Rule 1: in any span of time pass at most `burst` requests and one more for each whole interval in it.
Rule 2: times are whole nanoseconds of one clock; 0 is a limit that nobody has used.
Rule 3: what was spent is spent: a request that gave its place back later would let too many pass within one span.
"""


def when(tat: int, interval: int, burst: int, n: int = 1) -> int:
    """The earliest time at which `n` requests may pass at once; ValueError if that many never may."""
    if n > burst:
        raise ValueError(f"{n} requests can't pass at once where the burst is {burst}")
    return tat - (burst - n) * interval


def spend(tat: int, now: int, interval: int, n: int = 1) -> int:
    """The new `tat` after `n` requests have passed now."""
    return max(now, tat) + n * interval


def remaining(tat: int, now: int, interval: int, burst: int) -> int:
    """How many requests may pass at once now."""
    if tat <= now:
        return burst
    left = burst + (now - tat) // interval
    return max(0, left)


def full_at(tat: int, now: int) -> int:
    """From when on as many requests as ever may pass at once."""
    return max(now, tat)
