"""What a worker says of its endpoints: what is worth knowing, and not more than fits."""

from typing import Any

from exeat.proxy.endpoint_report import MOST, notable, resting


def one(name: str, state: str = "closed", **more: Any) -> dict[str, Any]:
    return {"endpoint": name, "state": state, "pending": 0, "failures": 0, "reason": "", "rests_s": None, **more}


def test_what_is_worth_saying() -> None:
    """An endpoint that is well and idle isn't named; those that rest come first, with the time of their rest's end."""
    report = [one("idle"), one("busy", pending=2), one("failing", failures=1), one("rests", "open", rests_s=4.2)]
    found = notable(report, 1000.0)
    assert [said["endpoint"] for said in found] == ["rests", "failing", "busy"]
    assert (found[0]["rests_until"], found[0]["reason"]) == (1005, None)


def test_it_is_bounded() -> None:
    """However many endpoints there are, a report stays small, and none that rests is left out for one that is well."""
    busy = [one(str(number), pending=9) for number in range(2 * MOST)]
    found = notable([*busy, one("rests", "open", reason="why")], 0.0)
    assert len(found) == MOST
    assert found[0]["endpoint"] == "rests"


def test_credentials() -> None:
    """Credentials that rest are named as they are, with the time of their rest's end, and not more than fit."""
    rests: dict[str, Any] = {"upstream": "api", "credential": "bearer 1", "state": "refused", "rests_s": 4.2}
    found = resting([rests] * (2 * MOST), 1000.0)
    assert len(found) == MOST
    assert found[0] == {"upstream": "api", "credential": "bearer 1", "state": "refused", "rests_until": 1005}
