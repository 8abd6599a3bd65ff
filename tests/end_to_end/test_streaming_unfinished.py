"""A request that never becomes whole."""

import pytest

from exeat.errors import Code
from tests.support.problems import check_problem
from tests.support.raw_caller import RawCaller


@pytest.mark.slow
def test_client_timeout(unfinished: RawCaller) -> None:
    """A head that doesn't come to its end within 30 s is `client-timeout`, and the connection ends."""
    answer = unfinished.read()
    check_problem(answer, Code.CLIENT_TIMEOUT)
    assert answer.field("connection") == "close"
    assert unfinished.is_ended()
