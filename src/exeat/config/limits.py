"""Entries of limits into what is counted by, and everything that can be wrong between them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from exeat.config import limit_entries as entries
from exeat.config.entries import path_rules
from exeat.config.limit_grammar import PERIODS_NS, Money
from exeat.config.problem import Path, Places, Problem, quote
from exeat.model.limit import NANOS, SECOND_NS, Increase, Kind, Limit, Per, Price, PriceRule, Scope, Unit
from exeat.policy.price import render_amount

DEFAULT_QUEUE = 100
DAY_NS: Final = PERIODS_NS["day"]
# How long a window of the calendar is, about: to tell the shorter of two limits.
UNITS_NS: Final = PERIODS_NS | {"week": 7 * DAY_NS, "month": 30 * DAY_NS, "year": 365 * DAY_NS}
# The kinds that an option belongs to; the others don't have it.
OPTIONS: Final = {
    "burst": (Kind.RATE,),
    "zone": (Kind.QUOTA, Kind.BUDGET),
    "price": (Kind.BUDGET,),
    "soft": (Kind.BUDGET,),
    "increase": (Kind.BUDGET,),
    "unless_known": (Kind.QUOTA, Kind.BUDGET),
}
# What can't split a limit, because there is only one of it there.
ALONE: Final = {
    Scope.CONSUMER: {"consumer"},
    Scope.GRANT: {"consumer"},
    Scope.KEY: {"consumer", "key"},
}


class Owner(NamedTuple):
    """Whose limits they are; `upstreams` are those whose prices its budgets go by, None for all."""

    scope: Scope
    name: str = ""
    upstreams: Collection[str] | None = None


@dataclass(slots=True)
class LimitCompiler:
    """Compiles the limits of one document.

    `prices` by upstream are put in before what needs them; `faulty` are the upstreams that nothing is known of.
    """

    places: Places
    faulty: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    prices: dict[str, Price] = field(default_factory=dict)
    _names: dict[tuple[Scope, str], set[str]] = field(default_factory=dict)

    def compile(self, path: Path, listed: Sequence[entries.Limit], owner: Owner) -> tuple[Limit, ...]:
        """The limits of one list; what is wrong with them is added to `problems`."""
        if not listed:
            return ()
        limits = tuple(
            self._limit((*path, index), entry, name, owner)
            for (index, entry), name in zip(enumerate(listed), self._name(path, listed, owner), strict=True)
        )
        for index, limit in enumerate(limits):
            others = [other for other in limits if other is not limit and _are_comparable(limit, other)]
            self._compare((*path, index), listed[index], limit, others)
        return limits

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message))

    def _name(self, path: Path, listed: Sequence[entries.Limit], owner: Owner) -> list[str]:
        """A name for each, its own or one of what it is; several grants for the same share theirs."""
        taken = self._names.setdefault((owner.scope, owner.name), set())
        for index, entry in enumerate(listed):
            if entry.name is not None and entry.name in taken:
                self._fault((*path, index, "name"), f"{quote(entry.name)} is also the name of another limit here")
            if entry.name is not None:
                taken.add(entry.name)
        return [entry.name or _free(_default_name(entry), taken) for entry in listed]

    def _limit(self, path: Path, entry: entries.Limit, name: str, owner: Owner) -> Limit:
        kind = Kind(entry.kind)
        self._check_options(path, entry, kind)
        self._check_per(path, entry.per, owner)
        if entry.budget is not None:
            self._check_budget(path, entry, entry.budget.money, owner)
        amount, period, unit = _window(entry)
        return Limit(
            id=_identifier(entry, kind, name, owner),
            name=name,
            kind=kind,
            scope=owner.scope,
            owner=owner.name,
            amount=amount,
            period=period,
            burst=0 if entry.rate is None else entry.burst or amount,
            unit=unit,
            zone=entry.zone or "UTC",
            per=entry.per,
            wait_ns=0 if entry.wait is None else round(entry.wait * SECOND_NS),
            queue=0 if entry.wait is None else entry.queue or DEFAULT_QUEUE,
            report=entry.mode == "report",
            goes_on=entry.unless_known == "continue",
            currency=entry.budget.money.currency if entry.budget else "",
            price=compile_price(entry.price),
            soft=entry.soft,
            increase=Increase(entry.increase.budget.amount, entry.increase.until) if entry.increase else None,
        )

    def _check_options(self, path: Path, entry: entries.Limit, kind: Kind) -> None:
        for option, kinds in OPTIONS.items():
            if kind not in kinds and option in entry.model_fields_set:
                self._fault((*path, option), f"means nothing for a {kind}, only for a {' or '.join(kinds)}; remove it")
        if entry.queue is not None and entry.wait is None:
            self._fault((*path, "queue"), "means nothing without 'wait'; write how long, as in wait: 2s, or remove it")

    def _check_per(self, path: Path, per: Per | None, owner: Owner) -> None:
        if per is not None and per.by in ALONE.get(owner.scope, ()):
            what = "grant of a consumer" if owner.scope is Scope.GRANT else owner.scope.value
            advice = "; remove it, or write per: key" if owner.scope is not Scope.KEY else "; remove it"
            self._fault((*path, "per"), f"a limit of one {what} has only one {per.by}{advice}")

    def _check_budget(self, path: Path, entry: entries.Limit, money: Money, owner: Owner) -> None:
        if entry.increase is not None:
            more = entry.increase.budget
            if more.currency != money.currency:
                self._fault((*path, "increase"), f"is in {more.currency}, but the budget in {money.currency}")
            elif more.amount <= money.amount:
                self._fault((*path, "increase"), "isn't more than the budget itself; write a higher amount")
        if entry.price is not None:
            self._check_price((*path, "price"), compile_price(entry.price), entry, money)
        elif owner.scope is Scope.UPSTREAM and owner.name in self.prices:
            self._check_price((*path, "budget"), self.prices[owner.name], entry, money)
        else:
            self._find_price((*path, "budget"), money, owner)

    def _check_price(self, path: Path, price: Price | None, entry: entries.Limit, money: Money) -> None:
        if price is None:
            return
        if price.currency != money.currency:
            self._fault(
                path, f"the price is in {price.currency}, but the budget in {money.currency}; write one of them"
            )
        elif not price.rules and not entry.soft and (price.call or price.reserve) > money.amount:
            what = "one call costs" if price.is_known_before else "is held back for one call ('reserve')"
            self._fault(path, f"no call could pass: {render_amount(price.call or price.reserve)} {what}")

    def _find_price(self, path: Path, money: Money, owner: Owner) -> None:
        """Whether any upstream that may be called has a price which the budget can go by."""
        names = owner.upstreams
        prices = (price for name, price in self.prices.items() if names is None or name in names)
        others = set()
        for price in prices:
            if price.currency == money.currency:
                return
            others.add(price.currency)
        if self.faulty if names is None else any(name in names for name in self.faulty):
            return
        if others:
            found = ", ".join(sorted(others))
            self._fault(path, f"is in {money.currency}, but the prices of its upstreams in {found}; write one currency")
        else:
            where = "" if owner.scope is Scope.UPSTREAM or names == frozenset() else ", or to an upstream it may call"
            self._fault(path, f"nothing says what a call costs; add 'price' here{where}, as in price: 0.005 USD")

    def _compare(self, path: Path, entry: entries.Limit, limit: Limit, others: Sequence[Limit]) -> None:
        """What another limit of the list makes impossible."""
        length = _length(limit)
        for other in others:
            if length > _length(other) and limit.amount < other.amount:
                self._fault(
                    (*path, entry.kind),
                    f"is less than {quote(other.name)} lets pass in a shorter time ({_render(other)});"
                    f" write at least {_render_amount(other)}, or lower that one",
                )
                break
        for other in others:
            bounds = other.kind is Kind.QUOTA or _length(other) >= length
            if entry.burst is not None and other.amount < entry.burst and bounds:
                self._fault(
                    (*path, "burst"),
                    f"can't be met: {quote(other.name)} lets only {other.amount} pass ({_render(other)});"
                    f" write at most {other.amount}",
                )
                break


def compile_price(entry: entries.Price | None) -> Price | None:
    """What a call costs."""
    if entry is None:
        return None
    before = entry.call or entry.otherwise
    return Price(
        currency=entry.currencies().pop(),
        call=before.amount if before else 0,
        rules=tuple(PriceRule(rule.methods, path_rules(rule.paths), rule.price.amount) for rule in entry.rules or ()),
        reserve=entry.reserve.amount if entry.reserve else 0,
        field=entry.field.lower().encode() if entry.field else None,
        json=entry.json_path,
        megabyte=entry.megabyte.amount if entry.megabyte else None,
        factor=entry.factor or NANOS,
    )


def _window(entry: entries.Limit) -> tuple[int, int, Unit]:
    """How much, in which period (a rate's) or unit of the calendar."""
    if entry.rate is not None:
        return entry.rate.amount, entry.rate.period_ns, "month"
    if entry.quota is not None:
        return entry.quota.amount, 0, entry.quota.unit
    if entry.budget is not None:
        return entry.budget.money.amount, 0, entry.budget.unit
    return entry.concurrency or 0, 0, "month"


def _default_name(entry: entries.Limit) -> str:
    unit = _window(entry)[2]
    return f"{entry.kind}-{unit}" if entry.quota or entry.budget else entry.kind


def _free(name: str, taken: set[str]) -> str:
    """A name that isn't taken, which it is from now on."""
    free = next(one for one in _numbered(name) if one not in taken)
    taken.add(free)
    return free


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _identifier(entry: entries.Limit, kind: Kind, name: str, owner: Owner) -> str:
    """What stays the same while amounts, bursts and prices change, so that what was counted counts on."""
    parts = [owner.scope, owner.name, kind, name]
    if entry.rate is not None:
        parts.append(_render_period(entry.rate.period_ns))
    elif kind is not Kind.CONCURRENCY:
        parts.append(f"{_window(entry)[2]}-{entry.zone or 'UTC'}")
    if entry.budget is not None:
        parts.append(entry.budget.money.currency)
    if entry.per is not None:
        parts.append(f"per-{entry.per.by}" + (f":{entry.per.field.decode()}" if entry.per.field else ""))
    return "/".join(parts)


def _are_comparable(one: Limit, other: Limit) -> bool:
    """Whether both count the same thing for the same value; what is on trial doesn't bind what is in force."""
    countable = {Kind.RATE, Kind.QUOTA}
    if one.per != other.per or one.report != other.report:
        return False
    if one.kind is Kind.BUDGET:
        return other.kind is Kind.BUDGET and one.currency == other.currency and one.price == other.price
    return one.kind in countable and other.kind in countable


def _length(limit: Limit) -> int:
    """How long what a limit counts in is (ns), about."""
    return limit.period or UNITS_NS[limit.unit]


def _render(limit: Limit) -> str:
    """As it is written: `100/minute`."""
    if limit.kind is Kind.RATE:
        unit = next((unit for unit, period in PERIODS_NS.items() if period == limit.period), "")
        return f"{limit.amount}/{unit or _render_period(limit.period)}"
    return f"{_render_amount(limit)}/{limit.unit}"


def _render_amount(limit: Limit) -> str:
    return f"{render_amount(limit.amount)} {limit.currency}" if limit.kind is Kind.BUDGET else str(limit.amount)


def _render_period(period_ns: int) -> str:
    seconds, rest = divmod(period_ns, SECOND_NS)
    return f"{seconds}.{rest:09}".rstrip("0") + "s" if rest else f"{seconds}s"
