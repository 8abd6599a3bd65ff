"""`exeat audit body`: what is kept of an exchange's bodies, opened with the keyring."""

import hashlib
import sys

import orjson
from sqlalchemy import Engine

from exeat.cli.audit.database import UsageError, with_trail
from exeat.cli.output import FAILED, FINE, complain
from exeat.config.settings import read_settings
from exeat.proxy.capture import context_of
from exeat.store.bodies import find_bodies
from exeat.vault.keyring import KeyringError
from exeat.vault.keyring_file import read_keyring
from exeat.vault.seal import Sealer, SealError


def show_body(identifier: str, side: str) -> int:
    """Print a body as it was kept, and on standard error what is known of it."""

    def work(engine: Engine) -> int:
        found = find_bodies(engine, identifier)
        if found is None:
            raise UsageError(f"there is no record {identifier}")
        digest = (orjson.loads(found.record).get("bodies") or {}).get(side)
        if digest is None:
            raise UsageError(f"no {side} body of {identifier} was kept; an upstream's `bodies` say what is")
        sealed = found.sealed.get(side)
        if sealed is None:
            raise UsageError(f"the {side} body of {identifier} is gone: the time for which it was kept is over")
        if hashlib.sha256(sealed).hexdigest() != digest:
            complain([f"the {side} body of {identifier} isn't the one that was recorded: it was exchanged"])
            return FAILED
        settings = read_settings()
        try:
            keyring = read_keyring(settings.keyring, settings.directory, settings.directory / settings.data_dir)
            plain = Sealer(keyring).open(sealed, context_of(identifier, side))
        except (KeyringError, SealError) as error:
            complain([error])
            return FAILED
        about, _, content = plain.partition(b"\n")
        sys.stderr.write(about.decode() + "\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return FINE

    return with_trail(work)
