"""The instances that have put records into the database, and the time of the last one of each."""

from typing import NamedTuple

from sqlalchemy import Engine, and_, select

from exeat.store.database import reading
from exeat.store.tables import chains, seals

MOST = 100


class Instance(NamedTuple):
    """One gateway; `last_record_at` is in µs since 1970."""

    name: str
    last_record_at: int


def list_instances(engine: Engine) -> list[Instance]:
    """Those of which there are records, the ones with the newest first; the hundred newest chains tell."""
    last = and_(seals.c.chain == chains.c.chain, seals.c.number == chains.c.batch)
    newest = select(chains.c.chain, seals.c.newest).join(seals, last).order_by(seals.c.newest.desc()).limit(MOST)
    with reading(engine) as connection:
        found = connection.execute(newest).all()
    times: dict[str, int] = {}
    for chain, at in found:
        times.setdefault(chain.partition("/")[0], at)
    return [Instance(name, at) for name, at in times.items()]
