"""Tokens between the control process, which fetches them, and the workers: what was said last is kept for both.

Rule 1: a worker that starts is told what is known, and so is a control process that starts again: nothing is fetched
anew for it.
Rule 2: what a worker wants is said again until there is an answer.
"""

from collections.abc import Callable, Iterable

import orjson

from exeat.config.handover import parse_tokens, render_tokens
from exeat.model.token import TokenNews

_CLOCK = 0.0  # what is kept counts from the clock's beginning


class TokenRelay:
    """`tell` sends TOKENS to every worker, `ask` TOKEN_WANTED to the control process, if there is one now."""

    def __init__(self, ask: Callable[[bytes], None]) -> None:
        self.tell: Callable[[bytes], None] = _tell_nobody
        self._ask = ask
        self._news: dict[str, TokenNews] = {}
        self._wanted: dict[str, bytes] = {}
        self._sources: frozenset[str] = frozenset()

    def hear(self, payload: bytes) -> None:
        """Take what the control process says."""
        for news in parse_tokens(payload, _CLOCK):
            if news.source in self._sources:
                self._news[news.source] = news
            self._wanted.pop(news.source, None)
        self.tell(payload)

    def want(self, payload: bytes) -> None:
        """Take what a worker says."""
        source, _ = parse_want(payload)
        if source in self._sources:
            self._wanted[source] = payload
        self._ask(payload)

    def ask_again(self) -> None:
        """Say what is wanted to a control process that has come."""
        for payload in self._wanted.values():
            self._ask(payload)

    def follow(self, sources: Iterable[str]) -> None:
        """Keep what is said of these sources, and forget all others."""
        kept = self._sources = frozenset(sources)
        self._news = {name: news for name, news in self._news.items() if name in kept}
        self._wanted = {name: payload for name, payload in self._wanted.items() if name in kept}

    def known(self) -> bytes:
        """All that is known, as TOKENS."""
        return render_tokens(self._news.values(), _CLOCK)


def render_want(source: str, refused: str | None) -> bytes:
    """TOKEN_WANTED: a source, and what tells the token that was refused (see model/token.py)."""
    return orjson.dumps({"source": source, "refused": refused})


def parse_want(payload: bytes) -> tuple[str, str | None]:
    """What `render_want` wrote."""
    found = orjson.loads(payload)
    return found["source"], found["refused"]


def _tell_nobody(payload: bytes) -> None:
    """There are no workers yet."""
