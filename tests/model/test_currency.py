"""The currencies that money can be in."""

import re

from exeat.model.currency import CURRENCIES


def test_codes_are_three_capitals() -> None:
    """Each is three capital letters, as ISO 4217 writes them."""
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)


def test_codes_in_force() -> None:
    """What is paid with today is there, and what was withdrawn, or never was a currency, isn't."""
    assert {"USD", "EUR", "GBP", "JPY", "CNY", "INR", "BRL", "CHF", "XCG", "ZWG", "SLE", "VED", "XAU"} <= CURRENCIES
    assert {"DEM", "HRK", "BGN", "ANG", "CUC", "ZWL", "SLL", "XXX", "XTS", "BTC", "usd", ""} & CURRENCIES == set()
