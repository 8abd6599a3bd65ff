"""Events that wait for webhooks, on both databases."""

from sqlalchemy import Engine

from exeat.store.deliveries import (
    Delivery,
    Taken,
    drop_deliveries,
    end_delivery,
    expire_deliveries,
    postpone_delivery,
    put_deliveries,
    take_delivery,
)

BODY = b'{"type":"limit.nearly"}'


def put(engine: Engine, identifier: str, *webhooks: str, now: int = 10, most: int = 100) -> list[str]:
    """Have an event wait."""
    return put_deliveries(engine, identifier, webhooks, BODY, now=now, most=most)


def taken(engine: Engine, webhook: str, now: int, until: int = 1000) -> Delivery:
    """What is due; something has to be."""
    delivery = take_delivery(engine, webhook, now=now, until=until).delivery
    assert delivery is not None
    return delivery


def test_once_for_each_webhook(engine: Engine) -> None:
    """An event waits for each webhook by itself, and once, however often it is put down."""
    assert put(engine, "a", "ops", "finance") == []
    assert put(engine, "a", "ops") == []
    found = taken(engine, "ops", 10)
    assert found == Delivery("a", "ops", BODY, 10, 0)
    end_delivery(engine, found)
    assert take_delivery(engine, "ops", now=10, until=20) == Taken(None, None)
    assert taken(engine, "finance", 10).webhook == "finance"


def test_what_several_instances_tell(engine: Engine) -> None:
    """An event that was put down once for all instances waits for nobody again, also after it was delivered."""
    for _ in range(2):
        assert put_deliveries(engine, "a", ["ops"], BODY, now=10, most=100, once=True) == []
    end_delivery(engine, taken(engine, "ops", 10))
    assert put_deliveries(engine, "a", ["ops", "finance"], BODY, now=11, most=100, once=True) == []
    assert take_delivery(engine, "ops", now=11, until=20) == Taken(None, None)
    assert expire_deliveries(engine, 12) == 1


def test_taken_is_taken(engine: Engine) -> None:
    """Who takes a delivery has it alone, until its time is over: then it is due again."""
    put(engine, "a", "ops")
    taken(engine, "ops", 10, until=50)
    assert take_delivery(engine, "ops", now=49, until=90) == Taken(None, 50)
    assert taken(engine, "ops", 50).attempts == 0


def test_postponed(engine: Engine) -> None:
    """A failure counts, and is due later; what is due comes before it."""
    put(engine, "a", "ops")
    postpone_delivery(engine, taken(engine, "ops", 10), 500)
    put(engine, "b", "ops", now=20)
    first = taken(engine, "ops", 20, until=900)
    assert first.id == "b"
    assert take_delivery(engine, "ops", now=499, until=900) == Taken(None, 500)
    assert taken(engine, "ops", 500).attempts == 1


def test_bounded(engine: Engine) -> None:
    """No more wait for a webhook than it may have; others have their own."""
    for identifier in ("a", "b"):
        assert put(engine, identifier, "ops", most=2) == []
    assert put(engine, "c", "ops", "finance", most=2) == ["ops"]
    assert drop_deliveries(engine, "ops") == 2
    assert taken(engine, "finance", 10).id == "c"


def test_expired(engine: Engine) -> None:
    """What is too old goes, whichever webhook it is for."""
    put(engine, "a", "gone", now=10)
    put(engine, "b", "ops", now=20)
    assert expire_deliveries(engine, 20) == 1
    assert taken(engine, "ops", 20).id == "b"
