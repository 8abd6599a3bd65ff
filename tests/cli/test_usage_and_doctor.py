"""`exeat usage` and `exeat doctor`: what was used, and what would stop a gateway from working."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exeat.journal.segments import path_of
from tests.support.postgres import postgres
from tests.support.recorded import Recorded, database_of, edit, recorded, run_here

Entry = dict[str, object]
CODES = ("key-missing", "grant-missing", "connect-failed")
COLUMNS = ("attempts", "p50", "p95", "p99", "cost")


@pytest.fixture(scope="module")
def place() -> Iterator[Recorded]:
    """A trail of every kind of record, whose gateway has ended."""
    with recorded() as place:
        place.gateway.stop()
        yield place


@pytest.fixture
def folder(place: Recorded, tmp_path: Path) -> Path:
    """A copy of what it has left, without the journals."""
    ignored = shutil.ignore_patterns("journal")
    shutil.copytree(place.gateway.folder / "exeat-data", tmp_path / "exeat-data", ignore=ignored)
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    return tmp_path


def usage(place: Recorded, *arguments: str) -> list[Entry]:
    """What `exeat usage --json` prints."""
    result = run_here(place.gateway.folder, "usage", "--json", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    found: list[Entry] = json.loads(result.stdout)
    return found


def counted(found: list[Entry], *names: str) -> dict[tuple[object, ...], object]:
    """The number of requests by labels."""
    return {tuple(entry[name] for name in names): entry["requests"] for entry in found}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("consumer", {("web",): 5, ("guest",): 2, ("",): 1}),
        ("upstream", {("api",): 6, ("gone",): 1, ("",): 1}),
        ("consumer,upstream", {("web", "api"): 5, ("guest", "api"): 1, ("guest", "gone"): 1, ("", ""): 1}),
        ("status_class", {(2,): 3, (4,): 3, (5,): 1, (0,): 1}),
        ("error", {("",): 5, **{(code,): 1 for code in CODES}}),
        (" answered , error ", {("upstream", ""): 4, ("gateway", ""): 1, **{("gateway", code): 1 for code in CODES}}),
        ("", {(): 8}),
    ],
)  # fmt: skip
def test_each_way_to_count(place: Recorded, by: str, expected: dict[tuple[object, ...], int]) -> None:
    """Requests are counted by whatever is asked for, each exchange once, and changes not at all."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    found = usage(place, "--by", by)
    assert counted(found, *names) == expected


def test_what_is_counted(place: Recorded) -> None:
    """Errors, bytes, attempts and durations are those of the records."""
    [entry] = usage(place, "--by", "")
    records = [json.loads(line) for line in place.gateway.stdout().splitlines()]
    assert entry["errors"] == 4  # the 404 of the upstream and three of the gateway's own
    assert entry["attempts"] == sum(len(record["attempts"]) for record in records)
    assert entry["bytes_in"] == sum(record["bytes_in"] for record in records)
    assert entry["bytes_out"] == sum(record["bytes_out"] for record in records)
    longest = max(record["duration_ms"] for record in records)
    assert 0 < float(str(entry["p50_ms"])) <= float(str(entry["p99_ms"])) <= longest * 1.02 + 0.01
    assert entry["cost"] == {}


def test_a_range_and_its_steps(place: Recorded) -> None:
    """Only what was used in the range is counted; in steps each has its beginning, and all add up."""
    assert usage(place, "--until", "2001-01-01", "--since", "2000-01-01") == []
    steps = usage(place, "--by", "", "--steps", "--since", "1h")
    assert sum(int(str(step["requests"])) for step in steps) == 8
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:00Z", str(step["start"])) for step in steps)


def test_usage_for_people(place: Recorded) -> None:
    """A table with a head, a line for each group, and a word where there is nothing."""
    text = run_here(place.gateway.folder, "usage", "--by", "consumer").stdout
    head, *lines = text.splitlines()
    assert head.split() == [*("consumer", "requests", "errors", "bytes", "in", "bytes", "out"), *COLUMNS]
    assert [line.split()[:3] for line in lines] == [["web", "5", "1"], ["guest", "2", "2"], ["-", "1", "1"]]
    nothing = run_here(place.gateway.folder, "usage", "--since", "2000-01-01", "--until", "2001-01-01").stdout
    assert nothing == "Nothing was used in that time.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--by", "consumr"],
            "--by consumr: usage isn't counted by that; did you mean 'consumer'?; instance, consumer",
        ),
        (["--by", "consumer,path"], "--by path: usage isn't counted by that"),
        (["--by", "facet"], "--by facet: usage isn't counted by that"),
        (["--since", "soon"], "'soon' is no time; write 15m, 6h or 30d (ago)"),
        (["--until", "2026"], "'2026' is no time"),
    ],
)
def test_wrong_usage(place: Recorded, arguments: list[str], said: str) -> None:
    """What can't be counted by is exit code 2 and one line that says what can."""
    result = run_here(place.gateway.folder, "usage", *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"exeat: {said}"), result.stderr


# Doctor


def examined(folder: Path, env: dict[str, str] | None = None) -> tuple[int, dict[str, tuple[str, str]]]:
    """What `exeat doctor --json` finds: the exit code, and state and sentence by name."""
    result = run_here(folder, "doctor", "--json", env=env)
    assert result.stderr == ""
    found = {entry["name"]: (entry["state"], entry["sentence"]) for entry in json.loads(result.stdout)}
    return result.returncode, found


