"""After a rotation: what older master keys have sealed is sealed anew, and those that nothing needs may go."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exeat.config.kept import KEPT_FILE
from exeat.model.sealed import master_key_of
from exeat.model.stored import vault_context
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.configuration.revisions import list_revisions
from exeat.store.configuration.stored import read_stored
from exeat.vault.keyring import Keyring, parse_keyring
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer
from tests.end_to_end.test_configuration_in_database import Caller, add_key, database_of
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave, edit, recorded_in, run_here

SECRET = MARKERS.make("secret in the vault")
MANY = 250  # more than one edit's


def fill(folder: Path, origin: Origin, key: MadeKey, *, others: int = 0) -> str:
    """An upstream with a secret whose bodies are kept, a consumer, and other secrets; the id of the master key."""
    keyring = open_keyring(None, folder, folder / "exeat-data")
    credential = {"kind": "bearer", "secret": SECRET}
    with database_of(folder) as engine, editing(engine, Author("test"), now_us=1, sealer=Sealer(keyring)) as change:
        change.put("upstream", "api", origin.entry(credential=credential, bodies={"request": "1KiB"}))
        change.put("consumer", "web", {"grants": ["api"]})
        add_key(change, key)
        for number in range(others):
            change.put("upstream", f"more-{number:03}", origin.entry(credential=credential, hosts=[f"h{number}.test"]))
    return keyring.sealing.id


def keep_first_key(folder: Path) -> None:
    """Take all keys but the first out of the keyring."""
    file = folder / "exeat-data" / "keyring"
    file.write_text(parse_keyring(file.read_text()).sealing.reveal())


def reseal(folder: Path) -> tuple[int, dict[str, object], dict[str, dict[str, object]]]:
    """Run the command: its exit code, what it says, and what it says of each key."""
    result = run_here(folder, "keyring", "reseal", "--json")
    said = json.loads(result.stdout)
    return result.returncode, said, {one["id"]: one for one in said["keys"]}


def master_keys(folder: Path) -> set[str]:
    """The master keys that the credentials need."""
    with database_of(folder) as engine:
        return {master_key_of(sealed) for sealed in read_stored(engine).vault.values()}


def test_a_rotation_is_finished(tmp_path: Path) -> None:
    """Credentials and what is kept for a start are sealed anew; bodies need the old key until they go."""
    key = make_key()
    with Origin(behave) as origin:
        old = fill(tmp_path, origin, key)
        with Gateway("{}", folder=tmp_path) as gateway:
            with RawCaller(gateway.port) as caller:
                assert caller.call("POST", "/api/fine", f"Exeat-Key: {key.key}", body=b"abc").status == 200
            wait_until(lambda: len(bodies_in(tmp_path)) == 1, "the body is in the database")
            said = run_here(tmp_path, "keyring", "rotate").stdout
            assert "`exeat keyring reseal`" in said
            new = said.partition(" ")[0]
        with Gateway("{}", folder=tmp_path) as gateway:
            code, said_all, keys = reseal(tmp_path)
            assert (code, said_all["resealed"], said_all["failed"]) == (0, ["api.credential.secret"], [])
            assert master_keys(tmp_path) == {new}
            assert (keys[new]["seals"], keys[new]["credentials"]) == (True, 1)
            assert (keys[old]["needed"], keys[old]["bodies"], keys[old]["credentials"]) == (True, 1, 0)
            assert keys[old]["kept_configuration"] is False
            assert f"{old} is needed by 1 body, the last until" in run_here(tmp_path, "keyring", "reseal").stdout
            edit(tmp_path / "exeat-data" / "exeat.db", "DELETE FROM bodies")
            assert f"Not needed any more: {old}." in run_here(tmp_path, "keyring", "reseal").stdout
            assert Caller(gateway, key).status() == 200
        keep_first_key(tmp_path)
        (tmp_path / "exeat-data" / "exeat.db").write_bytes(b"")  # and by what was kept
        with Gateway("{}", {"EXEAT_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, folder=tmp_path) as gateway:
            assert Caller(gateway, key).status() == 200
            assert origin.requests[-1].values("authorization") == [f"Bearer {SECRET}"]


def bodies_in(folder: Path) -> list[bytes]:
    """The sealed bodies in the database."""
    with closing(sqlite3.connect(folder / "exeat-data" / "exeat.db")) as connection:
        return [row[0] for row in connection.execute("SELECT sealed FROM bodies")]


def test_many_are_sealed_in_parts(tmp_path: Path) -> None:
    """A part is one revision with a record for each credential; versions stay; the second time, nothing is done."""
    with Origin(behave) as origin:
        fill(tmp_path, origin, make_key(), others=MANY)
    run_here(tmp_path, "keyring", "rotate")
    code, said, _ = reseal(tmp_path)
    assert code == 0
    assert len(said["resealed"]) == MANY + 1  # type: ignore[arg-type]
    with database_of(tmp_path) as engine:
        revisions = [one for one in list_revisions(engine) if one.why == "exeat keyring reseal"]
        assert [len(one.changes) for one in revisions] == [51, 100, 100]
        assert {change.action for one in revisions for change in one.changes} == {"reseal"}
        assert {change.after["version"] for one in revisions for change in one.changes} == {1}
    assert reseal(tmp_path)[1]["resealed"] == []
    with Gateway("{}", folder=tmp_path):
        wait_until(lambda: len(resealed_records(tmp_path)) == MANY + 1, "each has its record")


def resealed_records(folder: Path) -> list[object]:
    """The records of credentials that were sealed anew."""
    records = map(json.loads, recorded_in(folder / "exeat-data" / "exeat.db"))
    return [record for record in records if record.get("action") == "reseal"]


def test_what_was_stopped_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that was made stays made; the next call does the rest."""
    with Origin(behave) as origin:
        fill(tmp_path, origin, make_key(), others=MANY)
    run_here(tmp_path, "keyring", "rotate")
    sealed = 0

    class Dying(Sealer):
        def seal(self, plaintext: bytes, context: bytes) -> bytes:
            nonlocal sealed
            sealed += 1
            if sealed > 120:
                raise OSError("the machine stops")
            return super().seal(plaintext, context)

    monkeypatch.setattr("exeat.cli.resealing.Sealer", Dying)
    assert run_here(tmp_path, "keyring", "reseal").returncode == 1
    assert len(master_keys(tmp_path)) == 2
    monkeypatch.undo()
    assert len(reseal(tmp_path)[1]["resealed"]) == MANY + 1 - 100  # type: ignore[arg-type]
    assert len(master_keys(tmp_path)) == 1


