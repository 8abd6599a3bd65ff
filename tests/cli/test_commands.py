"""The short commands: version, schema, key create, check, and the reference page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exeat import __version__
from exeat.cli.reference import PAGE, render_reference
from exeat.config.schema import render_schema
from exeat.model.key import is_well_formed
from tests.support.gateway import run_exeat

ROOT = Path(__file__).resolve().parents[2]
MARKER = "marker-of-a-secret-that-must-not-be-seen"
HEAVY = {"pydantic", "yaml", "cryptography", "uvloop", "rich", "asyncio", "ssl"}


def test_the_reference_page_is_current() -> None:
    """docs/reference/cli.md is what the commands say of themselves."""
    assert (ROOT / "docs" / "reference" / PAGE).read_text("utf-8") == render_reference()


def test_commands_load_only_what_they_need() -> None:
    """The command line itself loads nothing heavy: that is what makes `exeat version` immediate."""
    code = "import sys, exeat.cli.main; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()


def test_version(tmp_path: Path) -> None:
    """The version is there for people and for programs."""
    assert run_exeat("version", cwd=tmp_path).stdout.startswith(f"exeat {__version__} (Python ")
    assert json.loads(run_exeat("version", "--json", cwd=tmp_path).stdout)["version"] == __version__


def test_schema(tmp_path: Path) -> None:
    """`exeat schema` prints the published schema."""
    assert run_exeat("schema", cwd=tmp_path).stdout == render_schema()


def test_help_lists_every_command(tmp_path: Path) -> None:
    """`exeat --help` names what there is, in a sentence each."""
    result = run_exeat("--help", cwd=tmp_path)
    assert result.returncode == 0
    for command in ("serve", "demo", "check", "explain", "key", "schema", "version"):
        assert re.search(rf"^  {command} +[A-Z]", result.stdout, re.MULTILINE), command


@pytest.mark.parametrize("arguments", [("nonsense",), ("serve", "--nonsense"), ("explain",), ("key", "burn")])
def test_wrong_usage_is_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """What isn't understood is said in words, without a traceback."""
    result = run_exeat(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_new_key_fits_the_document(tmp_path: Path) -> None:
    """What `key create` prints can be pasted, and the key is then known."""
    result = run_exeat("key", "create", "web-shop", cwd=tmp_path)
    key, _, rest = result.stdout.partition("\n")
    assert is_well_formed(key.encode())
    assert result.stdout.count(key) == 1
    (tmp_path / "exeat.yaml").write_text(rest[rest.index("consumers:") :])
    checked = json.loads(run_exeat("check", "--json", cwd=tmp_path).stdout)
    assert (checked["ok"], checked["keys"]) == (True, 1)
    explained = json.loads(run_exeat("explain", key, "GET", "/nothing", "--json", cwd=tmp_path).stdout)
    assert (explained["consumer"], explained["code"]) == ("web-shop", "upstream-unknown")


def test_a_new_key_as_json(tmp_path: Path) -> None:
    """`--json` prints key, id and SHA-256; two keys are never the same."""
    made = [json.loads(run_exeat("key", "create", "--json", cwd=tmp_path).stdout) for _ in range(2)]
    assert [set(one) for one in made] == [{"key", "id", "sha256"}] * 2
    assert made[0]["key"] != made[1]["key"]
    assert f"exeat_{made[0]['id']}_" in made[0]["key"]


def test_a_name_that_no_document_takes_is_refused(tmp_path: Path) -> None:
    """A consumer's name is checked before a key is made for it."""
    result = run_exeat("key", "create", "Web Shop", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")


def test_check_finds_everything_and_does_nothing(tmp_path: Path) -> None:
    """All problems at once, with their lines, as text and as JSON; no file is made, no secret said."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "upstreams:\n"
        "  a:\n"
        "    url: http://a.example\n"
        f'    credential: {{kind: bearer, secret: "{MARKER}\\n{MARKER}"}}\n'
        "  b: {url: https://b.example, credential: {kind: bearer, secret: '${NOT_SET}'}}\n"
        "destinations: [Example.com]\n"
    )
    text = run_exeat("check", "gateway.yaml", cwd=tmp_path)
    assert (text.returncode, text.stdout) == (2, "")
    data = run_exeat("check", "gateway.yaml", "--json", cwd=tmp_path)
    assert data.returncode == 2
    answer = json.loads(data.stdout)
    assert answer["ok"] is False
    assert {problem["line"] for problem in answer["problems"]} == {3, 4, 5, 6}
    assert {problem["source"] for problem in answer["problems"]} == {"gateway.yaml"}
    assert all(f"gateway.yaml:{line}: " in text.stderr for line in (3, 4, 5, 6))
    assert MARKER not in text.stderr + data.stdout + data.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["gateway.yaml"]


def test_check_of_a_good_document(tmp_path: Path) -> None:
    """No problems is exit code 0; what is probably not meant is a warning."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {a: {url: https://a.example}}\nconsumers: {web: {}}\n")
    text = run_exeat("check", cwd=tmp_path)
    assert text.returncode == 0
    assert "warning: exeat.yaml:2: consumers.web: has no grants" in text.stdout
    assert "No problems: 1 upstream, 0 destinations, 1 consumer, 0 keys; " in text.stdout
    answer = json.loads(run_exeat("check", "--json", cwd=tmp_path).stdout)
    assert (answer["ok"], answer["upstreams"], len(answer["warnings"])) == (True, 1, 1)
    (tmp_path / "exeat.yaml").write_text("limits: [{rate: 5/second}]\nconsumers: {web: {limits: [{quota: 5/day}]}}\n")
    assert ", 0 keys, 2 limits; " in run_exeat("check", cwd=tmp_path).stdout


def test_check_of_nothing(tmp_path: Path) -> None:
    """A file that isn't there is one line."""
    result = run_exeat("check", "nowhere.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "exeat: nowhere.yaml: can't be read: No such file or directory\nexeat: 1 problem\n"
