"""The upstreams that ask for a pause, or have few calls left: what their answers say decides about the next calls.

Where an upstream has a pool of credentials, it is each of these that has limits of its own; where callers bring their
own, it is each of those. Whoever says nothing, or has plenty left, has no cell here, and costs its calls nothing.
"""

from typing import Final, final

from exeat.model.limit import Limit
from exeat.model.mark import is_passed, rest_of, upstream_of
from exeat.policy.provider import LOW, Allowance
from exeat.state.cells import Cell
from exeat.state.ledger import Pause
from exeat.state.provider import ProviderCell

WHOLE: Final = b""
PARTS_LIMIT: Final = 1000
PASSED_LIMIT: Final = 1000  # credentials that one consumer brings to an upstream; what it brings beyond that is one
FEW: Final = 100  # calls that are left: what is more isn't worth telling every other worker with each answer


@final
class Cooling:
    """The cells of one worker, by the owner of a limit (an upstream, or a credential) and the part that was spoken of.

    Which part of an upstream a call belongs to is told by the first segment of its path, as it was for earlier calls.
    """

    def __init__(self) -> None:
        self._cells: dict[str, dict[bytes, ProviderCell]] = {}
        self._parts: dict[tuple[str, bytes], bytes] = {}
        self._passed: dict[str, int] = {}  # how many owners there are, by the name for all of a consumer together

    @property
    def is_on(self) -> bool:
        """Whether any upstream has to be gone easy on."""
        return bool(self._cells)

    def knows(self, owner: str) -> bool:
        """Whether there is anything to heed of an owner."""
        return owner in self._cells

    def part_of(self, upstream: str, path: bytes) -> bytes:
        """The part of an upstream that a call belongs to; WHOLE, as long as no answer named one."""
        return self._parts.get((upstream, segment_of(path)), WHOLE)

    def cells(self, owner: str, part: bytes) -> list[Cell]:
        """The cells that a call of a part goes by."""
        cells = self._cells.get(owner)
        if cells is None and is_passed(owner):
            cells = self._cells.get(rest_of(owner))
        if cells is None:
            return []
        return [cell for name, cell in cells.items() if name in {WHOLE, part}]

    def waits_of(self, owner: str, now: int) -> list[tuple[str, int]]:
        """The parts of an owner that let no call pass, each with how long (ns) they don't yet."""
        cells = self._cells.get(owner, {})
        return [(cell.value, ready_at - now) for cell in cells.values() if (ready_at := cell.ready_at(now, 1)) > now]

    def learn(self, owner: str, limit: Limit, path: bytes, allowance: Allowance, now: int) -> ProviderCell | None:
        """Take what an answer to an owner's call says; the cell that it concerns, if there is or has to be one."""
        part = allowance.bucket
        if part:
            if len(self._parts) >= PARTS_LIMIT:
                self._parts.clear()
            self._parts[upstream_of(owner), segment_of(path)] = part
        cells = self._cells.get(owner)
        cell = None if cells is None else cells.get(part)
        if cell is None:
            if not is_low(allowance, now):
                return None
            cell = self._make(owner, limit, part)
        cell.learn(allowance, now)
        return cell

    def hear(self, limit: Limit, pause: Pause, now: int) -> ProviderCell:
        """Take what another worker has learnt."""
        part = pause.part.encode("latin-1")
        cell = self._cells.get(pause.owner, {}).get(part)
        if cell is None:
            cell = self._make(pause.owner, limit, part)
        resets_at, stop_until = _at(pause.resets_in, now), _at(pause.stop_in, now)
        cell.hear(Allowance(pause.remaining, pause.limit, resets_at, stop_until, part), now)
        return cell

    def _make(self, owner: str, limit: Limit, part: bytes) -> ProviderCell:
        """The cell of an owner's part; who brings ever new credentials has one for those that are too many."""
        if owner not in self._cells and is_passed(owner):
            rest = rest_of(owner)
            many = self._passed.get(rest, 0)
            if many >= PASSED_LIMIT:
                owner = rest
            else:
                self._passed[rest] = many + 1
        cells = self._cells.setdefault(owner, {})
        cell = cells.get(part)
        if cell is None:
            cell = cells[part] = ProviderCell(limit, part.decode("latin-1"))
        return cell

    def pauses(self, now: int) -> list[tuple[str, int]]:
        """The upstreams of which no call, or none of a part, may go now; until when (ns from now).

        Of what callers bring nothing is said: it keeps nobody else back.
        """
        longest = [
            (name, max(cell.whole_in(now) for cell in cells.values()))
            for name, cells in self._cells.items()
            if not is_passed(name)
        ]
        return [(name, left) for name, left in longest if left > 0]

    def forget_idle(self, now: int) -> None:
        """Forget what is over."""
        for name, cells in list(self._cells.items()):
            for part, cell in list(cells.items()):
                if cell.is_idle(now):
                    del cells[part]
            if not cells:
                del self._cells[name]
                if is_passed(name):
                    self._leave(name)

    def _leave(self, name: str) -> None:
        """Note that a caller's credential has nothing to be heeded any more."""
        rest = rest_of(name)
        if name == rest:
            return
        self._passed[rest] -= 1
        if not self._passed[rest]:
            del self._passed[rest]


def is_low(allowance: Allowance, now: int) -> bool:
    """Whether an allowance is worth heeding: a pause, or few calls until there are more."""
    if allowance.stop_until is not None and allowance.stop_until > now:
        return True
    if allowance.remaining is None or allowance.resets_at is None or allowance.resets_at <= now:
        return False
    tenth = LOW if allowance.limit is None else allowance.limit // 10
    return allowance.remaining <= max(tenth, LOW)


def pause_of(owner: str, allowance: Allowance, now: int) -> Pause | None:
    """What other workers have to know of an allowance; None if that is nothing."""
    stops = allowance.stop_until is not None and allowance.stop_until > now
    few = allowance.remaining is not None and allowance.remaining <= FEW
    if not stops and not few:
        return None
    part = allowance.bucket.decode("latin-1")
    resets_in, stop_in = _in(allowance.resets_at, now), _in(allowance.stop_until, now)
    return Pause(owner, part, allowance.remaining, allowance.limit, resets_in, stop_in)


def _at(after: int | None, now: int) -> int | None:
    return None if after is None else now + after


def _in(at: int | None, now: int) -> int | None:
    return None if at is None else max(0, at - now)


def segment_of(path: bytes) -> bytes:
    """The first segment of a path."""
    return path[1:].partition(b"/")[0]
