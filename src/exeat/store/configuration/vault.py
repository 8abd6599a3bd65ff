"""The vault's secrets: sealed values by name, which `${vault:NAME}` stands for.

Rule 1: a value is sealed for its name, and no other can be put in its place.
Rule 2: a value that something refers to can't be removed.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from exeat.model.sealed import ID_AT, ID_BYTES, master_key_of
from exeat.model.secret import Secret
from exeat.model.stored import VAULT_NAME, vault_context
from exeat.store.configuration.failure import ConflictError, InvalidError, NotFoundError
from exeat.store.configuration.literals import references
from exeat.store.configuration.tables import objects, secrets
from exeat.store.configuration.work import Change, Sealing, Work
from exeat.store.database import reading

KIND = "credential"
_NAMED = 5  # users in a sentence


class SecretItem(NamedTuple):
    """What may be known of a secret; `changed_at` is in µs since 1970."""

    name: str
    version: int
    changed_at: int
    changed_by: str


def list_secrets(engine: Engine) -> list[SecretItem]:
    """All secrets, by name."""
    query = select(secrets.c.name, secrets.c.version, secrets.c.changed_at, secrets.c.changed_by)
    with reading(engine) as connection:
        return [SecretItem(*row) for row in connection.execute(query.order_by(secrets.c.name))]


def put_secret(work: Work, name: str, value: Secret) -> int:
    """Seal a value under a name; its version, which stays where the value is the same."""
    if not VAULT_NAME.fullmatch(name):
        raise InvalidError(f"The name '{name}' isn't made of a-z, 0-9, '.', '_' and '-', at most 128.")
    sealer = _sealer(work)
    present = _find(work.connection, name)
    if present is not None and _opens_to(sealer, present, value):
        return int(present.version)
    version = _last_version(work, name, present) + 1
    before = None if present is None else {"version": present.version}
    action = "create" if present is None else "set"
    revision = work.note(Change(KIND, name, action, before, {"version": version}), present.revision if present else 0)
    values = {
        "sealed": sealer.seal(value.octets, vault_context(name)),
        "version": version,
        "changed_at": work.now_us,
        "changed_by": work.author.name,
        "revision": revision,
    }
    if present is None:
        work.write(insert(secrets), {"name": name, **values})
    else:
        work.write(update(secrets).where(secrets.c.name == name), values)
    return version


def list_sealed_otherwise(engine: Engine, master_key: str) -> list[str]:
    """The names of the secrets that aren't sealed under this master key (its id)."""
    head = func.substr(secrets.c.sealed, ID_AT + 1, ID_BYTES)
    query = select(secrets.c.name).where(head != bytes.fromhex(master_key)).order_by(secrets.c.name)
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def count_secrets(engine: Engine) -> dict[str, int]:
    """How many secrets are sealed under each master key, by its id."""
    head = func.substr(secrets.c.sealed, ID_AT + 1, ID_BYTES)
    with reading(engine) as connection:
        found = connection.execute(select(head, func.count()).group_by(head))
        return {bytes(master_key).hex(): count for master_key, count in found}


def reseal_secret(work: Work, name: str) -> None:
    """Seal a secret anew: its value and version stay. Whatever says why it can't be opened is the sealer's."""
    present = _find(work.connection, name)
    if present is None:
        return  # removed since it was listed
    sealer, context = _sealer(work), vault_context(name)
    sealed = sealer.seal(sealer.open(bytes(present.sealed), context), context)
    before, after = (
        {"version": present.version, "master_key": master_key_of(one)} for one in (bytes(present.sealed), sealed)
    )
    revision = work.note(Change(KIND, name, "reseal", before, after), present.revision)
    work.write(update(secrets).where(secrets.c.name == name), {"sealed": sealed, "revision": revision})


def remove_secret(work: Work, name: str) -> None:
    """Remove a secret that no object refers to."""
    present = _find(work.connection, name)
    if present is None:
        raise NotFoundError(f"There is no credential '{name}' in the vault.")
    users = find_users(work.connection, name)
    if users:
        more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
        raise ConflictError(f"The credential '{name}' is used by {', '.join(users[:_NAMED])}{more}.")
    work.note(Change(KIND, name, "delete", {"version": present.version}, None), present.revision)
    work.write(delete(secrets).where(secrets.c.name == name))


def drop_unused(work: Work, names: Iterable[str]) -> None:
    """Remove those secrets that no object refers to any more."""
    for name in names:
        if _find(work.connection, name) is not None and not find_users(work.connection, name):
            remove_secret(work, name)


def find_users(connection: Connection, name: str) -> list[str]:
    """The database's objects that refer to a secret, as kind/name."""
    likely = objects.c.data.contains(f"${{vault:{name}}}", autoescape=True)
    query = (
        select(objects.c.kind, objects.c.name, objects.c.data).where(likely).order_by(objects.c.kind, objects.c.name)
    )
    return [f"{kind}/{of}" for kind, of, data in connection.execute(query) if name in references(json.loads(data))]


def _sealer(work: Work) -> Sealing:
    if work.sealer is None:
        raise InvalidError("A secret can't be kept without a keyring to seal it.")
    return work.sealer


def _opens_to(sealer: Sealing, present: Row[Any], value: Secret) -> bool:
    try:
        return sealer.open(bytes(present.sealed), vault_context(present.name)) == value.octets
    except Exception:  # noqa: BLE001 - why it stays closed doesn't matter: the new value mends it
        return False


def _last_version(work: Work, name: str, present: Row[Any] | None) -> int:
    """The version so far, also where this very edit has removed it."""
    if present is not None:
        return int(present.version)
    gone = work.changes.get((KIND, name))
    return 0 if gone is None or gone.before is None else int(gone.before["version"])


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(secrets).where(secrets.c.name == name)).one_or_none()
