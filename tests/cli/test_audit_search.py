"""`exeat audit search` and `exeat audit tail`: what they find, how it is shown, and what they say of wrong usage."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.gateway import EXEAT, environment, wait_until
from tests.support.recorded import TRACE, Recorded, database_of, recorded, recorded_in

ALL = {"cut", "broken", "ungranted", "keyless", "strange", "missing", "posted", "fine", "start"}
EXCHANGES = ALL - {"start"}
OF_WEB = {"fine", "posted", "missing", "strange", "cut"}


@pytest.fixture(scope="module")
def place() -> Iterator[Recorded]:
    """A trail of every kind of record."""
    with recorded() as place:
        yield place


@pytest.fixture(scope="module")
def lines(place: Recorded) -> list[bytes]:
    """The records as they were recorded, newest first."""
    return recorded_in(database_of(place.gateway.folder))[::-1]


def test_everything(place: Recorded, lines: list[bytes]) -> None:
    """Without options every record is there once, newest first; with --json byte for byte as it was recorded."""
    result = place.audit("search", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.encode().splitlines() == lines
    assert sorted(place.found()) == sorted(ALL)


def test_a_record_is_its_access_line(place: Recorded) -> None:
    """What a search prints of an exchange is, byte for byte, what its access line was."""
    access = place.gateway.stdout().splitlines()
    names = EXCHANGES - {"cut"}  # the process that would have written that line was killed
    for name in names:
        result = place.audit("search", "--json", "--where", f"id={place.ids[name]}")
        assert result.stdout.rstrip("\n") in access, name
    assert len(access) == len(names)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--consumer", "web"], OF_WEB),
        (["--consumer", "guest"], {"ungranted", "broken"}),
        (["--consumer", "nobody"], set()),
        (["--upstream", "api"], OF_WEB | {"ungranted"}),
        (["--upstream", "gone"], {"broken"}),
        (["--status", "404"], {"missing"}),
        (["--status", "2xx"], {"fine", "posted", "strange"}),
        (["--status", "4XX"], {"missing", "keyless", "ungranted"}),
        (["--status", "5xx"], {"broken"}),
        (["--error", "key-missing"], {"keyless"}),
        (["--error", "connect-failed"], {"broken"}),
        (["--outcome", "completed"], {"fine", "posted", "missing", "strange", "start"}),
        (["--outcome", "refused"], {"keyless", "ungranted"}),
        (["--outcome", "failed"], {"broken"}),
        (["--outcome", "interrupted"], {"cut"}),
        (["--kind", "exchange"], EXCHANGES),
        (["--kind", "change"], {"start"}),
        (["--path", "FINE/"], {"fine", "posted"}),
        (["--path", "%"], {"strange"}),
        (["--path", "_"], set()),
        (["--where", "key=key1"], OF_WEB),
        (["--where", "address=127.0.0.1"], EXCHANGES),
        (["--where", "method=POST"], {"posted"}),
        (["--where", f"trace={TRACE}"], {"fine"}),
        (["--where", "mode=path"], EXCHANGES),
        (["--where", "mode=envelope"], set()),
        (["--where", "decision=deny"], {"ungranted"}),
        (["--where", "answered=upstream"], {"fine", "posted", "missing", "strange"}),
        (["--where", "answered=gateway"], {"keyless", "ungranted", "broken", "cut"}),
        (["--where", "actor=supervisor"], {"start"}),
        (["--where", "action=start"], {"start"}),
        (["--where", "method=GET", "--where", "outcome=refused"], {"keyless", "ungranted"}),
        (["--consumer", "web", "--status", "2xx", "--path", "one", "--kind", "exchange"], {"fine"}),
        (["--consumer", "web", "--error", "key-missing"], set()),
        (["--since", "1h"], ALL),
        (["--since", "1h", "--until", "30m"], set()),
        (["--until", "2001-01-01T00:00:00Z"], set()),
        (["--since", "2001-01-01"], ALL),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_each_option_finds_what_it_says(place: Recorded, options: list[str], names: set[str]) -> None:
    """An option finds every record that it is of and no other; several find what all of them say."""
    found = place.found(*options)
    assert sorted(found) == sorted(names)


def test_a_range_begins_with_its_first_moment(place: Recorded, lines: list[bytes]) -> None:
    """`--since` has the records of its very moment, `--until` hasn't, whatever offset a time is written with."""
    record = json.loads(lines[len(lines) // 2])
    moment = datetime.fromisoformat(record["time"])
    elsewhere = moment.astimezone(tz=datetime.now(UTC).tzinfo).isoformat().replace("+00:00", "")
    later = (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")
    for written in (record["time"], elsewhere, later):
        since = place.audit("search", "--json", "--since", written).stdout
        until = place.audit("search", "--json", "--until", written).stdout
        assert record["id"] in since
        assert record["id"] not in until
        assert len(since.splitlines()) + len(until.splitlines()) == len(lines)


@pytest.mark.parametrize("limit", ["1", "4", str(len(ALL))])
def test_pages(place: Recorded, lines: list[bytes], limit: str) -> None:
    """Page by page with the cursor of the one before, each record comes once, and the last page has no cursor."""
    found: list[str] = []
    options: list[str] = []
    while True:
        result = place.audit("search", "--json", "--limit", limit, *options)
        page = result.stdout.splitlines()
        assert len(page) <= int(limit)
        found += page
        if not result.stderr:
            break
        match = re.fullmatch(r"There are more: (--cursor) (\S+)\n", result.stderr)
        assert match, result.stderr
        options = [match[1], match[2]]
    assert [line.encode() for line in found] == lines


def test_for_people(place: Recorded) -> None:
    """Without --json a record is one line: day and time, status, who, what, why."""
    shown = {line.split()[1]: line for line in place.audit("search").stdout.splitlines()}
    assert len(shown) >= 1
    text = place.audit("search", "--where", f"id={place.ids['fine']}").stdout
    pattern = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} 200 +[\d.]+ ms  web  GET api /Fine/one\?page=2&token=\*\n"
    assert re.fullmatch(pattern, text), text
    text = place.audit("search", "--where", f"id={place.ids['broken']}").stdout
    tries = "(3 attempts, not again: all attempts are made)"
    assert text.endswith(f"  guest  GET gone /fine  connect-failed {tries}  failed\n")
    text = place.audit("search", "--outcome", "interrupted").stdout
    assert text.endswith("  web  GET api /silent  interrupted\n")
    text = place.audit("search", "--kind", "change").stdout
    assert re.fullmatch(r"20\d\d-\d\d-\d\d [\d:.]{12} supervisor start instance/[0-9a-f]{12}\n", text)


def test_a_terminal_is_not_acted_on(place: Recorded) -> None:
    """What a caller writes into a path reaches a terminal as text that can be printed, with --json too."""
    for options in ((), ("--json",)):
        text = place.audit("search", "--where", f"id={place.ids['strange']}", *options).stdout
        assert "red" in text
        assert text.rstrip("\n").isprintable()


def test_tail(place: Recorded, lines: list[bytes]) -> None:
    """`tail` prints the last records, oldest first; -n says how many, and a search says which."""
    assert place.audit("tail", "--json", "-n", "3").stdout.encode().splitlines() == lines[:3][::-1]
    assert place.audit("tail", "--json", "-n", "0").stdout == ""
    assert place.audit("tail", "--json", "-n", "100").stdout.encode().splitlines() == lines[::-1]
    of_guest = place.audit("tail", "--json", "--consumer", "guest", "--status", "5xx").stdout
    assert json.loads(of_guest)["id"] == place.ids["broken"]


def test_following(place: Recorded) -> None:
    """`tail -f` shows, once each, what arrives while it runs and was asked for, until it is interrupted."""
    folder = place.gateway.folder
    command = [*EXEAT, "audit", "tail", "-f", "-n", "1", "--json", "--consumer", "web"]
    out = folder / "followed.jsonl"
    with (
        out.open("wb") as writing,
        subprocess.Popen(command, cwd=folder, env=environment({}), stdout=writing, stderr=subprocess.PIPE) as process,
    ):
        try:
            wait_until(lambda: out.read_bytes().count(b"\n") == 1, "the last record is shown")
            before = set(place.ids)
            for name in ("first", "second"):
                place.call(name, "GET", f"/api/{name}", place.web)
                place.call(f"not {name}", "GET", f"/api/{name}", place.guest)
                wait_until(lambda name=name: place.ids[name].encode() in out.read_bytes(), f"{name} is shown")  # type: ignore[misc]
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    shown = [json.loads(line)["id"] for line in out.read_bytes().splitlines()]
    assert shown == [place.ids["cut"], place.ids["first"], place.ids["second"]]
    assert (process.returncode, errors) == (1, b"")
    for name in set(place.ids) - before:
        del place.ids[name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["search", "--where", "methd=GET"],
            "--where methd=GET: write FIELD=VALUE; did you mean 'method'?; fields: ",
        ),
        (["search", "--where", "method"], "--where method: write FIELD=VALUE"),
        (["search", "--where", "=GET"], "--where =GET: write FIELD=VALUE; fields: "),
        (["search", "--consumer", "a", "--where", "consumer=b"], "--where consumer=b: consumer is asked for twice"),
        (["search", "--where", "mode=a", "--where", "mode=b"], "--where mode=b: mode is asked for twice"),
        (["search", "--since", "yesterday"], "'yesterday' is no time; write 15m, 6h or 30d (ago), or 2026-05-01T"),
        (["search", "--until", "999999w"], "'999999w' is no time"),
        (["search", "--since", "2026-13-01"], "'2026-13-01' is no time"),
        (["search", "--status", "6x"], "--status: '6x' is no status; write one like 404, a class like 5xx, or failed"),
        (["search", "--status", "9999"], "--status: '9999' is no status"),
        (["search", "--cursor", "nonsense"], "--cursor: The cursor isn't one that a search gave; search again"),
        (["search", "--cursor", "é"], "--cursor: The cursor isn't one that a search gave"),
        (["tail", "--status", "ok"], "--status: 'ok' is no status"),
        (["export", "trail.txt"], "'trail.txt' says no format; its name has to end in .jsonl, .csv, .parquet"),
        (["export", "trail"], "'trail' says no format"),
        (["export", "trail.csv", "--where", "path"], "--where path: write FIELD=VALUE"),
        (["verify", "trail.txt"], "'trail.txt' says no format"),
        (["verify", "--since", "never"], "'never' is no time"),
        (["verify", "--heads", "nothing.json"], "--heads nothing.json: isn't what `exeat audit verify --json` prints"),
        (["verify", "--heads", "h.json", "--since", "1h"], "--heads: can be compared with the whole trail"),
        (["verify", "trail.csv", "--heads", "h.json"], "--heads: can be compared with the whole trail"),
        (["verify", "trail.csv", "--until", "1h"], "an export is verified whole; leave out --since and --until"),
        (["prune", "--before", "long", "--yes"], "'long' is no time"),
        (["body", "nothing"], "there is no record nothing"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_usage(place: Recorded, arguments: list[str], said: str) -> None:
    """What can't be is exit code 2 and one line that says what to write; nothing is printed and nothing is written."""
    before = sorted(path.name for path in place.gateway.folder.iterdir())
    result = place.audit(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"exeat: {said}"), result.stderr
    assert sorted(path.name for path in place.gateway.folder.iterdir()) == before