def test_what_does_not_open_is_named(tmp_path: Path) -> None:
    """A credential whose master key is gone is named, the others are sealed anew, and the exit code says so."""
    with Origin(behave) as origin:
        fill(tmp_path, origin, make_key())
    strange = Keyring(*parse_keyring((tmp_path / "exeat-data" / "keyring").read_text()).keys)
    run_here(tmp_path, "keyring", "rotate")
    keep_first_key(tmp_path)
    ours = parse_keyring((tmp_path / "exeat-data" / "keyring").read_text())
    edit(
        tmp_path / "exeat-data" / "exeat.db",
        "INSERT INTO secrets VALUES ('fine', ?, 1, 1, 'test', 1)",
        Sealer(ours).seal(b"x", vault_context("fine")),
    )
    run_here(tmp_path, "keyring", "rotate")
    result = run_here(tmp_path, "keyring", "reseal")
    assert result.returncode == 1
    assert "1 credential is sealed anew" in result.stdout
    assert f"{strange.sealing.id} is needed by 1 credential, and is not in the keyring." in result.stdout
    assert "the credential 'api.credential.secret' can't be sealed anew: The value is sealed under" in result.stderr
    assert not (tmp_path / "exeat-data" / KEPT_FILE).exists()


def test_without_a_database(tmp_path: Path) -> None:
    """Where there is no database, nothing is made, and a sentence says where one may be."""
    open_keyring(None, tmp_path, tmp_path / "exeat-data")
    result = run_here(tmp_path, "keyring", "reseal")
    assert (result.returncode, result.stdout) == (1, "")
    assert "There is no database in" in result.stderr
    assert [path.name for path in (tmp_path / "exeat-data").iterdir()] == ["keyring"]
