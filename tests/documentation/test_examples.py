"""Every example of the README, the concepts and the guides does what its page says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documentation.pages import TOLD, name_of, read_page
from tests.documentation.standins import Running, run_stand_ins
from tests.documentation.story import Story


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stand-ins, for all pages."""
    with run_stand_ins(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.mark.parametrize("path", TOLD, ids=name_of)
def test_examples_do_what_they_say(path: Path, tmp_path: Path, running: Running) -> None:
    """Each command runs, each document passes, and what they print is what the page shows."""
    Story(read_page(path), tmp_path.resolve(), running).tell()
