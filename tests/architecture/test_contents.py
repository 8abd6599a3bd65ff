"""What no file of the project may hold, and what its locks must."""

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = [
    line.rstrip("/")
    for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:root|work|home/\w+)(?![\w-])")
REGISTRY = re.compile(r"(?:pypi|pythonhosted|npmjs|debian|golang|crates|maven)\.(?:org|com|io)\b", re.IGNORECASE)
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?P<condition>[^\\]*)", re.MULTILINE)
LOCKS = ["run", "test", "fuzz", "node"]


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file that is, or could be, committed."""
    for path in sorted(folder.iterdir()):
        if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in IGNORED):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def lock(which: str) -> str:
    return (ROOT / "requirements" / f"{which}.txt").read_text(encoding="utf-8")


def name_of(requirement: str) -> str:
    """The normalized name in `Name[extra]>=1` (the packaging rule that makes `A.b_c` `a-b-c`)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY], ids=["path", "registry"])
def test_nothing_of_one_machine_is_committed(pattern: re.Pattern[str]) -> None:
    """No file names a folder of its author's machine, nor where packages are fetched from."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files()
        for match in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("which", LOCKS)
def test_lock_holds_no_address(which: str) -> None:
    """A lock says what to install, never where from."""
    assert re.findall(r"\w+://\S*|^-.*| @ .*", lock(which), re.MULTILINE) == []


@pytest.mark.parametrize("which", LOCKS)
def test_every_pin_has_a_hash(which: str) -> None:
    """Each entry of a lock is an exact version followed by hashes, and nothing else."""
    text = re.sub(r"^ *#.*\n", "", lock(which), flags=re.MULTILINE)
    entries = [entry.split(" \\\n    ") for entry in re.split(r"\n(?=\S)", text.strip())]
    assert entries
    for requirement, *hashes in entries:
        assert PIN.match(requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), requirement


def test_what_is_tested_is_what_runs() -> None:
    """Every version in the run lock is the one in the test lock."""
    assert {match[0] for match in PIN.finditer(lock("run"))} <= {match[0] for match in PIN.finditer(lock("test"))}


def test_fuzzing_changes_nothing_that_is_tested() -> None:
    """The fuzz lock only adds to the test lock: it names no package of it."""
    assert not {match["name"] for match in PIN.finditer(lock("fuzz"))} & {
        match["name"] for match in PIN.finditer(lock("test"))
    }


def test_the_lock_of_the_dashboard_holds_no_addresses() -> None:
    """Where packages come from is the machine's affair; `make lock` takes out what npm writes of others."""
    assert "://" not in (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")


def test_locks_hold_what_the_project_declares() -> None:
    """A dependency added to pyproject.toml is in the locks too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    run = {
        *project["project"]["dependencies"],
        *groups["build"],
        *project["build-system"]["requires"],
    }
    fuzz, node = set(groups.pop("fuzz")), set(groups.pop("node"))
    test = run.union(*groups.values())
    for which, declared in ("run", run), ("test", test), ("fuzz", fuzz), ("node", node):
        locked = {match["name"] for match in PIN.finditer(lock(which))}
        assert {name_of(one) for one in declared} - locked == set(), which
