"""The small languages of limits: counts, rates, quotas, budgets, amounts of money, zones, and what splits a limit.

Each function takes what was written and gives the value, or raises ValueError with what to write instead.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final, NamedTuple, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from exeat.config.grammar import TOKEN, parse_duration, parse_time
from exeat.config.problem import quote, suggest
from exeat.model.currency import CURRENCIES
from exeat.model.json_path import JsonPath, parse_json_path
from exeat.model.limit import NANOS, SECOND_NS, Per, Unit
from exeat.policy.price import parse_amount

PERIODS_NS: Final = {
    "second": SECOND_NS,
    "minute": 60 * SECOND_NS,
    "hour": 3600 * SECOND_NS,
    "day": 24 * 3600 * SECOND_NS,
}
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
MOST = 1_000_000_000
MOST_UNITS = 4_000_000_000  # of a currency, in billionths, with what is spent beyond: still 64 bits
SHORTEST_INTERVAL_NS = 1000  # so that an interval's rounding to whole nanoseconds is less than a thousandth
_COUNT = re.compile(r"[0-9](?:_?[0-9]){0,17}", re.ASCII)
_MONEY = re.compile(r"([^ /]+) ([^ /]+)")
_AMOUNT = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_UNDERSCORE = re.compile(r"(?<=[0-9])_(?=[0-9])")
_HEADER = "header:"
_MACHINES = frozenset({"Factory", "localtime", "posixrules"})  # files beside the zones, which name none
# What is in them would become part of the name under which a limit is counted.
_SECRETS = frozenset({"authorization", "cookie", "exeat-key", "proxy-authorization", "x-api-key"})


class Rate(NamedTuple):
    """So many requests in so long (ns)."""

    amount: int
    period_ns: int


class Quota(NamedTuple):
    """So many requests in a calendar's unit."""

    amount: int
    unit: Unit


class Money(NamedTuple):
    """Billionths of a currency's unit."""

    amount: int
    currency: str


class Budget(NamedTuple):
    """So much money in a calendar's unit."""

    money: Money
    unit: Unit


def parse_count(value: object) -> int:
    """A whole number from 1, in figures or as text with underscores."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _COUNT.fullmatch(text):
        raise ValueError("write a whole number, as in 20 or 1_000")
    number = int(text)
    if not 1 <= number <= MOST:
        raise ValueError(f"write a whole number from 1 to {MOST}")
    return number


def parse_rate(text: str) -> Rate:
    """`100/minute`, or `100/10s` for other lengths of time."""
    _check_whole(text, "second", "minute, hour, day or a length such as 10s")
    number, unit = _halves(text, "a number of requests and a time, as in 100/minute or 20/10s")
    rate = Rate(parse_count(number), _period(unit))
    if rate.period_ns < rate.amount * SHORTEST_INTERVAL_NS:
        raise ValueError("is more than a million a second, which is no limit; write less, or remove it")
    return rate


def _period(unit: str) -> int:
    if unit in PERIODS_NS:
        return PERIODS_NS[unit]
    if unit[:1].isdigit():
        try:
            return round(parse_duration(unit) * 1_000_000) * 1000
        except ValueError:
            raise ValueError(f"{quote(unit)} isn't a length of time; write for example 10s, 500ms or 2h") from None
    if unit in UNITS:
        raise ValueError(f"a rate has no {unit}: write 'quota' in place of 'rate', which counts by calendar {unit}s")
    near = suggest(unit, PERIODS_NS)
    raise ValueError(f"{quote(unit)} isn't a time; write second, minute, hour, day or a length as in 10s{near}")


def parse_quota(text: str) -> Quota:
    """`50_000/month`."""
    _check_whole(text, "month", "minute, hour, day, week or year")
    number, unit = _halves(text, "a number of requests and a calendar's unit, as in 50_000/month")
    return Quota(parse_count(number), _unit(unit, "rate"))


def parse_budget(text: str) -> Budget:
    """`25 USD/day`."""
    if "/" not in text and (near := _nearest(text.strip())):
        raise ValueError(f"write an amount of money and a calendar's unit, as in {quote(f'{near}/day')}")
    money, unit = _halves(text, "an amount of money and a calendar's unit, as in 25 USD/day")
    if _MONEY.fullmatch(money) is None or _is_turned(money):
        near = _nearest(money) or "25 USD"
        raise ValueError(f"write an amount and its currency, as in {quote(f'{near}/{unit}')}")
    return Budget(_some(parse_money(money)), _unit(unit))


def parse_raised(text: str) -> Money:
    """The amount of a budget that is raised: `300 USD`, without its unit."""
    if "/" in text:
        raise ValueError(f"write the amount alone, as in {quote(text.partition('/')[0].strip())}: its unit stays")
    return _some(parse_money(text))


def _some(money: Money) -> Money:
    if money.amount == 0:
        raise ValueError("is nothing: no call could pass; write an amount, or remove the grant instead")
    return money


def _unit(unit: str, instead: str = "") -> Unit:
    for known in UNITS:
        if unit == known:
            return known
    if instead and (unit == "second" or unit[:1].isdigit()):
        raise ValueError(f"{quote(unit)} is no unit of a calendar; write '{instead}' in place of 'quota'")
    raise ValueError(f"{quote(unit)} isn't one of {', '.join(UNITS)}{suggest(unit, UNITS)}")


def _halves(text: str, wanted: str) -> tuple[str, str]:
    first, slash, second = text.partition("/")
    if not (first.strip() and slash and second.strip()):
        raise ValueError(f"write {wanted}")
    return first.strip(), second.strip()


def _check_whole(text: str, unit: str, others: str) -> None:
    """Where a number stands alone, say what belongs behind it."""
    number = text.strip()
    if _COUNT.fullmatch(number):
        raise ValueError(f"is a number alone; write {quote(f'{number}/{unit}')}, or {others} in place of {unit}")


def _nearest(text: str) -> str:
    """What was probably meant by money that isn't written as such; '' where nothing tells."""
    amount, currency = _AMOUNT.search(text), _CURRENCY.search(text)
    if amount is None:
        return ""
    return f"{amount[0]} {currency[0].upper() if currency and currency[0].upper() in CURRENCIES else 'USD'}"


