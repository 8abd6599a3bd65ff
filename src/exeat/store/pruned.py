"""What a prune leaves: up to where each chain is gone, as the record of it says (pure)."""

from typing import NamedTuple

import orjson

from exeat.model.audit import ChainState
from exeat.store.rows import render_time

PRUNE = ("prune", "audit/records")  # action and object of the record


class Pruned(NamedTuple):
    """What was pruned now, and up to where every chain is gone since the first prune."""

    before: int  # µs
    batches: int
    records: int
    chains: dict[str, ChainState]

    def after(self) -> dict[str, object]:
        """The member `after` of the record that the caller has to make of it: verify() looks for that."""
        return {
            "before": render_time(self.before),
            "batches": self.batches,
            "records": self.records,
            "chains": {name: [state.batch, state.record, state.hash.hex()] for name, state in self.chains.items()},
        }


def parse_pruned(body: bytes) -> dict[str, int]:
    """From the record of a prune: the last batch of each chain that is gone."""
    after = orjson.loads(body).get("after")
    chains = after.get("chains") if isinstance(after, dict) else None
    if not isinstance(chains, dict):
        return {}
    return {name: place[0] for name, place in chains.items() if isinstance(place, list) and type(place[0]) is int}
