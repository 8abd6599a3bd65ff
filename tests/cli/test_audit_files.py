"""`exeat audit export`, `verify` and `prune`, and databases that can't be read: beside a gateway that has ended."""

import csv
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyarrow import parquet

from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from tests.store.made import Chain, make_record
from tests.support.gateway import EXEAT, environment, wait_until
from tests.support.recorded import Recorded, database_of, edit, recorded, recorded_in, run_here

FORMS = ("jsonl", "csv", "parquet")
NEVER = "2001-01-01"


@pytest.fixture(scope="module")
def ended() -> Iterator[Recorded]:
    """A trail of every kind of record, whose gateway has ended."""
    with recorded() as place:
        place.gateway.stop()
        yield place


@pytest.fixture
def folder(ended: Recorded, tmp_path: Path) -> Path:
    """A copy of what it has left, without the journals: all of them is in the database."""
    ignored = shutil.ignore_patterns("journal")
    shutil.copytree(ended.gateway.folder / "exeat-data", tmp_path / "exeat-data", ignore=ignored)
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    return tmp_path


def audit(folder: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run `exeat audit`."""
    return run_here(folder, "audit", *arguments, said=said)


def bodies_in(file: Path) -> list[bytes]:
    """The records in an export, byte for byte."""
    if file.suffix == ".jsonl":
        lines = [line for line in file.read_bytes().splitlines() if not line.startswith(b'{"seal":')]
        return [line.partition(b',"record":')[2].removesuffix(b"}") for line in lines]
    rows = parquet.read_table(file).to_pylist() if file.suffix == ".parquet" else _rows_of(file)
    return [row["record"].encode() for row in rows if row["type"] == "record"]


def _rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


# Export


@pytest.mark.parametrize("form", FORMS)
def test_an_export_of_everything(folder: Path, form: str) -> None:
    """A file holds every record byte for byte, is its owner's alone, verifies by itself, and nothing lies beside it."""
    result = audit(folder, "export", f"trail.{form}")
    everything = recorded_in(database_of(folder))
    file = folder / f"trail.{form}"
    assert result.returncode == 0
    assert result.stdout.startswith(f"{len(everything)} records in trail.{form}, sealed by ")
    assert sorted(bodies_in(file)) == sorted(everything)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} == {"exeat-data", "exeat.yaml", file.name}
    verified = audit(folder, "verify", file.name)
    assert verified.returncode == 0
    assert f"Verified: {len(everything)} records" in verified.stdout


