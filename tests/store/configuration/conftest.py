"""What the tests of the configuration in a database begin with: a sealer, and a way to edit."""

from itertools import count

import pytest
from sqlalchemy import Engine

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer
from tests.store.configuration.edits import NOW_US, Change


@pytest.fixture
def sealer() -> Sealer:
    """Seals under a key of its own."""
    return Sealer(Keyring(MasterKey.make()))


@pytest.fixture
def change(engine: Engine, sealer: Sealer) -> Change:
    """Begins an edit, each a second after the one before."""
    seconds = count()
    return lambda: editing(engine, Author("anna", "a test"), now_us=NOW_US + next(seconds) * 1_000_000, sealer=sealer)
