"""How often a process that dies is started again."""

import pytest

from exeat.cli.child import pause_before_restart


@pytest.mark.parametrize(("quick_deaths", "pause_s"), [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.4), (7, 5.0), (5000, 5.0)])
def test_restarts_slow_down(quick_deaths: int, pause_s: float) -> None:
    """The first restart is immediate, then the pause doubles from 0.1 s to 5 s."""
    assert pause_before_restart(quick_deaths) == pytest.approx(pause_s)
