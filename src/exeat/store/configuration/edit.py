"""An edit: everything that changes the configuration together, in one transaction and under one number.

Rule 1: edits follow one another, whichever instance makes them: each sees what the one before has made.
Rule 2: what changes nothing has no revision.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from exeat.model.by_hand import HandState
from exeat.model.secret import Secret
from exeat.model.stored import Stored
from exeat.store.configuration import endpoints, keys, objects, staff, vault
from exeat.store.configuration.author import Author
from exeat.store.configuration.keep import KEEP, Kept
from exeat.store.configuration.notice import notify
from exeat.store.configuration.revisions import last_number, write_revision
from exeat.store.configuration.serial import serialise, set_aside, taking_turns
from exeat.store.configuration.stored import Mark, Memory
from exeat.store.configuration.work import Change, Sealing, Work
from exeat.store.database import writing

_memory = Memory()


class Edit:
    """An edit in its transaction, from `editing`. Times are in µs since 1970, versions are revisions' numbers.

    NotFoundError, ExistsError, StaleError, ConflictError or InvalidError say why something isn't done; whoever catches
    one and goes on keeps the rest of the edit.
    """

    __slots__ = ("_seen", "_work")

    def __init__(self, work: Work) -> None:
        self._work = work
        self._seen: tuple[list[Change], Stored] | None = None

    @property
    def connection(self) -> Connection:
        """The transaction."""
        return self._work.connection

    @property
    def revision(self) -> int:
        """The number that this edit gets; that of the last one while nothing is changed."""
        return self._work.last + (1 if self._work.changes else 0)

    @property
    def changes(self) -> list[Change]:
        """What is changed so far, without secrets: at most one change of each thing."""
        return list(self._work.changes.values())

    def stored(self) -> Stored:
        """The database's part of the configuration as it would be after this edit."""
        stored = _memory.read(self._work.connection, self.revision, list(self._work.changes))
        self._seen = self.changes, stored
        return stored

    def remember(self, engine: Engine) -> None:
        """Note what is kept, if that is what was seen last: the next edit is based on it."""
        if self._seen is not None and self._seen[0] == self.changes and self.changes:
            _memory.note(engine, Mark(self.revision, self._work.now_us), self._seen[1])

    def aside(self) -> AbstractContextManager[None]:
        """A while in which the transaction isn't used, and holds up nobody but other edits.

        StaleError at its end if there was another edit all the same.
        """
        return set_aside(self._work)

    def put(self, kind: str, name: str, data: Any, *, version: int | None = None, create: bool = False) -> int:
        """Write an upstream, consumer, destination or section; its version.

        A secret that is written into an upstream is sealed in the vault, as in `github.credential.secret`, and a
        reference takes its place. `version` is the one that has to be there, with `create` none may be.
        """
        return objects.put_object(self._work, kind, name, data, version=version, create=create)

    def remove(self, kind: str, name: str, *, version: int | None = None) -> None:
        """Remove an object; the keys of a consumer are revoked, the secrets that were written into an upstream go."""
        objects.remove_object(self._work, kind, name, version=version)

    def restore(self, kind: str, name: str, data: Any) -> None:
        """Make an object what it was at another time; None removes it, if it is there."""
        objects.restore_object(self._work, kind, name, data)

    def add_key(
        self,
        *,
        id: str,  # noqa: A002 - what a key calls it everywhere
        sha256: str,
        consumer: str,
        label: str = "",
        expires_at: int | None = None,
        networks: Sequence[str] = (),
        limits: Sequence[Mapping[str, Any]] = (),
        replaces: str | None = None,
    ) -> None:
        """Make a key of a consumer known, whichever source that is written in."""
        keys.add_key(self._work, keys.FreshKey(id, sha256, consumer, label, expires_at, networks, limits, replaces))

    def change_key(
        self,
        key_id: str,
        *,
        expires_at: int | Kept | None = KEEP,
        networks: Sequence[str] | Kept = KEEP,
        limits: Sequence[Mapping[str, Any]] | Kept = KEEP,
        label: str | Kept = KEEP,
        version: int | None = None,
    ) -> None:
        """Change what is said of a key."""
        keys.change_key(
            self._work,
            key_id,
            expires_at=expires_at,
            networks=networks,
            limits=limits,
            label=label,
            version=version,
        )

    def revoke_key(self, key_id: str) -> None:
        """Take a key back, for good."""
        keys.revoke_key(self._work, key_id)

    def expire_key(self, key_id: str, at: int) -> None:
        """Let a key end at a time, unless it ends before: the grace of a rotation."""
        keys.expire_key(self._work, key_id, at)

    def set_secret(self, name: str, value: Secret) -> int:
        """Seal a value for `${vault:NAME}`; its version, which stays where the value is the same."""
        return vault.put_secret(self._work, name, value)

    def reseal_secret(self, name: str) -> None:
        """Seal a value anew, under the keyring's first key; SealError if it doesn't open."""
        vault.reseal_secret(self._work, name)

    def remove_secret(self, name: str) -> None:
        """Remove a value; ConflictError, which names them, while objects refer to it."""
        vault.remove_secret(self._work, name)

    def hold_endpoint(self, upstream: str, endpoint: str, state: HandState, ends_at: int | None = None) -> None:
        """Trip or drain an endpoint, until a time or for good."""
        endpoints.hold_endpoint(self._work, upstream, endpoint, state, ends_at)

    def restore_endpoint(self, upstream: str, endpoint: str) -> None:
        """Take back what was said of an endpoint, if anything was."""
        endpoints.restore_endpoint(self._work, upstream, endpoint)

    def reset_endpoint(self, upstream: str, endpoint: str) -> None:
        """As `restore_endpoint`, and have everybody forget what calls of it have brought."""
        endpoints.reset_endpoint(self._work, upstream, endpoint)

    def put_administrator(
        self,
        name: str,
        *,
        role: str,
        password: str | Kept | None = KEEP,
        disabled: bool = False,
        version: int | None = None,
        create: bool = False,
    ) -> int:
        """Make or change an administrator; `password` is an Argon2 hash. Another one ends all sessions."""
        return staff.put_administrator(
            self._work, name, role=role, password=password, disabled=disabled, version=version, create=create
        )

    def remove_administrator(self, name: str, *, version: int | None = None) -> None:
        """Remove an administrator, who isn't the last one, with sessions and tokens."""
        staff.remove_administrator(self._work, name, version=version)

    def add_token(
        self,
        *,
        id: str,  # noqa: A002 - what a token calls it everywhere
        sha256: str,
        administrator: str,
        role: str,
        label: str = "",
        expires_at: int | None = None,
    ) -> None:
        """Make a token of an administrator known."""
        staff.add_token(self._work, staff.FreshToken(id, sha256, administrator, role, label, expires_at))

    def revoke_token(self, token_id: str) -> None:
        """Take a token back, for good."""
        staff.revoke_token(self._work, token_id)


@contextmanager
def editing(engine: Engine, author: Author, *, now_us: int, sealer: Sealing | None = None) -> Iterator[Edit]:
    """An edit, kept at the end with its revision; an exception leaves everything as it was."""
    with taking_turns(engine), writing(engine) as connection:
        serialise(connection)
        work = Work(connection, author, now_us, sealer, last_number(connection))
        edit = Edit(work)
        yield edit
        if work.changes:
            write_revision(work)
            notify(connection, edit.revision)
    edit.remember(engine)
