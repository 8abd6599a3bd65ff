"""Who makes an edit, and why."""

from typing import NamedTuple


class Author(NamedTuple):
    """Stands in the revision: `why` is what they say of it."""

    name: str
    why: str = ""
