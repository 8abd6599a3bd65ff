"""What a parser may end in: a value, or a refusal under a code that it documents; anything else is a finding."""

from collections.abc import Callable, Container
from typing import TypeVar

from exeat.errors import Code, GatewayError

T = TypeVar("T")


def value_of(call: Callable[[], T], refusals: Container[Code]) -> T | None:
    """What the call returns; None where it refuses under one of the codes."""
    try:
        return call()
    except GatewayError as error:
        if error.code not in refusals:
            raise
    return None
