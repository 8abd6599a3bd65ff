"""What the processes load. A worker: no validation, command line, configuration, certificate or database library.

import-linter proves the same of the text; this proves it of the running process, imports inside
functions and those of other libraries included. A worker is started again in the middle of
traffic, so each of these would be paid when it hurts.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "exeat"
HEAVY = {
    "alembic",
    "cryptography",
    "fastapi",
    "opentelemetry",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "redis",
    "rich",
    "sqlalchemy",
    "typer",
    "yaml",
}
DATA_PLANE = [
    ".".join(("exeat", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in [
        *sorted((PACKAGE / "proxy").rglob("*.py")),
        *(PACKAGE / "cli" / name for name in ("worker.py", "counters.py")),
    ]
    if path.exists()
]
# Commands that ask a gateway over the network, and load the administration itself only where there is none to ask.
REMOTE = [f"exeat.cli.admin.{name}" for name in ("apply", "export", "keys", "objects", "presets", "revisions")]
SHOW_LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _loaded_by(module: str) -> set[str]:
    """The libraries that a fresh interpreter has loaded once it has imported a module."""
    command = [sys.executable, "-c", SHOW_LOADED, module]
    loaded = set(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    assert "exeat" in loaded
    return loaded


@pytest.mark.parametrize("module", DATA_PLANE)
def test_data_plane_is_lean(module: str) -> None:
    """A fresh interpreter that imports a module of the data plane has loaded nothing heavy."""
    assert HEAVY & _loaded_by(module) == set()


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("exeat.cli.supervisor", {"sqlalchemy", "psycopg", "alembic", "fastapi", "redis"}),
        ("exeat.cli.control.process", {"psycopg", "alembic", "fastapi", "pydantic", "redis"}),
        *((module, {"sqlalchemy", "fastapi", "cryptography"}) for module in REMOTE),
    ],
)
def test_what_only_some_need_is_left_out(module: str, unneeded: set[str]) -> None:
    """A database, a control listener, the administration of this machine: each is loaded where it is used."""
    assert unneeded & _loaded_by(module) == set()
