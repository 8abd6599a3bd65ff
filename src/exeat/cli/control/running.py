"""The gateway as the admin API asks it: what each part of the control process knows and does, put together."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Engine

from exeat.admin.running import Finding, Running, Setting
from exeat.cli.control.calling import Calling
from exeat.cli.control.effect import Effect
from exeat.cli.control.live import Live
from exeat.cli.control.measuring import Measuring
from exeat.cli.control.standings import Standings
from exeat.cli.control.upstream_test import TokenOf, UpstreamTest
from exeat.cli.doctor import look
from exeat.config.settings import VARIABLES, Settings
from exeat.model.secret import Secret
from exeat.store.usage import usage

EVENTS_LIMIT = 1000
State = Callable[[], Mapping[str, object]]


class Events:
    """The newest events, the last one first."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_LIMIT)

    def take(self, payload: bytes) -> None:
        """Take an event; the supervisor says one again until it is known to be safe."""
        said = orjson.loads(payload)
        if not any(event["id"] == said["id"] for event in self._events):
            self._events.appendleft({"id": said["id"], **said["event"]})

    def newest(self) -> list[dict[str, Any]]:
        """All of them."""
        return list(self._events)


def make_live(measuring: Measuring, state: State, engine: Engine) -> Live:
    """What happens in the gateway, for who follows it."""
    return Live(asyncio.get_running_loop(), measuring.rates, lambda: in_flight(state()), lambda: costs_of_today(engine))


def make_running(
    settings: Settings,
    effect: Effect,
    measuring: Measuring,
    live: Live,
    events: Events,
    state: State,
    certificate: Callable[[], str | None],
    token_of: TokenOf,
) -> Running:
    """What the admin API may ask; `state` is what the supervisor says of the gateway."""
    standings = Standings(
        lambda: _text(state().get("counters")),
        measuring.gauges,
        time.time_ns,
        workers=settings.workers,
        has_redis=settings.redis_url is not None,
    )
    return Running(
        follow=live.follow,
        limits=effect.limits,
        left=standings.left,
        events=events.newest,
        call=Calling(lambda: _texts(state().get("listeners")), certificate).call,
        settings=lambda: show_settings(settings),
        examine=lambda days: [Finding(*found) for found in look(settings, days)],
        test=UpstreamTest(settings, effect, token_of).run,
    )


def show_settings(settings: Settings) -> list[Setting]:
    """Every setting, and its value unless that is secret."""
    return [_show(settings, variable, name) for variable, name in VARIABLES.items()]


def _show(settings: Settings, variable: str, name: str) -> Setting:
    field, value = Settings.model_fields[name], getattr(settings, name)
    is_secret = bool(field.exclude) or isinstance(value, Secret)
    shown = None if is_secret else _render(value)
    return Setting(variable, name in settings.model_fields_set, is_secret, shown, field.description or "")


def _render(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_flight(state: Mapping[str, object]) -> int:
    """How many exchanges are under way in all workers."""
    workers = state.get("workers")
    return sum(worker["in_flight"] for worker in workers) if isinstance(workers, list) else 0


def costs_of_today(engine: Engine) -> dict[str, str]:
    """What exchanges have cost since the day began, by currency."""
    now = datetime.now(UTC)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = usage(engine, since=int(begin.timestamp() * 1_000_000), until=int(now.timestamp() * 1_000_000) + 1)
    return {currency: f"{amount:f}" for entry in found for currency, amount in entry.costs.items()}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, Iterable) else []
