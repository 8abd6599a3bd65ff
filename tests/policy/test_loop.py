"""A request that has been here before is recognised by its Via."""

import pytest

from exeat.errors import Code, GatewayError
from exeat.policy.forward import check_loop
from tests.support.values import head


@pytest.mark.parametrize(
    ("via", "loops"),
    [
        ("1.1 exeat-1", True),
        ("1.0 fred, 1.1 EXEAT-1 (comment)", True),
        ("1.1 exeat-2", False),
        ("1.1 exeat-11", False),
        ("1.1 not-exeat-1", False),
        ("", False),
    ],
)
def test_a_request_that_has_been_here(via: str, loops: bool) -> None:  # noqa: FBT001 - parametrized
    """A Via that names this gateway is a loop."""
    request = head(f"Via: {via}")
    if loops:
        with pytest.raises(GatewayError) as caught:
            check_loop(request, b"Exeat-1")
        assert caught.value.code is Code.LOOP_DETECTED
    else:
        check_loop(request, b"exeat-1")
    check_loop(head(), b"exeat-1")
