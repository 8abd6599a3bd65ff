"""What a call costs: the price known before it, or what its answer says, in billionths of a currency's unit.

Rule 1: amounts are whole numbers and exact; what lies between two billionths is rounded up.
Rule 2: an answer that says no usable price (nothing, garbage, below zero, beyond `MOST`) gives the reason, and what was
reserved stands.
Rule 3: a path that servers could read in several ways costs the most of what its readings cost, so that no spelling
makes a call cheaper.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from exeat.model.json_path import Step
from exeat.model.limit import NANOS, Price, PriceRule
from exeat.model.paths import AMBIGUOUS, PathPattern, PathRules, canonical, readings
from exeat.wire.event_stream import EventTail

MOST = 10**15 * NANOS  # that one amount can be
MEGABYTE = 10**6
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,9}))?")
# What JSON calls a number, and what programs print for one.
_NUMBER = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?")
_LONGEST_NUMBER = 200


class Unread(StrEnum):
    """Why the answer to a call says no usable price, as the metric calls it."""

    MISSING = "missing"  # it has no such field or member
    UNUSABLE = "unusable"  # what is there isn't a number, is below zero, or too large
    NOT_JSON = "not-json"
    TOO_LONG = "too-long"  # the body, or an event
    CODING = "coding"  # one that can't be undone
    UNFINISHED = "unfinished"  # there is no answer, or not all of it


def parse_amount(text: str) -> int:
    """Parse an amount such as `0.005`, to billionths; ValueError says how one is written."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} isn't an amount; write digits, and up to 9 more after a point, without a sign: 25 or 0.005"
        )
    amount = int(match[1]) * NANOS + int((match[2] or "").ljust(9, "0"))
    if amount > MOST:
        raise ValueError(f"{text!r} is too large an amount; write at most {render_amount(MOST)}")
    return amount


def render_amount(billionths: int) -> str:
    """An amount as decimal text with no more digits than it needs."""
    whole, fraction = divmod(abs(billionths), NANOS)
    digits = f"{whole}.{fraction:09}".rstrip("0").rstrip(".")
    return f"-{digits}" if billionths < 0 else digits


def price_before(price: Price, method: bytes, path: bytes) -> int:
    """What is known of a call's price before it is made, else what is held back for it."""
    if not price.is_known_before:
        return price.reserve
    if not price.rules:
        return price.call
    path = canonical(path)
    if AMBIGUOUS.search(path):
        return max(_amounts(price, method))
    return max(_price_of_path(price, method, reading) for reading in readings(path))


def _amounts(price: Price, method: bytes) -> Iterator[int]:
    """What calls with a method may cost, whatever their path."""
    for rule in price.rules:
        if _has_method(rule, method):
            yield rule.amount
            if rule.paths is None:
                return
    yield price.call


def _price_of_path(price: Price, method: bytes, path: bytes) -> int:
    for rule in price.rules:
        if _has_method(rule, method) and (rule.paths is None or _covers(rule.paths, path)):
            return rule.amount
    return price.call


def _has_method(rule: PriceRule, method: bytes) -> bool:
    return rule.methods is None or method in rule.methods


def _covers(rules: PathRules, path: bytes) -> bool:
    return (not rules.allow or _match(rules.allow, path)) and not _match(rules.deny, path)


def _match(patterns: Iterable[PathPattern], path: bytes) -> bool:
    return any(pattern.regex.fullmatch(path) for pattern in patterns)


def price_of_field(price: Price, value: bytes) -> int | Unread:
    """The price that a response field's value says."""
    amount = _price_of_number(price, value.decode("latin-1").strip(" \t"))
    return Unread.UNUSABLE if amount is None else amount


def price_of_json(price: Price, body: bytes) -> int | Unread:
    """The price that a JSON body says: the sum of the numbers (in strings, too) to which the price's path leads."""
    assert price.json is not None  # noqa: S101 - the caller has looked
    try:
        # Numbers stay as they are written: what a float can't hold would be lost.
        value = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return Unread.NOT_JSON
    total: int | None = None
    for found in _find(value, price.json.steps):
        amount = _price_of_number(price, found) if isinstance(found, str) else None
        if amount is None:
            return Unread.UNUSABLE
        total = amount + (total or 0)
    if total is None:
        return Unread.MISSING
    return total if total <= MOST else Unread.UNUSABLE


def price_of_events(price: Price, tail: EventTail) -> int | Unread:
    """The price that a stream of events says: the newest of its last events that says one."""
    fault = Unread.MISSING
    for event in tail.newest():
        if event is None:  # it may have been the one
            return Unread.TOO_LONG
        amount = price_of_json(price, event)
        if not isinstance(amount, Unread):
            return amount
        if amount is Unread.UNUSABLE:
            fault = amount
    return fault


def price_of_length(price: Price, length: int) -> int:
    """The price of an answer of so many bytes."""
    assert price.megabyte is not None  # noqa: S101 - the caller has looked
    return -(-price.megabyte * length // MEGABYTE)


def _price_of_number(price: Price, text: str) -> int | None:
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        return None
    whole, fraction = match[1], match[2] or ""
    digits = whole + fraction
    if not digits or (text[0] == "-" and digits.strip("0")):
        return None
    amount = int(digits) * price.factor
    power = int(match[3] or 0) - len(fraction)
    amount = amount * 10**power if power >= 0 else -(-amount // 10**-power)
    return amount if amount <= MOST else None


def _find(value: object, steps: Sequence[Step]) -> Iterator[object]:
    """What a path leads to, each once also where several ways lead there."""
    waiting: list[tuple[object, frozenset[int]]] = [(value, frozenset([0]))]
    while waiting:
        value, at = waiting.pop()
        if len(steps) in at:
            yield value
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, child in children:
            after = frozenset(_advance(steps, at, name))
            if after:
                waiting.append((child, after))


def _advance(steps: Sequence[Step], at: Iterable[int], name: object) -> Iterator[int]:
    """How many steps are done at a child, for each number of steps done before it."""
    for done in at:
        if done == len(steps):
            continue
        if steps[done].deep:
            yield done
        if steps[done].name is None or steps[done].name == name:
            yield done + 1
