"""The tokens of one worker: shown until they end, asked for once, shown no more once they are refused."""

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection, Token
from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.token import TokenNews, token_print
from exeat.policy.inject import prepare
from exeat.proxy.drive import Drive
from exeat.proxy.exchange import Exchange
from exeat.proxy.nobody import Nobody
from exeat.proxy.tokens import AFTER_REFUSAL_S, SPARE_S, WAIT_S, Tokens
from tests.support.values import snapshot, upstream

ORIGINS = frozenset({Origin("https", "api.test", 443)})
SOURCE = "source-1"
FIRST, SECOND = Secret("first-token-value"), Secret("second-token-value")


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Call:
    """A call that wants the token: `shown` is the line that it got, `error` why it got none."""

    def __init__(self, tokens: Tokens, injection: Injection) -> None:
        self.shown: Injection | None = None
        self.error: GatewayError | None = None
        self.exchange = Exchange(None, snapshot(upstream()), Nobody())
        self.exchange.drive = Drive(self._run(tokens, injection), lambda: None)
        self.exchange.drive.run()

    async def _run(self, tokens: Tokens, injection: Injection) -> None:
        try:
            self.shown = await tokens.ready(self.exchange, injection)
        except GatewayError as error:
            self.error = error

    @property
    def line(self) -> str | None:
        """What leaves."""
        return None if self.shown is None or self.shown.lines is None else self.shown.lines.reveal()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> list[tuple[str, str | None]]:
    return []


@pytest.fixture
def tokens(clock: Clock, asked: list[tuple[str, str | None]]) -> Tokens:
    def ask(source: str, refused: str | None) -> None:
        asked.append((source, refused))

    return Tokens(clock, ask)


def waiting(name: str = "Authorization", prefix: str = "Bearer ") -> Injection:
    """A credential that waits for a token."""
    return prepare(Token(SOURCE, "oauth2-client-credentials", name, prefix), ORIGINS)


def test_a_token_that_is_there_is_shown_at_once(tokens: Tokens, asked: list[tuple[str, str | None]]) -> None:
    """Nobody is asked."""
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    assert Call(tokens, waiting()).line == "Authorization: Bearer first-token-value\r\n"
    assert not asked


def test_another_field_and_prefix(tokens: Tokens) -> None:
    """A token stands where the document says."""
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    call = Call(tokens, waiting("X-Token", "T "))
    assert call.line == "X-Token: T first-token-value\r\n"
    assert call.shown is not None
    assert call.shown.slots == {b"x-token"}


def test_made_ready_once(tokens: Tokens) -> None:
    """Calls of one snapshot share what was made ready."""
    injection = waiting()
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    assert Call(tokens, injection).shown is Call(tokens, injection).shown


def test_calls_wait_and_the_broker_is_asked_once(tokens: Tokens, asked: list[tuple[str, str | None]]) -> None:
    """However many wait, one question leaves; all go on with the answer."""
    calls = [Call(tokens, waiting()) for _ in range(5)]
    assert asked == [(SOURCE, None)]
    assert {call.exchange.phase for call in calls} == {"token"}
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    assert [call.line for call in calls] == ["Authorization: Bearer first-token-value\r\n"] * 5


def test_a_token_ends(tokens: Tokens, clock: Clock, asked: list[tuple[str, str | None]]) -> None:
    """What is about to end isn't shown any more."""
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    clock.now += 60.0 - SPARE_S
    call = Call(tokens, waiting())
    assert (call.line, asked) == (None, [(SOURCE, None)])
    tokens.take(TokenNews(SOURCE, SECOND, 60.0))
    assert call.line == "Authorization: Bearer second-token-value\r\n"


def test_a_token_without_an_end_lasts(tokens: Tokens, clock: Clock) -> None:
    """A source that doesn't say how long a token lives has it shown until it is refused."""
    tokens.take(TokenNews(SOURCE, FIRST))
    clock.now += 1e9
    assert Call(tokens, waiting()).line is not None


