"""What an edit of the configuration is refused for."""

from exeat.store.failure import StoreError


class NotFoundError(StoreError):
    """There is nothing of this name."""


class ExistsError(StoreError):
    """There is something of this name already."""


class StaleError(StoreError):
    """It was changed since the version that the editor has seen."""


class ConflictError(StoreError):
    """Something else needs it as it is."""


class InvalidError(StoreError):
    """What was given can't be kept."""
