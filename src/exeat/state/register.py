"""The cells of one worker: found by limit and value, bounded in number, forgotten when that loses nothing."""

from collections.abc import Callable, Iterator
from typing import Final, final

from exeat.model.limit import Kind, Limit
from exeat.state.cells import Cell, ConcurrencyCell, RateCell

VALUES_LIMIT: Final = 10_000  # of one limit
THE_REST: Final = "…"  # all values beyond that share one cell: nobody gets more by being many

Make = Callable[[Limit, str], Cell]


def make_local(limit: Limit, value: str) -> Cell:
    """A cell that this process alone counts."""
    return ConcurrencyCell(limit, value) if limit.kind is Kind.CONCURRENCY else RateCell(limit, value)


@final
class Register:
    """All cells; `make` makes one."""

    def __init__(self, make: Make = make_local) -> None:
        self._make = make
        self._cells: dict[str, dict[str, Cell]] = {}

    def cell(self, limit: Limit, value: str) -> Cell:
        """The cell of a limit for a value."""
        cells = self._cells.get(limit.id)
        if cells is None:
            cells = self._cells[limit.id] = {}
        cell = cells.get(value)
        if cell is None:
            if len(cells) >= VALUES_LIMIT and value != THE_REST:
                return self.cell(limit, THE_REST)
            cell = cells[value] = self._make(limit, value)
        elif cell.limit is not limit:
            cell.redefine(limit)
        return cell

    def cells(self) -> Iterator[Cell]:
        """All cells that there are now."""
        for cells in self._cells.values():
            yield from cells.values()

    def forget_idle(self, now: int, *, all_of_them: bool = False) -> None:
        """Forget cells that hold nothing: those of values that come and go, which nobody else keeps, or all."""
        for identifier, cells in list(self._cells.items()):
            for value, cell in list(cells.items()):
                if (all_of_them or comes_and_goes(cell.limit)) and cell.is_idle(now):
                    del cells[value]
            if not cells:
                del self._cells[identifier]


def comes_and_goes(limit: Limit) -> bool:
    """Whether a limit is split by what each request brings, so that no list of its values is known."""
    return limit.per is not None and limit.per.by in {"ip", "header"}
