"""The entry `timeout` of a document: how long each phase may take, and which of these can't hold together."""

from typing import Final, Self

from pydantic import Field, model_validator

from exeat.config import fields as f
from exeat.config.entries import Entry

PHASES: Final = ("dns", "connect", "tls", "response", "idle")
BEFORE_SENDING: Final = ("dns", "connect", "tls")


class Timeout(Entry):
    """How long each phase may take: `250ms`, `5s`, `2m`, `1h`, or a number of seconds."""

    dns: f.DurationField = Field(default=5.0, description="Resolving the name.")
    connect: f.DurationField = Field(default=5.0, description="Connecting (TCP), all addresses of the name together.")
    tls: f.DurationField = Field(default=5.0, description="The TLS handshake.")
    response: f.DurationField = Field(default=60.0, description="Until the head of the answer.")
    idle: f.DurationField = Field(default=300.0, description="Between two pieces of a body.")
    total: f.TotalField = Field(
        default=300.0, description="The whole exchange, or `off`. Without it: 300 s, and off for streams."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        """What is written has to be reachable; what isn't is cut off by the total as a matter of course."""
        total = self.total
        if total is None:
            return self
        written = [phase for phase in PHASES if phase in self.model_fields_set]
        own = "total" in self.model_fields_set
        for phase in written:
            # The default total doesn't end streams, for which `idle` is meant.
            if getattr(self, phase) > total and (own or phase != "idle"):
                raise ValueError(_too_long(phase, getattr(self, phase), total, own=own))
        parts = [phase for phase in written if phase in BEFORE_SENDING]
        needed = sum(getattr(self, phase) for phase in parts)
        if needed > total:
            named = " + ".join(f"{phase} {getattr(self, phase):g}s" for phase in parts)
            raise ValueError(f"{named} is longer than {_name(total, own=own)}; shorten them, or allow a longer total")
        return self


def _too_long(phase: str, seconds: float, total: float, *, own: bool) -> str:
    advice = f"shorten {phase}, or allow a longer total" if own else "write total, longer than that, or off"
    return f"{phase} {seconds:g}s is longer than {_name(total, own=own)}, which would always end it first; {advice}"


def _name(total: float, *, own: bool) -> str:
    return f"total {total:g}s" if own else f"the {total:g}s that total is unless it is written"
