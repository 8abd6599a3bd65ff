"""`exeat keyring`: which master keys there are, by their ids, a new one in front of them, and what needs the others."""

from collections.abc import Callable

from exeat.cli.output import FAILED, FINE, WRONG, complain, say, say_json
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.vault.keyring import NEW_KEY, Keyring, KeyringError
from exeat.vault.keyring_file import FILE_PREFIX, KEYRING_FILE, read_keyring, rotate_keyring


def list_keys(*, as_json: bool) -> int:
    """Print the ids of the keys, the one that seals first."""

    def work(settings: Settings) -> int:
        found = read_keyring(settings.keyring, settings.directory, settings.directory / settings.data_dir)
        if as_json:
            say_json(_members(found))
        else:
            say("\n".join(f"{key.id}  {'seals' if key == found.sealing else 'opens'}" for key in found.keys))
        return FINE

    return _with_settings(work)


def rotate(*, as_json: bool) -> int:
    """Put a new key in front of those in the data directory."""

    def work(settings: Settings) -> int:
        if settings.keyring is not None:
            complain([_rotate_elsewhere(is_file=settings.keyring.reveal().startswith(FILE_PREFIX))])
            return WRONG
        folder = settings.directory / settings.data_dir
        rotated = rotate_keyring(folder)
        if as_json:
            say_json(_members(rotated))
        else:
            say(_render(rotated, str(settings.data_dir / KEYRING_FILE)))
        return FINE

    return _with_settings(work)


def reseal_stored(*, as_json: bool) -> int:
    """Seal anew what older keys have sealed in the database."""
    from exeat.cli.resealing import reseal  # noqa: PLC0415 - the other commands need no database

    return _with_settings(lambda settings: reseal(settings, as_json=as_json))


def _with_settings(work: Callable[[Settings], int]) -> int:
    try:
        return work(read_settings())
    except ConfigError as error:
        return complain(error.problems)
    except KeyringError as error:
        complain([error])
        return FAILED


def _rotate_elsewhere(*, is_file: bool) -> str:
    """How to rotate what isn't Exeat's own: whoever provides it would put the old keys back over a new one."""
    holds, where = ("names the file of the keyring", "line break") if is_file else ("holds the keyring", "comma")
    return (
        f"EXEAT_KEYRING {holds}, so rotate it there: put a new key in front, with a {where} between, keep the old ones"
        f" behind it, and restart the gateway; make a key with: {NEW_KEY}"
    )


def _members(keyring: Keyring) -> list[dict[str, object]]:
    return [{"id": key.id, "seals": key == keyring.sealing} for key in keyring.keys]


def _render(keyring: Keyring, file: str) -> str:
    older = ", ".join(key.id for key in keyring.keys[1:])
    return f"""\
{keyring.sealing.id} seals from the next start of the gateway on.
What was sealed before is opened by {older}: keep that in the keyring.
Make a new copy of {file}: what is sealed can't be opened without it.
After that start, `exeat keyring reseal` seals anew what is in the database, and says which keys may go.
"""
