"""The place of one record in the audit trail, and whether its batch is what was sealed."""

from typing import NamedTuple

from sqlalchemy import Engine, select

from exeat.model.audit import hash_batch
from exeat.store.database import reading
from exeat.store.seal import Seal
from exeat.store.tables import records, seals
from exeat.store.trail import as_stored

_SEAL = [as_stored(seals.c[name]) for name in Seal._fields]


class Proof(NamedTuple):
    """A record's chain and number, the seal of its batch if there is one, and whether its hash is the batch's own."""

    chain: str
    number: int
    seal: Seal | None
    matches: bool


def find_proof(engine: Engine, identifier: str) -> Proof | None:
    """The place of a record; None if there is none of this id."""
    with reading(engine) as connection:
        of_record = select(records.c.chain, records.c.number).where(records.c.id == identifier).limit(1)
        record = connection.execute(of_record).one_or_none()
        if record is None:
            return None
        chain, number = record
        before = (seals.c.chain == chain, seals.c.first <= number)
        row = connection.execute(select(*_SEAL).where(*before).order_by(seals.c.first.desc()).limit(1)).one_or_none()
        seal = None if row is None else Seal._make(row)
        if seal is None or seal.is_gap or seal.last < number:
            return Proof(chain, number, None, matches=False)
        part = (records.c.chain == chain, records.c.number.between(seal.first, seal.last))
        of_batch = select(records.c.number, as_stored(records.c.body)).where(*part).order_by(records.c.number)
        found = connection.execute(of_batch.limit(seal.size + 1)).all()
    numbers, bodies = [each.number for each in found], [each.body for each in found]
    is_whole = numbers == list(range(seal.first, seal.last + 1))
    matches = is_whole and hash_batch(seal.previous, seal.number, seal.first, bodies) == seal.hash
    return Proof(chain, number, seal, matches)