@pytest.mark.parametrize("form", FORMS)
def test_an_export_of_some(folder: Path, ended: Recorded, form: str) -> None:
    """An export of chosen records holds those alone, says that it has no seals, and can't be verified."""
    result = audit(folder, "export", f"some.{form}", "--consumer", "guest", "--outcome", "failed")
    assert result.stdout == f"1 records in some.{form}, without seals: batches were asked for in part.\n"
    [body] = bodies_in(folder / f"some.{form}")
    assert json.loads(body)["id"] == ended.ids["broken"]
    verified = audit(folder, "verify", f"some.{form}")
    assert (verified.returncode, verified.stdout) == (1, "")
    assert "holds no seals" in verified.stderr


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_edited_export(folder: Path, form: str) -> None:
    """An export in which a letter was changed doesn't verify, and the batch is named."""
    file = folder / f"trail.{form}"
    audit(folder, "export", file.name)
    file.write_bytes(file.read_bytes().replace(b"/missing", b"/mislaid"))
    verified = audit(folder, "verify", file.name)
    assert verified.returncode == 1
    assert "batch" in verified.stderr.lower()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trail of which an export takes a while, and more than the smallest limit of a file's size."""
    folder = tmp_path_factory.mktemp("long")
    database_of(folder).parent.mkdir()
    engine = open_database(f"sqlite:///{database_of(folder)}")
    migrate(engine)
    chain = Chain()
    for _ in range(10):
        begin = chain.state.record
        records = [make_record(begin + n, path="/" + secrets.token_hex(400)) for n in range(200)]
        AuditWriter(engine).write([chain.seal(*records)])
    engine.dispose()
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_an_export_without_room(long: Path, form: str) -> None:
    """Where a file can't be written whole there is none, what stood there before stays, and one line says why."""
    file = long / f"trail.{form}"
    file.write_bytes(b"an earlier one")
    # 512 KiB: SQLite's own files are shorter than that, the export isn't.
    limited = ["sh", "-c", 'ulimit -f 1024; exec "$@"', "sh", *EXEAT, "audit", "export", file.name]
    done = subprocess.run(limited, cwd=long, env=environment({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr == f"exeat: {file.name} can't be written: File too large\n"
    assert file.read_bytes() == b"an earlier one"
    assert not list(long.glob("*.part"))


@pytest.mark.parametrize("form", FORMS)
def test_an_interrupted_export(long: Path, form: str) -> None:
    """Ctrl-C leaves the whole file or none: the name appears when everything is written."""
    file, part = long / f"cut.{form}", long / f"cut.{form}.part"
    command = [*EXEAT, "audit", "export", file.name]
    process = subprocess.Popen(command, cwd=long, env=environment({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: part.exists() or process.poll() is not None, "it has begun")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors == b""
    assert not part.exists()
    if process.returncode == 0:  # it was faster
        assert len(bodies_in(file)) == 2000
    else:
        assert process.returncode == 1
        assert not file.exists()


def test_an_export_to_nowhere(folder: Path) -> None:
    """A folder that isn't there, or a folder in place of the file, is exit code 2 and one line."""
    (folder / "taken.csv").mkdir()
    for file, why in (("no/trail.csv", "No such file or directory"), ("taken.csv", "Is a directory")):
        result = audit(folder, "export", file)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"exeat: {file} can't be written: {why}\n"
    assert not list(folder.glob("*.part"))


def test_what_lies_in_the_way_is_not_written_to(folder: Path) -> None:
    """A link that somebody has put where the part would be written isn't followed."""
    victim = folder / "victim"
    victim.write_text("precious")
    (folder / "trail.csv.part").symlink_to(victim)
    assert audit(folder, "export", "trail.csv").returncode == 0
    assert victim.read_text() == "precious"
    assert not (folder / "trail.csv").is_symlink()


# Verify


def test_a_trail_that_is_right(folder: Path) -> None:
    """Exit code 0, a line for each chain, and what --json prints are heads to compare with later."""
    result = audit(folder, "verify")
    count = len(recorded_in(database_of(folder)))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == (
        f"Verified: {count} records in 2 chains; none was edited, removed or inserted."
    )
    told = json.loads(audit(folder, "verify", "--json").stdout)
    assert told["verified"] is True
    assert [chain["chain"].partition("/")[2] for chain in told["chains"]] == ["control", "worker-1"]
    assert sum(chain["records"] for chain in told["chains"]) == count
    (folder / "heads.json").write_text(json.dumps(told))
    assert audit(folder, "verify", "--heads", "heads.json").returncode == 0
    assert audit(folder, "verify", "--since", "1h").returncode == 0
    assert "Verified: 0 records in 0 chains" in audit(folder, "verify", "--until", NEVER).stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE records SET body = replace(CAST(body AS TEXT), 'missing', 'mislaid') WHERE id = ?", "was edited"),
        ("UPDATE records SET consumer = 'somebody' WHERE id = ?", "The columns of record"),
        ("DELETE FROM records WHERE id = ?", "removed"),
    ],
    ids=["body", "column", "removed"],
)
def test_an_edited_database(folder: Path, ended: Recorded, statement: str, said: str) -> None:
    """Exit code 1 and one line that names the batch or record; with --json as members."""
    identifier = ended.ids["missing"]
    database = database_of(folder)
    number = next(n for n, body in _numbered(database) if json.loads(body)["id"] == identifier)
    assert edit(database, statement, identifier) == 1
    result = audit(folder, "verify")
    assert result.returncode == 1
    assert "Verified" not in result.stdout
    assert result.stderr.count("\n") == 1
    assert f"ecord {number}" in result.stderr or f"atch {number}" in result.stderr, result.stderr
    assert said in result.stderr
    told = json.loads(audit(folder, "verify", "--json").stdout)
    assert told["verified"] is False
    [fault] = [chain["fault"] for chain in told["chains"] if chain["fault"]]
    assert fault["record"] in {number, None}


def test_names_that_somebody_has_made_up(folder: Path) -> None:
    """What a database holds in place of a chain's name reaches a terminal as text that can be printed."""
    edit(database_of(folder), "UPDATE seals SET chain = ? WHERE chain LIKE '%worker-1'", "\x1b[31mred\x9b2J")
    result = audit(folder, "verify")
    assert result.returncode == 1
    assert "?[31mred?2J" in result.stdout + result.stderr
    assert (result.stdout + result.stderr).replace("\n", "").isprintable()


def _numbered(database: Path) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.execute("SELECT number, body FROM records WHERE chain LIKE '%worker-1'"))


def test_a_chain_that_was_cut(folder: Path) -> None:
    """A chain whose end was removed without a trace verifies alone, but not against heads that were kept elsewhere."""
    (folder / "heads.json").write_text(audit(folder, "verify", "--json").stdout)
    database = database_of(folder)
    last = "(SELECT max(first) FROM seals WHERE chain LIKE '%worker-1')"
    assert edit(database, f"DELETE FROM records WHERE chain LIKE '%worker-1' AND number >= {last}") >= 1  # noqa: S608 - ours
    assert edit(database, f"DELETE FROM seals WHERE chain LIKE '%worker-1' AND first = {last}") == 1  # noqa: S608 - ours
    newest = "(SELECT {} FROM seals WHERE chain LIKE '%worker-1' ORDER BY number DESC LIMIT 1)"
    places = ", ".join(
        f"{name} = {newest.format(value)}"
        for name, value in (("batch", "number"), ("record", "first + size - 1"), ("hash", "hash"))
    )
    edit(database, "UPDATE chains SET " + places + " WHERE chain LIKE '%worker-1'")  # noqa: S608 - ours
    assert audit(folder, "verify").returncode == 0
    result = audit(folder, "verify", "--heads", "heads.json")
    assert result.returncode == 1
    assert "isn't the one that an earlier verification saw" in result.stderr


# Prune


def test_prune_asks(folder: Path) -> None:
    """Without a clear yes nothing is removed, and the exit code says so."""
    before = recorded_in(database_of(folder))
    for said in ("", "y\n", "no\n"):
        result = audit(folder, "prune", "--before", "2100-01-01", said=said)
        assert (result.returncode, result.stdout) == (1, "Nothing was removed.\n")
        assert result.stderr == "Remove every record from before 2100-01-01 (00:00 UTC) for good? Type yes: "
    assert recorded_in(database_of(folder)) == before
    assert not (folder / "exeat-data" / "journal" / "cli").exists()


def test_pruning_leaves_a_record(ended: Recorded) -> None:
    """What was pruned is gone, what remains verifies, and once a gateway has run, a record says so."""
    gateway, folder = ended.gateway, ended.gateway.folder
    kept = shutil.copytree(folder / "exeat-data", folder / "kept")
    try:
        result = audit(folder, "prune", "--before", "2100-01-01", said="yes\n")
        said = "records from before 2100-01-01 (00:00 UTC) were removed; the gateway moves the record of that into "
        assert (result.returncode, result.stdout.partition(" ")[2]) == (0, f"{said}the trail.\n")
        assert recorded_in(database_of(folder)) == []
        verified = audit(folder, "verify")
        assert verified.returncode == 0
        assert verified.stdout.count("; no record says so") == 2
        gateway.start()
        gateway.stop()
        verified = audit(folder, "verify")
        assert (verified.returncode, verified.stdout.count("; no record says so")) == (0, 0)
        [record] = map(json.loads, audit(folder, "search", "--json", "--where", "action=prune").stdout.splitlines())
        assert (record["actor"], record["object"], record["after"]["records"]) == ("cli", "audit/records", 10)
        assert audit(folder, "prune", "--before", NEVER, "--yes").stdout.startswith("0 records from before ")
    finally:
        shutil.rmtree(folder / "exeat-data")
        kept.rename(folder / "exeat-data")


def test_a_day_that_is_not_over_stays(ended: Recorded) -> None:
    """Records go by whole days of UTC: the answer says up to which midnight, also where nothing is older."""
    folder = ended.gateway.folder
    kept = shutil.copytree(folder / "exeat-data", folder / "kept")
    try:
        before = recorded_in(database_of(folder))
        day = str(json.loads(before[0])["time"])[:10]
        result = audit(folder, "prune", "--before", f"{day}T23:59:59Z", "--yes")
        assert result.returncode == 0
        assert result.stdout.startswith(f"0 records from before {day} (00:00 UTC) were removed; ")
        assert recorded_in(database_of(folder)) == before
    finally:
        shutil.rmtree(folder / "exeat-data")
        kept.rename(folder / "exeat-data")


def test_a_prune_that_cannot_be_recorded_is_not_made(folder: Path) -> None:
    """Where its record can't be kept, nothing is removed."""
    before = recorded_in(database_of(folder))
    command = [*EXEAT, "audit", "prune", "--before", "2100-01-01", "--yes"]
    limited = ["sh", "-c", 'ulimit -f 512; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=folder, env=environment({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("exeat: The change can't be recorded in ")
    assert done.stderr.endswith(", so it isn't made: File too large\n")
    (folder / "exeat-data" / "instance").write_text("nobody\n")
    result = audit(folder, "prune", "--before", "2100-01-01", "--yes")
    assert (result.returncode, result.stdout) == (1, "")
    assert "so it isn't made: EXEAT_DATA_DIR: " in result.stderr
    assert recorded_in(database_of(folder)) == before


# Databases


READING = [
    ("audit", "search"),
    ("audit", "tail"),
    ("audit", "export", "trail.csv"),
    ("audit", "verify"),
    ("audit", "prune", "--before", "1d", "--yes"),
    ("audit", "body", "01a2"),
    ("usage",),
]


def expect_refusal(folder: Path, said: str, env: dict[str, str] | None = None) -> None:
    """Every command that reads says the same in one line, with exit code 1, and leaves nothing behind."""
    before = sorted(folder.rglob("*"))
    for arguments in READING:
        result = run_here(folder, *arguments, env=env)
        assert (result.returncode, result.stdout) == (1, ""), arguments
        assert result.stderr.count("\n") == 1
        assert said in result.stderr, result.stderr
    assert not {path.name for path in set(folder.rglob("*")) - set(before)} & {"trail.csv", "trail.csv.part", "journal"}


def test_no_database_yet(tmp_path: Path) -> None:
    """Before a gateway has run, that is said, and no database is made."""
    expect_refusal(tmp_path, f"There are no records in {tmp_path}/exeat-data yet: start the gateway there")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database(tmp_path: Path) -> None:
    """A file that is no database is called damaged."""
    database_of(tmp_path).parent.mkdir()
    database_of(tmp_path).write_bytes(os.urandom(16384))
    expect_refusal(tmp_path, "is damaged: move it away and restore a copy, or start with a new one")


def test_a_database_of_a_newer_version(folder: Path) -> None:
    """A database whose tables are of a later step is left to the version that knows them."""
    edit(database_of(folder), "UPDATE alembic_version SET version_num = '9999'")
    expect_refusal(folder, "was made by a newer Exeat (its tables are of step 9999, this version knows up to ")


def test_a_database_of_an_older_version(folder: Path) -> None:
    """A database whose tables are of an earlier step is for the gateway to bring up to date, not for who reads."""
    edit(database_of(folder), "UPDATE alembic_version SET version_num = '0001'")
    expect_refusal(folder, "hasn't the tables of this version yet: start the gateway, it makes them")


@pytest.mark.parametrize("url", ["mysql://a:b@c/d", "nonsense"])
def test_a_database_that_cannot_be(tmp_path: Path, url: str) -> None:
    """A URL of another database than Exeat knows is a wrong setting to every command; it isn't shown."""
    for arguments in READING:
        result = run_here(tmp_path, *arguments, env={"EXEAT_DATABASE_URL": url})
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == (
            "exeat: EXEAT_DATABASE_URL: write postgresql://user:password@host/name, or sqlite:////path/of/exeat.db\n"
        )
