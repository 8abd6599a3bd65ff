"""What was meant by a name that isn't there."""

from collections.abc import Iterator
from contextlib import contextmanager

from exeat.cli.admin.api import Api, ApiError
from exeat.config.problem import suggest

NOT_FOUND = 404


@contextmanager
def named(api: Api, listed: str, name: str, field: str = "name") -> Iterator[None]:
    """A block that asks for a name; if there is none such, the nearest one that is listed is suggested."""
    try:
        yield
    except ApiError as error:
        names = [str(item[field]) for item in api.items(listed)] if error.status == NOT_FOUND else []
        near = "" if name in names else suggest(name, names)
        if not near:
            raise
        detail = str(error).rstrip(".") + near
        raise ApiError(error.status, error.code, detail, "", error.problems) from error
