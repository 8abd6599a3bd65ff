"""The chains of the range; whoever has it as a parameter runs once for each."""

import pytest

from tests.smuggling.chains import CHAINS, Chain


@pytest.fixture(scope="module", params=CHAINS, ids=str)
def chain(request: pytest.FixtureRequest) -> Chain:
    """One of the chains."""
    chain = request.param
    assert isinstance(chain, Chain)
    return chain
