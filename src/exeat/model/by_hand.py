"""What operators have said of endpoints by hand: it holds until they say otherwise, whatever calls bring."""

from dataclasses import dataclass
from typing import Final, Literal

HandState = Literal["tripped", "drained"]
TRIPPED: Final = "tripped"
DRAINED: Final = "drained"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What was said last of one endpoint. Times are seconds since 1970.

    `endpoint` is its URL without a slash at the end, as `Endpoint.id` has it after the upstream's name. `state` is None
    where nothing holds any more; it ends by itself at `until`. `reset` is the number of the last reset, 0 before the
    first: whatever calls brought before that one is forgotten.
    """

    upstream: str
    endpoint: str
    state: HandState | None = None
    until: float | None = None
    since: float = 0.0
    by: str = ""
    why: str = ""
    reset: int = 0

    @property
    def id(self) -> str:
        """What the endpoint is called everywhere."""
        return f"{self.upstream} {self.endpoint}"

    def at(self, now: float) -> HandState | None:
        """The state that holds at a time."""
        return None if self.until is not None and self.until <= now else self.state
