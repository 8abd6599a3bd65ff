"""The throttle of log-ins."""

import threading

from exeat.admin.throttle import ATTACK, FREE, FREE_UNDER_ATTACK, LONGEST_DELAY_S, Throttle


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(throttle: Throttle, address: str, account: str, times: int) -> list[float]:
    return [throttle.enter(address, account) for _ in range(times)]


def test_delays_double() -> None:
    """After the free attempts each failure doubles the wait, up to the longest."""
    clock = Clock()
    throttle = Throttle(clock)
    assert fail(throttle, "10.0.0.1", "ada", FREE) == [0.0] * FREE
    delays = []
    for _ in range(14):
        wait = throttle.enter("10.0.0.1", "ada")
        delays.append(wait)
        clock.now += wait
        assert throttle.enter("10.0.0.1", "ada") == 0.0
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert delays[-1] == LONGEST_DELAY_S


def test_nobody_locks_another_out() -> None:
    """However often others fail at an account, an address without failures is let in at once."""
    clock = Clock()
    throttle = Throttle(clock)
    for number in range(200):
        fail(throttle, f"10.0.1.{number}", "ada", 10)
    assert throttle.enter("192.0.2.7", "ada") == 0.0


def test_attacked_account_is_guarded_more() -> None:
    """Where many addresses fail at one account, each of them has fewer free attempts."""
    throttle = Throttle(Clock())
    for number in range(ATTACK):
        throttle.enter(f"10.0.1.{number}", "ada")
    waits = fail(throttle, "192.0.2.7", "ada", FREE_UNDER_ATTACK + 1)
    assert waits[:FREE_UNDER_ATTACK] == [0.0] * FREE_UNDER_ATTACK
    assert waits[-1] > 0
    assert fail(throttle, "192.0.2.8", "bob", FREE) == [0.0] * FREE


def test_success_begins_anew() -> None:
    """A right password makes an address new."""
    throttle = Throttle(Clock())
    fail(throttle, "10.0.0.1", "ada", FREE)
    assert throttle.enter("10.0.0.1", "ada") > 0
    throttle.succeed("10.0.0.1", "ada")
    assert throttle.enter("10.0.0.1", "ada") == 0.0


def test_one_subscriber_has_one_address() -> None:
    """All addresses of an IPv6 /64 count as one, an IPv4 address in IPv6's clothes as itself."""
    throttle = Throttle(Clock())
    for number in range(FREE):
        throttle.enter(f"2001:db8::{number:x}", "ada")
    assert throttle.enter("2001:db8::ffff", "ada") > 0
    assert throttle.enter("2001:db8:0:1::1", "ada") == 0.0
    fail(throttle, "::ffff:10.0.0.1", "ada", FREE)
    assert throttle.enter("10.0.0.1", "ada") > 0


def test_memory_is_bounded() -> None:
    """However many addresses and accounts there are, a bounded number is remembered."""
    throttle = Throttle(Clock(), kept=100)
    for number in range(1000):
        throttle.enter(f"10.{number // 250}.{number % 250}.1", f"account-{number}")
    assert len(throttle) == 100


def test_many_at_once_are_no_way_around() -> None:
    """Attempts that are made at once count before they are checked."""
    throttle = Throttle(Clock())
    waits: list[float] = []
    threads = [
        threading.Thread(target=lambda: waits.append(throttle.enter("10.0.0.1", "ada"))) for _ in range(4 * FREE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == FREE
