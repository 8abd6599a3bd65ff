"""The fuzz targets without their engine: every input of the corpus, and what the folders hold."""

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import FUZZ, TARGETS, Run, report
from fuzz.repeat import check_of
from fuzz.targets import document, response

SEEDS = sorted((FUZZ / "corpus").glob("*/*"))
MOST_SEEDS = 40
WITHOUT_ENGINE = "import runpy, sys; sys.modules['atheris'] = None; runpy.run_module('fuzz', run_name='__main__')"


def name(path: Path) -> str:
    return path.relative_to(FUZZ / "corpus").as_posix()


@pytest.mark.parametrize("seed", SEEDS, ids=name)
def test_every_promise_holds_for(seed: Path) -> None:
    """No input of the corpus breaks a promise of its parser."""
    check_of(seed.parent.name)(seed.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_target_has(target: str) -> None:
    """A target has a small corpus and a dictionary, and there are none without a target."""
    assert 10 < len(list((FUZZ / "corpus" / target).iterdir())) <= MOST_SEEDS
    assert (FUZZ / "dictionaries" / f"{target}.dict").is_file()
    assert {path.name for path in (FUZZ / "corpus").iterdir()} == set(TARGETS)
    assert {path.stem for path in (FUZZ / "dictionaries").iterdir()} == set(TARGETS)


def test_no_document_holds_a_secret_of_its_own() -> None:
    """What is searched for in problems is nothing that the engine could have put into a document."""
    known = [*(FUZZ / "corpus" / "document").iterdir(), FUZZ / "dictionaries" / "document.dict"]
    for secret in (*document.SECRETS.values(), document.IN_FILE):
        assert not any(secret.encode() in path.read_bytes() for path in known)


def test_the_secret_is_long_enough_to_be_searched() -> None:
    """The secret that upstreams echo has spellings that differ, so that each way of hiding it is searched for."""
    assert len({needle.octets for needle in response.NEEDLES}) >= 4


def test_without_the_engine() -> None:
    """Where atheris isn't installed, that is what is said."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ENGINE], capture_output=True, check=False, text=True, cwd=FUZZ.parent
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Fuzzing needs atheris, which isn't installed")
    assert "Traceback" not in done.stderr


def test_a_finding_is_repeated_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The report of a finding ends with the command that repeats it."""
    report(Run("request", 77, "#9 cov: 12 ft: 34 corp: 5/6b\nTest unit written to fuzz/findings/request-crash-0\n"))
    shown = capsys.readouterr().out
    assert "FOUND" in shown
    assert shown.endswith("-m fuzz.repeat request fuzz/findings/request-crash-0\n")
    report(Run("request", 0, "#9 cov: 12 ft: 34 corp: 5/6b\nstat::number_of_executed_units: 90\n"))
    assert capsys.readouterr().out.split() == ["request", "90", "?", "12", "34", "5", "nothing"]
