"""Consumers: which upstreams they may use without any further rule."""

from dataclasses import replace

from exeat.model.limit import Kind, Limit, Scope
from tests.support.values import consumer, grant, rules

LIMIT = Limit("grant/shop:x/concurrency/concurrency", "concurrency", Kind.CONCURRENCY, Scope.GRANT, "shop:x", 1)


def test_what_is_unlimited() -> None:
    """An upstream is unlimited if any of its grants has neither methods nor paths; report mode changes nothing."""
    owner = consumer(
        {
            "all": [grant("all")],
            "reads": [grant("reads", methods=[b"GET"])],
            "below": [grant("below", paths=rules("/a/**"))],
            "either": [grant("either", methods=[b"GET"]), grant("*")],
            "reports": [grant("reports", report=True)],
            "none": [],
        }
    )
    assert owner.unlimited == {"all", "either", "reports"}


def test_what_is_counted_is_not_unlimited() -> None:
    """An upstream of which any grant has limits isn't unlimited, whatever else is granted of it."""
    counted = replace(grant("x"), limits=(LIMIT,))
    owner = consumer(
        {"one": [counted], "two": [grant("two"), counted], "three": [counted, grant("*")], "four": [grant("x")]}
    )
    assert owner.unlimited == {"four"}
