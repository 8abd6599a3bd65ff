"""Standing in line for a limit: by priority, in turn between consumers, first come first served within both."""

from heapq import heappop, heappush, nsmallest
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.limit import LOWEST_PRIORITY
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange
from exeat.state.cells import Cell


@final
class Waiter:
    """One request in line. `order` is when it first stood anywhere: a request that moves on keeps its place by it.

    `since` is the same as a time (ns), for who stands in line in other workers.
    """

    __slots__ = ("consumer", "cost", "has_left", "order", "priority", "since", "wait")

    def __init__(self, priority: int, consumer: str, order: int, cost: int, since: int) -> None:
        self.priority: Final = priority
        self.consumer: Final = consumer
        self.order: Final = order
        self.since: Final = since
        self.cost = cost
        self.wait: Wait[None] = Wait()
        self.has_left = False


@final
class Line:
    """Who waits for one cell.

    Within a priority, a consumer's next request comes one round after its last one, and rounds are served in turn:
    whoever sends a thousand doesn't keep out another who sends one.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell: Final = cell
        self._heap: list[tuple[int, int, int, Waiter]] = []
        self._rounds: dict[tuple[int, str], int] = {}  # by priority and consumer: the last one it has a request in
        self._served: dict[int, int] = {}  # by priority: the one whose turn it is

    def join(self, waiter: Waiter) -> None:
        """Stand in line."""
        priority = waiter.priority
        place = (priority, waiter.consumer)
        self._rounds[place] = turn = max(self._rounds.get(place, 0), self._served.get(priority, 0)) + 1
        heappush(self._heap, (priority, turn, waiter.order, waiter))
        self.cell.waiting += 1

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer, whatever the reason; harmless for one that was called."""
        if not waiter.has_left:
            waiter.has_left = True
            self.cell.waiting -= 1
            if not self.cell.waiting:
                self._forget()

    def call(self, now: int) -> int | None:
        """Let those go whose turn it is; when the next one may (ns), None if nobody waits or no time is known."""
        while self.cell.waiting:
            priority, turn, _, waiter = self._heap[0]
            if waiter.has_left:
                heappop(self._heap)
                continue
            ready_at = self.cell.ready_at(now, waiter.cost)
            if ready_at > now:
                return ready_at
            heappop(self._heap)
            self._served[priority] = turn
            self.leave(waiter)
            waiter.wait.set(None)  # runs it: it has spent, or stands elsewhere, when this returns
        return None

    def first(self, most: int) -> list[tuple[int, int, int]]:
        """Those whose turn comes next: the priority, since when, and the cost of each."""
        waiting = (one for *_, one in nsmallest(most, self._heap) if not one.has_left)
        return [(one.priority, one.since, one.cost) for one in waiting]

    def release(self) -> None:
        """Let all go: each sees for itself why there is nothing to wait for."""
        waiting = [waiter for *_, waiter in sorted(self._heap) if not waiter.has_left]
        for waiter in waiting:
            self.leave(waiter)
            waiter.wait.set(None)

    def _forget(self) -> None:
        self._heap.clear()
        self._rounds.clear()
        self._served.clear()


def priority_of(exchange: Exchange, given: int) -> int:
    """The place in line that a request asks for; never before its consumer's own."""
    wanted = exchange.head_or_raise.known.get(b"exeat-priority")
    if wanted is None:
        return given
    if len(wanted) != 1 or wanted not in b"01234567":
        raise GatewayError(Code.MALFORMED_REQUEST, f"Exeat-Priority isn't a digit from 0 to {LOWEST_PRIORITY}.")
    return max(given, int(wanted))
