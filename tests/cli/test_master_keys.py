"""What needs a master key: also a body that is in a journal alone, sealed in a batch or left open by a crash."""

from pathlib import Path

import pytest

from exeat.cli.master_keys import find_needs
from exeat.model.audit import KeptBody
from exeat.store.address import default_url
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer
from tests.journal.lives import CHAIN, Life, id_of


@pytest.mark.parametrize("how", ["a batch", "a batch that was left open"])
def test_a_body_on_its_way_needs_its_key(tmp_path: Path, how: str) -> None:
    """A key is needed while a journal has a body that it sealed, however the process that wrote it has ended."""
    instance, writer = CHAIN.split("/")
    (tmp_path / "instance").write_text(instance + "\n")
    old = Keyring(MasterKey.make())
    keyring = Keyring(MasterKey.make(), *old.keys)
    life = Life(tmp_path / "journal" / writer)
    assert life.journal.keep(KeptBody(id_of(1), "request", 2_000_000_000, Sealer(old).seal(b"a body", b"here")))
    life.end(1)
    assert life.journal.commit(seals=how == "a batch")
    life.crash()
    engine = open_database(default_url(tmp_path))
    migrate(engine)
    assert [(need.master_key, need.waiting) for need in find_needs(engine, keyring, tmp_path)] == [
        (keyring.sealing.id, 0),
        (old.sealing.id, 1),
    ]
    engine.dispose()