def test_no_token_and_the_reason(tokens: Tokens, clock: Clock, asked: list[tuple[str, str | None]]) -> None:
    """Why there is none is said, and when it is worth to call again; meanwhile nobody is asked again."""
    call = Call(tokens, waiting())
    tokens.take(TokenNews(SOURCE, reason="the token endpoint answered 500", again_in_s=4.0))
    assert call.error is not None
    assert (call.error.code, call.error.untouched) == (Code.CREDENTIAL_UNAVAILABLE, True)
    assert call.error.retry_after == 4
    assert "the token endpoint answered 500" in call.error.detail
    assert Call(tokens, waiting()).error is not None
    assert len(asked) == 1
    clock.now += 4.5
    assert Call(tokens, waiting()).error is None
    assert len(asked) == 2


def test_the_last_good_token_is_shown_while_another_cant_be_had(tokens: Tokens) -> None:
    """A token endpoint that is down does no harm before the token ends."""
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    tokens.take(TokenNews(SOURCE, FIRST, 30.0, reason="the token endpoint answered 500", again_in_s=1.0))
    assert Call(tokens, waiting()).line == "Authorization: Bearer first-token-value\r\n"


def test_a_broker_that_is_silent(tokens: Tokens, clock: Clock) -> None:
    """A call doesn't wait for ever: the clock of its phase ends it."""
    call = Call(tokens, waiting())
    assert call.exchange.phase_limit == WAIT_S
    clock.now += WAIT_S
    call.exchange.drive.interrupt(GatewayError(Code.CREDENTIAL_UNAVAILABLE, "No token."))
    assert call.error is not None
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))  # too late for it, and no fault
    assert call.line is None


def test_a_refused_token_is_shown_no_more(tokens: Tokens, asked: list[tuple[str, str | None]]) -> None:
    """The broker hears which one was refused, and the next call waits for another."""
    injection = waiting()
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    shown = Call(tokens, injection).shown
    assert shown is not None
    assert tokens.refuse(injection, shown)
    call = Call(tokens, injection)
    assert asked == [(SOURCE, token_print(FIRST))]
    assert call.line is None
    tokens.take(TokenNews(SOURCE, SECOND, 60.0))
    assert call.line == "Authorization: Bearer second-token-value\r\n"


def test_a_broker_that_has_no_other(tokens: Tokens, asked: list[tuple[str, str | None]]) -> None:
    """A broker that has no other token says the same again: it is shown, and the upstream's refusal passed on."""
    injection = waiting()
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    shown = Call(tokens, injection).shown
    assert shown is not None
    assert tokens.refuse(injection, shown)
    call = Call(tokens, injection)
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    assert call.line == "Authorization: Bearer first-token-value\r\n"
    assert call.shown is not None
    assert not tokens.refuse(injection, call.shown)
    assert len(asked) == 1


def test_many_refusals_of_one_token_are_one(tokens: Tokens, asked: list[tuple[str, str | None]]) -> None:
    """Calls that were under way with the old token go on with the new one; nothing more is fetched for them."""
    injection = waiting()
    tokens.take(TokenNews(SOURCE, FIRST, 60.0))
    shown = [Call(tokens, injection).shown for _ in range(3)]
    assert shown[0] is not None
    assert tokens.refuse(injection, shown[0])
    call = Call(tokens, injection)
    tokens.take(TokenNews(SOURCE, SECOND, 60.0))
    for late in shown[1:]:
        assert late is not None
        assert tokens.refuse(injection, late)
    assert Call(tokens, injection).line == call.line == "Authorization: Bearer second-token-value\r\n"
    assert len(asked) == 1


def test_a_new_token_that_is_refused_too(tokens: Tokens, clock: Clock) -> None:
    """An upstream that refuses whatever it is shown doesn't have tokens fetched without end."""
    injection = waiting()
    tokens.take(TokenNews(SOURCE, FIRST, 3600.0))
    first = Call(tokens, injection).shown
    assert first is not None
    assert tokens.refuse(injection, first)
    call = Call(tokens, injection)
    tokens.take(TokenNews(SOURCE, SECOND, 3600.0))
    assert call.shown is not None
    assert not tokens.refuse(injection, call.shown)
    clock.now += AFTER_REFUSAL_S
    assert tokens.refuse(injection, call.shown)


def test_nothing_to_refuse(tokens: Tokens) -> None:
    """A credential without a token isn't had again."""
    nothing = Injection("none", ORIGINS)
    assert not tokens.refuse(nothing, nothing)
