"""What a worker has learnt of upstreams on its way to all others, and to other instances."""

import time
from collections.abc import Iterable, Mapping
from typing import Protocol, final

from exeat.state.ledger import Learnt, Ledger, Rest
from exeat.state.messages import render_word
from exeat.state.resting import Resting


class Listener(Protocol):
    """A worker, as far as it is told something."""

    def send(self, message: bytes) -> None:
        """Tell it."""


@final
class Passing:
    """The words of `holders`, by number, that wait to be passed on; and the endpoints that rest."""

    def __init__(self, holders: Mapping[int, Listener]) -> None:
        self._holders = holders
        self._words: list[tuple[Listener, Learnt]] = []
        self._resting = Resting()

    def greet(self, holder: Listener) -> None:
        """Tell a worker that has come which endpoints rest."""
        for rest in self._resting.now(time.monotonic_ns()):
            holder.send(render_word(rest))

    def take(self, holder: Listener, words: Iterable[Learnt]) -> None:
        """Take what a worker says."""
        self._words.extend((holder, word) for word in words)

    async def pass_on(self, ledger: Ledger) -> None:
        """Tell every worker what others have learnt, here and elsewhere."""
        words, self._words = self._words, []
        heard, was_asked, now = ledger.heard(), ledger.was_asked(), time.monotonic_ns()
        fresh = [(by, word) for by, word in words if self._is_news(word, now)]
        for by, word in [*fresh, *((None, word) for word in heard if self._is_news(word, now))]:
            for holder in self._holders.values():
                if holder is not by:
                    holder.send(render_word(word))
        told = [word for _, word in fresh]
        if was_asked:
            told += self._resting.now(now)
        if told:
            await ledger.share(told)

    def tend(self) -> None:
        """Forget what is over."""
        self._resting.forget(time.monotonic_ns())

    def _is_news(self, word: Learnt, now: int) -> bool:
        return not isinstance(word, Rest) or self._resting.take(word, now)