def _is_turned(text: str) -> bool:
    """Whether a currency stands before its amount."""
    first, _, second = text.partition(" ")
    return _CURRENCY.fullmatch(first) is not None and _AMOUNT.fullmatch(second) is not None


def parse_money(text: str) -> Money:
    """`0.005 USD`: a decimal number and a currency of ISO 4217."""
    found = _MONEY.fullmatch(text)
    if found is None or _is_turned(text):
        raise ValueError(f"write an amount and its currency, as in {quote(_nearest(text) or '0.005 USD')}")
    number, currency = found.groups()
    if currency not in CURRENCIES:
        near = currency.upper()
        advice = f"; write {quote(near)}" if near in CURRENCIES else "; write its three letters, as in USD or EUR"
        raise ValueError(f"{quote(currency)} isn't a currency of ISO 4217{advice}")
    digits = _UNDERSCORE.sub("", number)
    try:
        amount = parse_amount(digits)
    except ValueError as error:
        raise ValueError(str(error).replace(repr(digits), quote(number))) from None
    if amount > MOST_UNITS * NANOS:
        raise ValueError(f"is more than {MOST_UNITS} {currency}, the most that can be counted")
    return Money(amount, currency)


def parse_reserve(text: str) -> Money:
    """What is held back until a price is known; never nothing, or calls at once could spend more than there is."""
    money = parse_money(text)
    if money.amount == 0:
        raise ValueError("is nothing; write about what the dearest call costs, so that calls at once stay within")
    return money


def parse_factor(value: object) -> int:
    """Billionths of what a unit of something costs: `0.000001`."""
    text = _UNDERSCORE.sub("", str(value)) if isinstance(value, int | float | str) else ""
    wrong = "write what one of what is read costs, up to 9 digits after the point, as in 0.000001"
    if isinstance(value, bool) or not re.fullmatch(r"[0-9.]{1,30}(?:[eE][-+]?[0-9]{1,3})?", text):
        raise ValueError(wrong)
    try:
        scaled = Decimal(text).scaleb(9)
    except InvalidOperation:
        raise ValueError(wrong) from None
    if scaled != scaled.to_integral_value() or not 1 <= scaled <= MOST * NANOS:
        raise ValueError(wrong)
    return int(scaled)


def parse_zone(text: str) -> str:
    """A zone of the IANA database, as in `Europe/Berlin`."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = suggest(text, _zones()) or "; write for example Europe/Berlin or UTC"
        raise ValueError(f"{quote(text)} isn't a time zone{near}") from None
    if text in _MACHINES:
        raise ValueError(f"{quote(text)} is another time zone on another machine; write for example Europe/Berlin")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def parse_per(text: str) -> Per:
    """`consumer`, `key`, `ip`, or `header:NAME`."""
    for by in ("consumer", "key", "ip"):
        if text == by:
            return Per(by)
    name = text.removeprefix(_HEADER)
    if name == text:
        raise ValueError(f"{quote(text)} isn't one of consumer, key, ip and header:NAME{suggest(text, ('consumer',))}")
    if not TOKEN.fullmatch(name):
        raise ValueError(f"{quote(name)} isn't a field's name; write for example header:X-Tenant")
    if name.lower() in _SECRETS:
        raise ValueError("that field holds a secret, which nothing is counted by; write 'key'")
    return Per("header", name.lower().encode())


def parse_limit_name(text: str) -> str:
    """A limit's name, as callers see it."""
    if not _NAME.fullmatch(text):
        raise ValueError("a limit's name has letters, digits, '.', '_' and '-', at most 64, as in nightly-import")
    return text


def parse_place(value: object) -> int:
    """A place in a line, 0 (first) to 7."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch("[0-7]", text):
        raise ValueError("write a whole number from 0, which comes first, to 7")
    return int(text)


def parse_instant(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time."""
    return round(parse_time(text) * 1_000_000) * 1000


def parse_cost_path(text: str) -> JsonPath:
    """Where in a JSON answer the cost stands."""
    try:
        return parse_json_path(text)
    except ValueError:
        raise ValueError(f"{quote(text)} isn't a JSON path; write for example $.usage.cost") from None
