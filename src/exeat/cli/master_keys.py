"""Which master keys are needed: by what is sealed in the database, in this machine's journals, and kept beside them."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from exeat.cli.data_folder import JOURNAL_FOLDER, read_instance
from exeat.config.kept import KEPT_FILE, find_master_keys
from exeat.journal.entries import Kind, parse_body
from exeat.journal.follow import Follower
from exeat.journal.recovery import recover
from exeat.model.sealed import master_key_of
from exeat.store.audit_writer import AuditWriter
from exeat.store.bodies import Kept, count_bodies
from exeat.store.configuration.upstream_tokens import count_tokens
from exeat.store.configuration.vault import count_secrets
from exeat.vault.keyring import Keyring
from exeat.vault.seal import Sealer, SealError

_NOTHING = Kept(0, 0)


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs one master key: what is sealed in the database, and kept; bodies until a time (s since 1970)."""

    master_key: str
    is_first: bool
    is_known: bool
    credentials: int
    refresh_tokens: int
    bodies: int
    bodies_until: int
    waiting: int  # bodies in journals
    is_kept: bool

    @property
    def is_needed(self) -> bool:
        """Whether anything needs it."""
        return self.is_first or bool(
            self.credentials or self.refresh_tokens or self.bodies or self.waiting or self.is_kept
        )

    def describe(self) -> str:
        """Why it is needed."""
        parts = [
            _count(self.credentials, "credential", "credentials"),
            _count(self.refresh_tokens, "refresh token of an upstream", "refresh tokens of upstreams"),
            f"{_count(self.bodies, 'body', 'bodies')}, the last until {_render(self.bodies_until)}"
            if self.bodies
            else "",
            f"{_count(self.waiting, 'body', 'bodies')} on the way to the database" if self.waiting else "",
            f"{KEPT_FILE}, until a gateway has written it again" if self.is_kept else "",
        ]
        return " and ".join(part for part in parts if part)

    def members(self) -> dict[str, object]:
        """For programs."""
        return {
            "id": self.master_key,
            "seals": self.is_first,
            "known": self.is_known,
            "needed": self.is_needed,
            "credentials": self.credentials,
            "refresh_tokens": self.refresh_tokens,
            "bodies": self.bodies,
            "bodies_until": _render(self.bodies_until) if self.bodies else None,
            "waiting_bodies": self.waiting,
            "kept_configuration": self.is_kept,
        }


def find_needs(engine: Engine, keyring: Keyring, data_dir: Path) -> list[Needs]:
    """What needs which key: those of the keyring in its order, then those that it lacks."""
    credentials, bodies, waiting = count_secrets(engine), count_bodies(engine), _count_waiting(engine, data_dir)
    kept, tokens = find_kept_keys(keyring, data_dir), count_tokens(engine)
    known = [key.id for key in keyring.keys]
    strange = sorted({*credentials, *bodies, *tokens, *waiting, *kept}.difference(known))
    return [
        Needs(
            master_key,
            master_key == keyring.sealing.id,
            master_key in known,
            credentials.get(master_key, 0),
            tokens[master_key],
            *bodies.get(master_key, _NOTHING),
            waiting[master_key],
            master_key in kept,
        )
        for master_key in (*known, *strange)
    ]


def find_kept_keys(keyring: Keyring, data_dir: Path) -> frozenset[str]:
    """The master keys that the configuration needs which is kept for a start without the database; SealError."""
    try:
        return find_master_keys(Sealer(keyring), data_dir)
    except SealError:
        return frozenset()  # nothing can be done with it any more


def _count_waiting(engine: Engine, data_dir: Path) -> Counter[str]:
    """The bodies in this machine's journals that the database doesn't have yet, by their master keys."""
    writer, found = AuditWriter(engine), Counter[str]()
    instance, journals = read_instance(data_dir), data_dir / JOURNAL_FOLDER
    for folder in sorted(journals.iterdir()) if instance is not None and journals.is_dir() else ():
        left_open = [parse_body(payload) for kind, payload, _ in recover(folder).unsealed if kind == Kind.BODY]
        found.update(master_key_of(body.octets) for body in left_open)
        follower = Follower(folder, *writer.where(f"{instance}/{folder.name}"))
        while batches := follower.read():
            found.update(master_key_of(body.octets) for batch in batches for body in batch.bodies)
    return found


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


def _render(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")
