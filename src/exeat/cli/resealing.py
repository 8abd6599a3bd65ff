"""`exeat keyring reseal`: what an older master key has sealed in the database is sealed anew under the first one.

Rule 1: a part at a time, each one edit with its records: gateways go on, and what was stopped is gone on with.
Rule 2: a key counts as not needed only if nothing that can be seen from here needs it.
"""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from exeat.admin.refusal import Refusal
from exeat.admin.services import Services
from exeat.admin.versions import Versions
from exeat.admin.writing import Writing
from exeat.cli.admin.local import Records, myself
from exeat.cli.audit.database import open_trail
from exeat.cli.control.effect import Effect
from exeat.cli.data_folder import DataFolderError, open_data_folder
from exeat.cli.master_keys import Needs, find_kept_keys, find_needs
from exeat.cli.output import FAILED, FINE, complain, say, say_json
from exeat.config.kept import KEPT_FILE, reseal_kept
from exeat.config.settings import Settings
from exeat.journal.segments import JournalError
from exeat.store.configuration.upstream_tokens import reseal_tokens
from exeat.store.configuration.vault import list_sealed_otherwise
from exeat.store.failure import StoreError
from exeat.vault.keyring import Keyring, KeyringError
from exeat.vault.keyring_file import read_keyring
from exeat.vault.seal import Sealer, SealError

AT_ONCE = 100
WHY = "exeat keyring reseal"
KEPT_S = 5.0  # a running gateway keeps what it has heard within this time
STEP_S = 0.1


class Done(NamedTuple):
    """What was sealed anew, credentials by name and refresh tokens by upstream, and why the rest wasn't."""

    names: list[str]
    faults: list[str]
    upstreams: list[str]


def reseal(settings: Settings, *, as_json: bool) -> int:
    """Seal anew what can be, and say which keys are needed still; the exit code."""
    data_dir = settings.directory / settings.data_dir
    if not settings.has_database():
        complain([f"There is no database in {data_dir} yet: set EXEAT_DATA_DIR or EXEAT_DATABASE_URL to where it is."])
        return FAILED
    records = Records(settings)
    try:
        keyring = read_keyring(settings.keyring, settings.directory, data_dir)
        with open_trail(settings) as engine:
            done = _reseal_credentials(engine, keyring, settings, records)
            _reseal_tokens(engine, keyring, done)
            _settle_kept(keyring, settings)
            needs = find_needs(engine, keyring, data_dir)
    except Refusal as error:
        complain([records.trouble or error.detail])
        return FAILED
    except (KeyringError, StoreError, SealError, JournalError, DataFolderError, OSError, ValueError) as error:
        complain([error])
        return FAILED
    finally:
        records.close()
    if as_json:
        say_json(
            {
                "resealed": done.names,
                "refresh_tokens": done.upstreams,
                "failed": done.faults,
                "keys": [one.members() for one in needs],
            }
        )
    else:
        say(_render(len(done.names), len(done.upstreams), needs))
    complain(done.faults)
    return FAILED if done.faults else FINE


def _reseal_credentials(engine: Engine, keyring: Keyring, settings: Settings, records: Records) -> Done:
    effect = Effect(settings, engine)
    services = Services(
        engine=engine,
        sealer=Sealer(keyring),
        check=effect.check,
        audit=records.record,
        clock=lambda: time.time_ns() / 1e9,
        steady=time.monotonic,
    )
    names, done = list_sealed_otherwise(engine, keyring.sealing.id), Done([], [], [])
    for start in range(0, len(names), AT_ONCE):
        _reseal_some(services, names[start : start + AT_ONCE], done)
    return done


def _reseal_some(services: Services, names: Sequence[str], done: Done) -> None:
    """One edit, which is one revision, with a record for each credential."""
    writing = Writing(services, threading.Lock(), myself(), Versions(), dry_run=False, why=WHY)
    with writing.edit(compiles=False) as edit:
        for name in names:
            try:
                edit.reseal_secret(name)
            except SealError as error:
                done.faults.append(f"the credential '{name}' can't be sealed anew: {error}")
    done.names.extend(change.name for change in writing.changes)


def _reseal_tokens(engine: Engine, keyring: Keyring, done: Done) -> None:
    """The refresh tokens that upstreams have given, unless a gateway puts down another one meanwhile."""
    sealer = Sealer(keyring)

    def reseal(sealed: bytes, context: bytes) -> bytes | None:
        try:
            return sealer.seal(sealer.open(sealed, context), context)
        except SealError as error:
            done.faults.append(f"the refresh token of an upstream can't be sealed anew: {error}")
            return None

    done.upstreams.extend(reseal_tokens(engine, keyring.sealing.id, reseal))


def _settle_kept(keyring: Keyring, settings: Settings) -> None:
    """See that what is kept for a start without the database needs no older key: a running gateway does it itself."""
    data_dir, first = settings.directory / settings.data_dir, {keyring.sealing.id}
    if not (data_dir / KEPT_FILE).exists():
        return
    ends_at = time.monotonic() + KEPT_S
    while not find_kept_keys(keyring, data_dir) <= first and time.monotonic() < ends_at:
        try:
            folder = open_data_folder(settings)
        except DataFolderError:
            time.sleep(STEP_S)
            continue
        try:
            reseal_kept(Sealer(keyring), data_dir)
        finally:
            folder.release()


def _render(count: int, tokens: int, needs: Sequence[Needs]) -> str:
    first = needs[0]
    lines = [f"{count} {'credential is' if count == 1 else 'credentials are'} sealed anew under {first.master_key}."]
    if tokens:
        lines.append(f"So {'is 1 refresh token' if tokens == 1 else f'are {tokens} refresh tokens'} of upstreams.")
    lines += [
        f"{one.master_key} is needed by {one.describe()}{'' if one.is_known else ', and is not in the keyring'}."
        for one in needs[1:]
        if one.is_needed
    ]
    spare = [one.master_key for one in needs if not one.is_needed]
    if spare:
        lines.append(
            f"Not needed any more: {', '.join(spare)}. If every gateway was restarted since the rotation, take it out"
            " of the keyring; copies of the database from before still need it."
        )
    return "\n".join(lines)
