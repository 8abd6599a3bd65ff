"""The mark of a field that an edit leaves as it is, where None has a meaning of its own."""

from enum import Enum
from typing import Final, Literal


class Keep(Enum):
    """Has one member."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
Kept = Literal[Keep.KEEP]
