"""What every test from end to end may ask for: an authority whose certificates are real, and a head that never ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway
from tests.support.raw_caller import RawCaller


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all upstreams and listeners of the run."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(scope="session")
def unfinished() -> Iterator[RawCaller]:
    """A caller whose head stays half sent; asked for long before it is looked at, it costs no wait of its own."""
    with Gateway("upstreams: {}\n") as gateway, RawCaller(gateway.port, limit_s=45) as caller:
        caller.send(b"GET / HTTP/1.1\r\nHost: never-ends\r\n")
        yield caller
