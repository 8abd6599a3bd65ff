"""Entries of limits into what is counted by, and everything that can be wrong between them."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from exeat.config import limit_entries as entries
from exeat.config.entries import path_rules
from exeat.config.limit_grammar import PERIODS_NS, Money
from exeat.config.limit_names import Taken, identify_all, name_all, render_unit
from exeat.config.limit_prices import find_too_dear, render_money
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

    `prices` by upstream are put in before what needs them; `faulty` are the upstreams that nothing is known of. `wall`
    gives the time (s since 1970), to tell what is over.
    """

    places: Places
    faulty: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    prices: dict[str, Price] = field(default_factory=dict)
    wall: Callable[[], float] = time.time  # noqa: TID251 - for warnings alone
    _taken: dict[tuple[Scope, str], Taken] = field(default_factory=dict)

    def compile(self, path: Path, listed: Sequence[entries.Limit], owner: Owner) -> tuple[Limit, ...]:
        """The limits of one list; what is wrong with them is added to `problems`."""
        if not listed:
            return ()
        taken = self._taken.setdefault((owner.scope, owner.name), Taken())
        self._check_names(path, listed, taken)
        called = zip(name_all(listed, taken), identify_all(listed, owner.scope, owner.name, taken), strict=True)
        limits = tuple(
            self._limit((*path, index), entry, name, identifier, owner)
            for index, (entry, (name, identifier)) in enumerate(zip(listed, called, strict=True))
        )
        for index, limit in enumerate(limits):
            others = [other for other in limits if other is not limit and _are_comparable(limit, other)]
            self._compare((*path, index), listed[index], limit, others)
        return limits

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message))

    def _check_names(self, path: Path, listed: Sequence[entries.Limit], taken: Taken) -> None:
        """Whether a name is written once; several grants for the same share theirs."""
        names = set(taken.names)
        for index, entry in enumerate(listed):
            if entry.name is not None and entry.name in names:
                self._fault((*path, index, "name"), f"{quote(entry.name)} is also the name of another limit here")
            names |= {entry.name} if entry.name is not None else set()

    def _limit(self, path: Path, entry: entries.Limit, name: str, identifier: str, owner: Owner) -> Limit:
        kind = Kind(entry.kind)
        self._check_options(path, entry, kind)
        self._check_per(path, entry.per, owner)
        if entry.budget is not None:
            self._check_budget(path, entry, entry.budget.money, owner)
        amount, period, unit = _window(entry)
        return Limit(
            id=identifier,
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
            self._check_increase((*path, "increase"), entry.increase, money)
        if entry.price is not None:
            self._check_price((*path, "price"), compile_price(entry.price), entry, money)
        elif owner.scope is Scope.UPSTREAM and owner.name in self.prices:
            self._check_price((*path, "budget"), self.prices[owner.name], entry, money)
        else:
            self._find_price((*path, "budget"), entry, money, owner)

    def _check_increase(self, path: Path, increase: entries.Increase, money: Money) -> None:
        more, until = increase.budget, increase.until
        if more.currency != money.currency:
            advice = f"write it in {money.currency} too, as in {render_amount(2 * money.amount)} {money.currency}"
            self._fault(path, f"is in {more.currency}, but the budget in {money.currency}; {advice}")
        elif more.amount <= money.amount:
            message = f"isn't more than the budget itself, {render_money(money.amount, money.currency)}"
            self._fault(path, f"{message}; write a higher amount")
        if until <= self.wall() * SECOND_NS:
            ended = datetime.fromtimestamp(until // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            message = f"ended at {ended}, so that it changes nothing; remove it, or write a later time"
            self.warnings.append(self.places.problem((*path, "until"), message))

    def _check_price(self, path: Path, price: Price | None, entry: entries.Limit, money: Money) -> None:
        if price is None:
            return
        if price.currency != money.currency:
            self._fault(
                path, f"the price is in {price.currency}, but the budget in {money.currency}; write one of them"
            )
        else:
            self._check_dear(path, price, entry, money)

    def _check_dear(self, path: Path, price: Price, entry: entries.Limit, money: Money, upstream: str = "") -> None:
        """Whether there are calls that cost more than there ever is: refused for good, they would be told to wait."""
        if entry.soft or entry.mode == "report":
            return
        dear = find_too_dear(price, money.amount)
        if dear:
            where = f"at upstream {quote(upstream)}, " if upstream else ""
            self._fault(
                path,
                f"{where}{' and '.join(dear)}, which is more than the whole budget of"
                f" {render_money(money.amount, money.currency)}: no such call could pass; raise the budget, lower the"
                " price, or write soft: true",
            )

    def _find_price(self, path: Path, entry: entries.Limit, money: Money, owner: Owner) -> None:
        """Whether any upstream that may be called has a price which the budget can go by, and is worth it."""
        names = owner.upstreams
        prices = {name: price for name, price in self.prices.items() if names is None or name in names}
        counted = {name: price for name, price in prices.items() if price.currency == money.currency}
        for name, price in counted.items():
            self._check_dear(path, price, entry, money, name)
        if counted or (self.faulty if names is None else any(name in names for name in self.faulty)):
            return
        if prices:
            found = ", ".join(sorted({price.currency for price in prices.values()}))
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
    unit = render_unit(limit.period) if limit.kind is Kind.RATE else limit.unit
    return f"{_render_amount(limit)}/{unit}"


def _render_amount(limit: Limit) -> str:
    return render_money(limit.amount, limit.currency) if limit.kind is Kind.BUDGET else str(limit.amount)
