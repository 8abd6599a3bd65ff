"""What the database, or what stands in it, fails at: each one sentence that says what to do."""


class StoreError(Exception):
    """The store can't do what was asked; the sentence says what to do, and never holds a password."""


class StoreAwayError(StoreError):
    """The database can't be reached, or is busy: the same call may succeed later."""


class OldSchemaError(StoreError):
    """The database has the tables of an earlier version, or none yet, which `is_empty` says: the gateway makes them."""

    def __init__(self, message: str, *, is_empty: bool) -> None:
        super().__init__(message)
        self.is_empty = is_empty


class ChainError(StoreError):
    """A batch that doesn't continue its chain: nothing of the call was written."""

    def __init__(self, chain: str, message: str) -> None:
        super().__init__(message)
        self.chain = chain