def test_a_healthy_gateway(place: Recorded) -> None:
    """Nothing is wrong after a gateway has run, and a person reads one line for each thing that was looked at."""
    folder = place.gateway.folder
    code, found = examined(folder)
    assert {name: state for name, (state, _) in found.items() if state != "fine"} == {}
    assert code == 0
    assert {"document", "trust store", "data directory", "disk", "database", "audit trail", "roll-ups"} == set(found)
    assert re.match(r"\d+ records of the last 2 days are as recorded\.", found["audit trail"][1])
    result = run_here(folder, "doctor")
    assert [line.partition("  ")[0] for line in result.stdout.splitlines()] == ["fine"] * len(found)


def test_before_the_first_start(tmp_path: Path) -> None:
    """A new folder with a document has nothing wrong, and nothing is made in it."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    code, found = examined(tmp_path)
    assert (code, found["data directory"][0], found["database"][0]) == (0, "fine", "fine")
    assert [path.name for path in tmp_path.iterdir()] == ["exeat.yaml"]


def test_a_document_with_problems(folder: Path) -> None:
    """Each problem of the document is named with its place."""
    (folder / "exeat.yaml").write_text("upstreams: {a: {url: 'http://a.example'}}\nnonsense: 1\n")
    result = run_here(folder, "doctor")
    assert result.returncode == 1
    wrong = [line for line in result.stdout.splitlines() if line.startswith("wrong")]
    assert len(wrong) == 2
    assert all(line.startswith("wrong  document: exeat.yaml:") for line in wrong)


def test_a_data_directory_that_is_none(tmp_path: Path) -> None:
    """A file where the directory should be is wrong; one that others may look into is odd."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    (tmp_path / "exeat-data").write_text("a file")
    code, found = examined(tmp_path)
    assert (code, found["data directory"][0]) == (1, "wrong")
    (tmp_path / "exeat-data").unlink()
    (tmp_path / "exeat-data").mkdir()
    (tmp_path / "exeat-data").chmod(0o755)
    code, found = examined(tmp_path)
    assert (code, found["data directory"][0]) == (0, "odd")


def test_no_trust_store(folder: Path) -> None:
    """A trust store that is named and can't be read is a wrong setting, said in one line."""
    result = run_here(folder, "doctor", env={"SSL_CERT_FILE": "nowhere.pem"})
    assert result.returncode in {1, 2}
    assert "SSL_CERT_FILE" in result.stdout + result.stderr


def test_a_database_that_is_away(tmp_path: Path) -> None:
    """A database that can't be reached is wrong, also without a data directory, and no password is shown."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    url = "postgresql://exeat:hush-hush-hush@127.0.0.1:1/exeat"
    code, found = examined(tmp_path, {"EXEAT_DATABASE_URL": url})
    assert (code, found["database"][0]) == (1, "wrong")
    assert "hush" not in found["database"][1]


def test_a_database_without_tables(tmp_path: Path) -> None:
    """A server that can be reached is as fine without tables as with: the gateway makes them at its first start."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {}\n")
    with postgres() as server:
        code, found = examined(tmp_path, {"EXEAT_DATABASE_URL": server.make_database()})
    assert (code, found["database"][0]) == (0, "fine")
    assert found["database"][1] == "it has no tables yet: the gateway makes them at its first start."


def test_a_database_of_an_earlier_version(folder: Path) -> None:
    """Tables of an earlier version are noticed, and no error: the gateway brings them up to date when it starts."""
    edit(database_of(folder), "UPDATE alembic_version SET version_num = '0001'")
    code, found = examined(folder)
    assert (code, found["database"][0]) == (0, "odd")
    assert "the gateway brings them up to this one when it starts" in found["database"][1]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE records SET body = replace(CAST(body AS TEXT), 'missing', 'mislaid')", "audit trail"),
        ("UPDATE rollups SET requests = requests + 1", "roll-ups"),
        ("DELETE FROM rollups", "roll-ups"),
        ("UPDATE alembic_version SET version_num = '9999'", "database"),
    ],
)
def test_a_database_that_was_changed(folder: Path, statement: str, name: str) -> None:
    """Records, roll-ups or tables that aren't what they were are wrong, and the sentence says what to look at."""
    assert edit(database_of(folder), statement)
    code, found = examined(folder)
    assert (code, found[name][0]) == (1, "wrong")
    assert [state for state, _ in found.values()].count("wrong") == 1


def test_a_damaged_database(folder: Path) -> None:
    """A file that is no database is wrong, and everything else is still looked at."""
    for file in database_of(folder).parent.glob("exeat.db*"):
        file.write_bytes(b"this is no database, and too long to be empty" * 400)
    code, found = examined(folder)
    assert (code, found["database"][0], found["disk"][0]) == (1, "wrong", "fine")
    assert "is damaged" in found["database"][1]


def test_journals_that_are_not_moved(folder: Path) -> None:
    """Segments that pile up are wrong: the database doesn't take them."""
    journal = folder / "exeat-data" / "journal" / "worker-1"
    journal.mkdir(parents=True)
    for number in range(1, 5):
        path_of(journal, number).touch()
    assert examined(folder)[0] == 0
    path_of(journal, 5).touch()
    code, found = examined(folder)
    assert (code, found["journal worker-1"][0]) == (1, "wrong")
    assert found["journal worker-1"][1].startswith("5 segments wait to be moved")


def test_a_wrong_setting(folder: Path) -> None:
    """A setting that can't be is exit code 2, as with every command."""
    result: subprocess.CompletedProcess[str] = run_here(folder, "doctor", env={"EXEAT_WORKERS": "many"})
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("exeat: EXEAT_WORKERS: ")
