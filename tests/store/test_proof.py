"""A record's place in the trail, and whether its batch is what was sealed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database, writing
from exeat.store.migrate import migrate
from exeat.store.proof import find_proof
from tests.store.made import CHAIN, Chain


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Three batches of three, one and two records."""
    AuditWriter(engine).write(Chain().batches([3, 1, 2]))
    return engine


@pytest.mark.parametrize(("number", "batch", "first", "size"), [(1, 1, 1, 3), (3, 1, 1, 3), (4, 2, 4, 1), (6, 3, 5, 2)])
def test_a_record_has_its_seal(filled: Engine, number: int, batch: int, first: int, size: int) -> None:
    """Each record is found with the seal of its own batch, whose hash is that of the records that are there."""
    proof = find_proof(filled, f"id-{number:06d}")
    assert proof is not None
    assert (proof.chain, proof.number, proof.matches) == (CHAIN, number, True)
    assert proof.seal is not None
    assert (proof.seal.number, proof.seal.first, proof.seal.size) == (batch, first, size)


def test_of_nothing_there_is_no_proof(filled: Engine) -> None:
    """An id that nothing has is no record."""
    assert find_proof(filled, "id-000099") is None


@pytest.fixture
def tables_of_sqlite(tmp_path: Path) -> Iterator[Engine]:
    """A database that anybody with a pencil can edit."""
    opened = open_database(f"sqlite:///{tmp_path}/exeat.db")
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET body = CAST(REPLACE(CAST(body AS TEXT), '200', '201') AS BLOB) WHERE number = 2",
        "DELETE FROM records WHERE number = 1",
        "UPDATE seals SET previous = hash WHERE number = 1",
    ],
)
def test_what_was_edited_does_not_match(tables_of_sqlite: Engine, statement: str) -> None:
    """Whichever record of a batch was edited or removed, or its seal: none of the batch is proved any more."""
    AuditWriter(tables_of_sqlite).write(Chain().batches([3, 1]))
    with writing(tables_of_sqlite) as connection:
        connection.execute(text(statement))
    proof, other = find_proof(tables_of_sqlite, "id-000003"), find_proof(tables_of_sqlite, "id-000004")
    assert proof is not None
    assert not proof.matches
    assert other is not None
    assert other.matches


def test_an_inserted_record_has_no_seal(tables_of_sqlite: Engine) -> None:
    """A record behind the last seal is proved by none."""
    AuditWriter(tables_of_sqlite).write(Chain().batches([2, 1]))
    with writing(tables_of_sqlite) as connection:
        connection.execute(text("UPDATE records SET number = 9 WHERE number = 3"))
    proof = find_proof(tables_of_sqlite, "id-000003")
    assert proof is not None
    assert (proof.number, proof.seal, proof.matches) == (9, None, False)
