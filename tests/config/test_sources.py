"""The document from the environment, from a file, and from both."""

import json
import os
from pathlib import Path

import pytest

from exeat.config.environment import Environment
from exeat.config.sources import read_file, read_variables
from tests.config.conftest import Desk

DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


def written(**variables: str) -> dict[str, object]:
    source = read_variables(Environment(variables, Path(".env")))
    assert source.problems == []
    return source.data


def test_a_variable_is_a_path() -> None:
    """Everything can be configured from the environment alone."""
    assert written(
        EXEAT_UPSTREAMS__GIT_HUB__URL="https://api.github.com",
        EXEAT_UPSTREAMS__GIT_HUB__CREDENTIAL__KIND="bearer",
        EXEAT_UPSTREAMS__GIT_HUB__CREDENTIAL__SECRET="[not-json",
        EXEAT_UPSTREAMS__GIT_HUB__TLS__SERVER_NAME="x.example",
        EXEAT_DESTINATIONS="a.com, *.b.org",
        EXEAT_CONSUMERS__WEB__KEY_SHA256=f"{DIGEST},{DIGEST}",
        EXEAT_CONSUMERS__WEB__GRANTS='["git-hub", {"destination": "*.b.org"}]',
        EXEAT_CORS__MAX_AGE="10m",
    ) == {
        "upstreams": {
            "git-hub": {
                "url": "https://api.github.com",
                "credential": {"kind": "bearer", "secret": "[not-json"},
                "tls": {"server_name": "x.example"},
            }
        },
        "destinations": ["a.com", "*.b.org"],
        "consumers": {
            "web": {
                "keys": [{"sha256": DIGEST}, {"sha256": DIGEST}],
                "grants": ["git-hub", {"destination": "*.b.org"}],
            }
        },
        "cors": {"max_age": "10m"},
    }


def test_whole_objects_as_json() -> None:
    """A value that begins with a bracket is JSON, and adds up with single fields."""
    assert written(EXEAT_UPSTREAMS__A=json.dumps({"url": "https://a.com"}), EXEAT_UPSTREAMS__A__METHODS="GET,POST") == {
        "upstreams": {"a": {"url": "https://a.com", "methods": ["GET", "POST"]}}
    }


def test_environment_alone_loads(desk: Desk) -> None:
    """A document without a file has the environment as the source of its objects."""
    loaded = desk.load(
        EXEAT_UPSTREAMS__GITHUB__URL="https://api.github.com",
        EXEAT_UPSTREAMS__GITHUB__PLAINTEXT="true",
        EXEAT_CONSUMERS__WEB__KEY_SHA256=DIGEST,
        EXEAT_CONSUMERS__WEB__GRANTS="github,destinations",
        EXEAT_DESTINATIONS="a.com",
    )
    assert loaded.snapshot.upstreams[b"github"].source == "environment"
    assert loaded.snapshot.consumers["web"].source == "environment"
    assert loaded.snapshot.keys[bytes.fromhex(DIGEST)].consumer.upstreams.keys() == {"github"}


def test_sources_merge(desk: Desk) -> None:
    """Names of file and environment stand side by side; each knows where it is from."""
    loaded = desk.load(
        "upstreams:\n  a: {url: https://a.com}\ndestinations: [x.com]\n",
        EXEAT_UPSTREAMS__B__URL="https://b.com",
        EXEAT_DESTINATIONS="y.com",
    )
    assert {up.name: up.source for up in loaded.snapshot.upstreams.values()} == {
        "a": "file exeat.yaml:2",
        "b": "environment",
    }
    assert {host: found[0].source for host, found in loaded.snapshot.exact.items()} == {
        "x.com": "file exeat.yaml:3",
        "y.com": "environment",
    }


def test_a_name_in_both_is_a_problem(desk: Desk) -> None:
    """An object has one source."""
    (line,) = desk.problems("upstreams:\n  a: {url: https://a.com}\n", {"EXEAT_UPSTREAMS__A__URL": "https://b.com"})
    assert line == "EXEAT_UPSTREAMS__A__URL: upstreams.a: is also in exeat.yaml:2; write it in one of them"


def test_problem_of_a_variable_names_it(desk: Desk) -> None:
    """A fault in the environment is found by the variable's name."""
    (line,) = desk.problems(variables={"EXEAT_UPSTREAMS__A__URL": "ftp://a.com"})
    assert line.startswith("EXEAT_UPSTREAMS__A__URL: upstreams.a.url: ")
    (line,) = desk.problems(variables={"EXEAT_UPSTREAMS__A__": "x"})
    assert "doesn't name a field" in line
    (line,) = desk.problems(variables={"EXEAT_DESTINATIONS": '["a.com'})
    assert line.startswith("EXEAT_DESTINATIONS: not valid YAML")


def test_contradicting_variables() -> None:
    """Two variables can't write the same field."""
    source = read_variables(
        Environment({"EXEAT_UPSTREAMS__A": "text", "EXEAT_UPSTREAMS__A__URL": "https://a.com"}, Path(".env"))
    )
    assert "contradicts" in source.problems[0].message


def test_dotenv_feeds_document_and_references(desk: Desk) -> None:
    """`.env` holds variables of the document and secrets alike."""
    desk.write(
        "EXEAT_UPSTREAMS__A__URL=https://a.com\nEXEAT_UPSTREAMS__A__CREDENTIAL={kind: bearer, secret: '${T}'}\nT=tok\n",
        ".env",
    )
    loaded = desk.load()
    assert loaded.snapshot.upstreams[b"a"].credential.kind == "bearer"
    assert desk.folder / ".env" in loaded.watched


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "isn't UTF-8"),
        (b"- a\n- b\n", "holds no mapping"),
        (b"just text", "holds no mapping"),
        (b"a: \x01", "doesn't allow"),
    ],
)
def test_wrong_file(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that holds no document is one clear problem."""
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    (problem,) = read_file(path, "x.yaml").problems
    assert words in problem.message


def test_missing_directory_and_pipe(tmp_path: Path) -> None:
    """What isn't a readable file is one clear problem; a pipe doesn't hang."""
    assert "No such file" in str(read_file(tmp_path / "none.yaml", "none.yaml").problems[0])
    assert "isn't a file" in str(read_file(tmp_path, "dir").problems[0])
    os.mkfifo(tmp_path / "pipe")
    assert "isn't a file" in str(read_file(tmp_path / "pipe", "pipe").problems[0])


def test_named_file_must_be_there(desk: Desk) -> None:
    """A document that is asked for by name has to exist."""
    assert desk.problems(variables={"EXEAT_CONFIG": "other.yaml"}) == [
        "other.yaml: can't be read: No such file or directory"
    ]


def test_empty_document_warns(desk: Desk) -> None:
    """Nothing configured is allowed, and said."""
    assert "nothing can be called" in str(desk.load().warnings[0])
    assert "nothing can be called" in str(desk.load("# nothing yet\n").warnings[0])
    assert "nothing can be called" not in str(desk.load("destinations: [a.com]\n").warnings)
