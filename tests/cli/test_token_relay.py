"""Tokens between processes: what was said last is there for whoever starts later, and nothing is asked in vain."""

from exeat.cli.token_relay import TokenRelay, parse_want, render_want
from exeat.config.handover import parse_tokens, render_tokens
from exeat.model.secret import Secret
from exeat.model.token import TokenNews

TOKEN = TokenNews("a", Secret("a token"), 10.0, None, None)
NONE = TokenNews("b", None, None, "the endpoint is down", 5.0)


class Line:
    """A relay between these two sides."""

    def __init__(self, *sources: str) -> None:
        self.told: list[bytes] = []
        self.asked: list[bytes] = []
        self.relay = TokenRelay(self.asked.append)
        self.relay.tell = self.told.append
        self.relay.follow(sources)

    def known(self, now: float) -> list[TokenNews]:
        """What is known, at a time."""
        return parse_tokens(self.relay.known(), now)


def test_what_is_said_is_passed_on_and_kept() -> None:
    """Every worker hears it as it was said; what is kept grows old meanwhile, and the newest word counts."""
    line = Line("a", "b")
    payload = render_tokens([TOKEN, NONE], 100.0)
    line.relay.hear(payload)
    assert line.told == [payload]
    first, second = line.known(103.0)
    assert first == TOKEN._replace(expires_in_s=7.0)
    assert second == NONE._replace(again_in_s=2.0)
    line.relay.hear(render_tokens([NONE._replace(source="a")], 104.0))
    assert [news.token for news in line.known(104.0)] == [None, None]
    assert line.known(200.0)[1].again_in_s == 0.0


def test_sources_that_are_gone_are_forgotten() -> None:
    """Nothing is kept of what the document doesn't have any more, nor of what it never had."""
    line = Line("a", "b")
    line.relay.hear(render_tokens([TOKEN, NONE, NONE._replace(source="c")], 0.0))
    line.relay.want(render_want("c", None))
    line.relay.follow(["b"])
    assert [news.source for news in line.known(0.0)] == ["b"]
    line.asked.clear()
    line.relay.ask_again()
    assert line.asked == []


def test_what_is_wanted_is_said_until_there_is_an_answer() -> None:
    """A control process that starts again hears what workers wait for; what was answered isn't asked again."""
    line = Line("a", "b")
    line.relay.want(render_want("a", "0123"))
    line.relay.want(render_want("b", None))
    assert [parse_want(payload) for payload in line.asked] == [("a", "0123"), ("b", None)]
    line.relay.hear(render_tokens([NONE], 0.0))
    line.asked.clear()
    line.relay.ask_again()
    assert [parse_want(payload) for payload in line.asked] == [("a", "0123")]


def test_nothing_shows_a_token() -> None:
    """Not what is kept, nor what is read."""
    line = Line("a")
    line.relay.hear(render_tokens([TOKEN], 0.0))
    assert "a token" not in repr(vars(line.relay))
    assert "a token" not in repr(line.known(0.0))
