"""The edits of the configuration's tests: when they are made, and how they are begun."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from exeat.store.configuration.edit import Edit

NOW_US = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z

Change = Callable[[], AbstractContextManager[Edit]]
