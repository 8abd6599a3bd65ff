"""Prices that a budget could never pay."""

from exeat.model.limit import Price
from exeat.policy.price import render_amount


def find_too_dear(price: Price, budget: int) -> list[str]:
    """The calls that cost more than a whole budget (billionths of the same currency), in words with what they cost."""
    if not price.is_known_before:
        if price.reserve <= budget:
            return []
        return [f"{render_money(price.reserve, price.currency)} are held back for each call ('reserve')"]
    if not price.rules:
        return [f"one call costs {render_money(price.call, price.currency)}"] if price.call > budget else []
    dear = [
        f"a call that rules[{place}] covers costs {render_money(rule.amount, price.currency)}"
        for place, rule in enumerate(price.rules)
        if rule.amount > budget
    ]
    if price.call > budget:
        dear.append(f"one that no rule covers costs {render_money(price.call, price.currency)} ('otherwise')")
    return dear


def render_money(billionths: int, currency: str) -> str:
    """An amount as it is written: `0.005 USD`."""
    return f"{render_amount(billionths)} {currency}"
