"""The sections `audit` and `bodies`: what they mean, what is refused in them, and secrets that no document may name."""

import json
import re

import pytest

from exeat.config.schema import render_schema
from exeat.config.sources import LISTS
from exeat.model.json_path import parse_json_path
from exeat.model.snapshot import Audit
from exeat.model.upstream import Bodies
from tests.config.conftest import Desk

DAY = 86_400.0
UPSTREAM = "upstreams:\n  api:\n    url: https://api.example.com\n    bodies: "


def bodies(desk: Desk, written: str) -> Bodies | None:
    """What is kept of the bodies of an upstream that says so."""
    return desk.load(UPSTREAM + written + "\n").snapshot.upstreams[b"api"].bodies


def test_without_a_word(desk: Desk) -> None:
    """Records survive the process, refuse what can't be recorded, stay for ever, without values; no body is kept."""
    snapshot = desk.load("upstreams: {api: {url: https://api.example.com}}\n").snapshot
    assert snapshot.audit == Audit(to_disk=False, goes_on=False, retention_s=None, query_values=frozenset())
    assert snapshot.upstreams[b"api"].bodies is None


def test_every_setting_of_the_trail(desk: Desk) -> None:
    """Each member of `audit` is in the snapshot as it is meant."""
    text = "audit: {durability: disk, on_failure: continue, retention: 400d, query_values: [page, 'a b']}\n"
    expected = Audit(to_disk=True, goes_on=True, retention_s=400 * DAY, query_values=frozenset({b"page", b"a b"}))
    assert desk.load(text).snapshot.audit == expected


def test_the_environment_writes_it_too(desk: Desk) -> None:
    """`EXEAT_AUDIT__…` and `EXEAT_UPSTREAMS__…__BODIES__…` mean what the document does."""
    variables = {
        "EXEAT_AUDIT__DURABILITY": "disk",
        "EXEAT_AUDIT__RETENTION": "7d",
        "EXEAT_AUDIT__QUERY_VALUES": "page,state",
        "EXEAT_UPSTREAMS__API__URL": "https://api.example.com",
        "EXEAT_UPSTREAMS__API__BODIES__RESPONSE": "1KiB",
        "EXEAT_UPSTREAMS__API__BODIES__REDACT": "$.token,$..password",
    }
    snapshot = desk.load(**variables).snapshot
    assert snapshot.audit == Audit(to_disk=True, retention_s=7 * DAY, query_values=frozenset({b"page", b"state"}))
    paths = (parse_json_path("$.token"), parse_json_path("$..password"))
    assert snapshot.upstreams[b"api"].bodies == Bodies(0, 1024, paths, 30 * DAY)


def test_the_environment_writes_every_list() -> None:
    """Lists can be written in a variable with commas between; those of objects as JSON, keys in their own way."""
    found: set[str] = set()

    def look(schema: object) -> None:
        if isinstance(schema, dict):
            for name, below in schema.get("properties", {}).items():
                if isinstance(below, dict) and below.get("type") == "array":
                    found.add(name)
            for below in schema.values():
                look(below)
        elif isinstance(schema, list):
            for below in schema:
                look(below)

    look(json.loads(render_schema()))
    assert {"query_values", "redact", "grants"} <= found
    assert found - LISTS == {"keys", "limits", "members", "pool", "rules", "webhooks"}


@pytest.mark.parametrize(
    ("written", "size"),
    [("1", 1), ("16KiB", 16384), ("1MiB", 1 << 20), ("64B", 64), ("1048576", 1 << 20), ("'16KiB'", 16384)],
)
def test_sizes(desk: Desk, written: str, size: int) -> None:
    """A size is a number of bytes, or has a unit; at most 1 MiB."""
    assert bodies(desk, f"{{request: {written}}}") == Bodies(size, 0, (), 30 * DAY)


def test_no_size_is_nothing(desk: Desk) -> None:
    """Where neither side has a size, nothing is kept."""
    assert bodies(desk, "{request: 0, retention: 1d}") is None


@pytest.mark.parametrize(
    ("written", "line", "problem"),
    [
        ("audit: {durability: always}", 1, "audit.durability: write process or disk"),
        ("audit:\n  on_failure: ignore", 2, "audit.on_failure: write refuse or continue"),
        ("audit:\n  retention: 400", 2, "audit.retention: "),
        ("audit: {retention: 0d}", 1, "audit.retention: write a number of days from 1d"),
        ("audit: {retention: 12h}", 1, "audit.retention: write a number of days from 1d"),
        ("audit: {retention: -1d}", 1, "audit.retention: write a number of days from 1d"),
        ("audit: {retention: ٣d}", 1, "audit.retention: write a number of days from 1d"),
        ('audit: {query_values: ["a\\nb"]}', 1, "audit.query_values: holds a control character"),
        ("audit: {retenton: 4d}", 1, "audit.retenton: unknown field; did you mean 'retention'?"),
        (UPSTREAM + "{request: 2MiB}", 4, "upstreams.api.bodies.request: write a size up to 1MiB, as in 16KiB"),
        (UPSTREAM + "{request: -1}", 4, "upstreams.api.bodies.request: write a size up to 1MiB"),
        (UPSTREAM + "{request: 16kb}", 4, "upstreams.api.bodies.request: write a size up to 1MiB"),
        (UPSTREAM + "{request: 1.5KiB}", 4, "upstreams.api.bodies.request: write a size up to 1MiB"),
        (UPSTREAM + "{request: true}", 4, "upstreams.api.bodies.request: write a size up to 1MiB"),
        (UPSTREAM + "{redact: [token]}", 4, "upstreams.api.bodies.redact: 'token' isn't a JSON path; write $.card"),
        (UPSTREAM + "{redact: ['$.a', '$[0]']}", 4, "upstreams.api.bodies.redact: '$[0]' isn't a JSON path"),
        (UPSTREAM + "{retention: 30}", 4, "upstreams.api.bodies.retention: "),
        (UPSTREAM + "{respons: 1}", 4, "upstreams.api.bodies.respons: unknown field; did you mean 'response'?"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(desk: Desk, written: str, line: int, problem: str) -> None:
    """One line for each problem, with file, line and path, and what to write."""
    [said] = desk.problems(written + "\n")
    assert re.match(rf"exeat\.yaml:{line}(:\d+)?: ", said) or said.startswith(f"exeat.yaml line {line}"), said
    assert problem in said, said


@pytest.mark.parametrize("name", ["EXEAT_KEYRING", "EXEAT_DATABASE_URL", "EXEAT_REDIS_URL", "EXEAT_ADMIN_TOKEN"])
@pytest.mark.parametrize("around", ["${%s}", "a${%s}b"])
def test_no_document_may_name_secrets_of_exeat(desk: Desk, name: str, around: str) -> None:
    """Exeat's own secrets can't be put where they would leave; neither value nor place of it is shown."""
    value = "postgresql://somebody:marker-of-a-password@db.example/exeat"
    text = UPSTREAM.partition("    bodies")[0] + f"    credential: {{kind: bearer, secret: '{around % name}'}}\n"
    desk.write(text)
    (desk.folder / ".env").write_text(f"{name}={value}\n" if name == "EXEAT_DATABASE_URL" else "")
    [said] = desk.problems(text)
    assert f"upstreams.api.credential.secret: {name} is Exeat's own secret: nothing that leaves may hold it" in said
    assert "marker" not in said
