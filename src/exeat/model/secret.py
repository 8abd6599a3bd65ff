"""A string that can't be printed, logged, compared by accident or pickled."""

import hmac
from typing import Never


class Secret:
    """Sensitive text; only `reveal` and `octets` give it out, so that every use can be found."""

    __slots__ = ("_value", "octets")

    def __init__(self, value: str) -> None:
        self._value = value
        self.octets = value.encode()  # for the data plane; never printed either

    def reveal(self) -> str:
        """The text itself: call this only where it is put on the wire or sealed."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> Never:
        msg = "a Secret can't be pickled or copied; see config/handover.py for the one place that may"
        raise TypeError(msg)
