"""What every test from end to end may ask for: an authority whose certificates are real, for the whole run."""

from pathlib import Path

import pytest

from tests.support.certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all upstreams and listeners of the run."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))
