"""How long the phases of an exchange took: for the events of its span, and for who asks with Exeat-Debug."""

from collections.abc import Iterator

from exeat.proxy.exchange import Attempt, Exchange

FIRST = "gateway"  # what the gateway does before it waits for anything


def moments_of(exchange: Exchange) -> list[tuple[str, float]]:
    """When each phase began, in order (monotonic s); only of an exchange whose `moments` are kept."""
    moments = [(FIRST, exchange.started), *(exchange.moments or ())]
    head_at = exchange.head_at
    if head_at is None:
        return moments
    before = [moment for moment in moments if moment[1] <= head_at and moment[0] != "relay"]
    return [*before, ("relay", head_at)]


def durations_of(exchange: Exchange, now: float) -> dict[str, float]:
    """How long each phase took (s), those of several attempts together, in the order in which they began."""
    durations: dict[str, float] = {}
    moments = moments_of(exchange)
    ends = [at for _, at in moments[1:]]
    for (phase, began), ended in zip(moments, [*ends, now], strict=True):
        durations[phase] = durations.get(phase, 0.0) + max(0.0, ended - began)
    return durations


def render_server_timing(exchange: Exchange, now: float) -> bytes:
    """The field's line (W3C Server Timing §3): phases, attempts with what became of them, and all until now, in ms."""
    return b"Server-Timing: %b\r\n" % ", ".join(_metrics_of(exchange, now)).encode()


def _metrics_of(exchange: Exchange, now: float) -> Iterator[str]:
    for phase, seconds in durations_of(exchange, now).items():
        if phase != "relay":  # it has only just begun
            yield _metric(phase, seconds)
    for number, attempt in enumerate(exchange.attempts, 1):
        ended = ended_at(attempt)
        took_s = (now if ended is None else ended) - attempt.began
        yield f'{_metric(f"attempt-{number}", took_s)};desc="{attempt.error or attempt.status or "unfinished"}"'
    yield _metric("total", now - exchange.started)


def timing_of(exchange: Exchange, now: float) -> dict[str, float]:
    """The same for the answer of an envelope: milliseconds by phase, and of all."""
    phases = {phase: round(seconds * 1000, 3) for phase, seconds in durations_of(exchange, now).items()}
    return {**phases, "total": round((now - exchange.started) * 1000, 3)}


def ended_at(attempt: Attempt) -> float | None:
    """When an attempt failed, or was answered."""
    return attempt.head_at if attempt.failed_at is None else attempt.failed_at


def _metric(name: str, seconds: float) -> str:
    return f"exeat-{name};dur={max(0.0, seconds) * 1000:.3f}"
