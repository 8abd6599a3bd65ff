"""How a command reaches the admin API, and what becomes of all that can go wrong on the way."""

# ruff: noqa: PLC0415 - who asks over the network doesn't load a database and a web framework

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exeat.cli.admin.api import Api, ApiAwayError, ApiError
from exeat.cli.admin.remote import open_remote
from exeat.cli.output import FAILED, WRONG, complain
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.store.failure import StoreError
from exeat.vault.keyring import KeyringError

# What the caller can mend in what was asked; all else is a failure.
USAGE = frozenset({400, 404, 405, 409, 413, 415, 422})


class UsageError(Exception):
    """Something on the command line can't be; the sentence says what to write."""


@contextmanager
def open_api(settings: Settings) -> Iterator[Api]:
    """The admin API at EXEAT_CONTROL_URL, else of the local database, for a block."""
    if settings.control_url is not None:
        with open_remote(settings, settings.control_url) as remote:
            yield Api(remote)
        return
    from exeat.cli.admin.local import open_local

    with open_local(settings) as local:
        yield Api(local)


def with_api(work: Callable[[Api], int]) -> int:
    """Do something with the admin API; the exit code, whatever goes wrong."""

    def run() -> int:
        with open_api(read_settings()) as api:
            return work(api)

    return guarded(run)


def guarded(work: Callable[[], int]) -> int:
    """Do something that may fail in one of the ways that are nobody's bug; the exit code."""
    try:
        return work()
    except ConfigError as error:
        return complain(error.problems)
    except UsageError as error:
        return complain([error])
    except ApiError as error:
        return complain_of(error)
    except (ApiAwayError, StoreError, KeyringError) as error:
        complain([error])
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def complain_of(error: ApiError) -> int:
    """Say what the API refused, and why; the exit code."""
    complain(error.problems or [_sentence(error)])
    return WRONG if error.status in USAGE else FAILED


def _sentence(error: ApiError) -> str:
    text = str(error).rstrip(".") or error.code
    return f"{text} ({error.code}). {error.hint}" if error.hint else f"{text} ({error.code})"
