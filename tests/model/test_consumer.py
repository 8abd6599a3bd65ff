"""Consumers: which upstreams they may use without any further rule."""

from tests.support.values import consumer, grant, rules


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
