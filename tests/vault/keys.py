"""Master keys for the tests of the vault, which the sweep at the end of a run looks for."""

import hashlib
from pathlib import Path

from exeat.vault.keyring import KEY_BYTES, Keyring, MasterKey
from tests.support.markers import MARKERS

CONTEXT = b"body:0199f4e8:request"


def key(name: str) -> MasterKey:
    """The same key each time for a name."""
    made = MasterKey(hashlib.sha256(name.encode()).digest()[:KEY_BYTES])
    MARKERS.add(f"master key {name}", made.reveal())
    return made


def keyring(*names: str) -> Keyring:
    """A keyring of such keys."""
    return Keyring(*map(key, names))


def write_keyring(file: Path, text: str, mode: int = 0o600) -> Path:
    """Write the file of a keyring; it is where keys may stand."""
    MARKERS.add_input(file)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file
