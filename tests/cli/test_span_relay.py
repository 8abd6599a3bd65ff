"""What spans are made of on its way: in order, however often nobody is there, and never more than fits."""

from exeat.cli.span_relay import WAITING_LIMIT_BYTES, SpanRelay


class Control:
    """The control process: there or not."""

    def __init__(self) -> None:
        self.is_there = False
        self.got: list[bytes] = []

    def take(self, payload: bytes) -> bool:
        """Take something, or not."""
        if self.is_there:
            self.got.append(payload)
        return self.is_there


def test_it_waits() -> None:
    """What comes before the control process waits for it, and stays in order."""
    control = Control()
    relay = SpanRelay(control.take)
    for payload in (b"1", b"2"):
        relay.hear(payload)
    assert control.got == []
    control.is_there = True
    relay.go_on()
    relay.hear(b"3")
    relay.go_on()
    assert control.got == [b"1", b"2", b"3"]


def test_it_waits_within_a_bound() -> None:
    """What is too much is lost; when there is room again, what comes then isn't."""
    control = Control()
    relay = SpanRelay(control.take)
    large = bytes(WAITING_LIMIT_BYTES // 2)
    for payload in (large, large, b"lost"):
        relay.hear(payload)
    control.is_there = True
    relay.go_on()
    relay.hear(b"not lost")
    assert control.got == [large, large, b"not lost"]
