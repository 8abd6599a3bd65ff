"""`exeat key aws`: the access key and secret by which clients of AWS sign for a key of Exeat."""

import re

from exeat.cli.output import FAILED, FINE, WRONG, complain, say, say_json
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.model.aws_pair import AwsPair
from exeat.model.key import PREFIX, SHAPE, is_well_formed
from exeat.vault.aws_pair import make_pair
from exeat.vault.keyring import KeyringError
from exeat.vault.keyring_file import open_keyring, read_keyring

_ID = re.compile(r"[0-9A-Za-z]{1,64}")
REMOTE = (
    "the pair is derived from the keyring of the gateway, which isn't on this machine (EXEAT_CONTROL_URL is set); run"
    " the command where the gateway runs"
)


def show_pair(key: str, *, as_json: bool) -> int:
    """Print the pair of a key, given whole or by its id, as lines for an environment."""
    key_id = _id_of(key)
    if key_id is None:
        return complain(["that is neither a key (exeat_…) nor a key's id, as `exeat key list` prints it"])
    try:
        settings = read_settings()
        if settings.control_url is not None:
            complain([REMOTE])
            return WRONG
        pair = derive_pair(settings, key_id)
    except ConfigError as error:
        return complain(error.problems)
    except KeyringError as error:
        complain([error])
        return FAILED
    if as_json:
        say_json(members_of(pair))
    else:
        say(render_pair(pair))
    return FINE


def derive_pair(settings: Settings, key_id: str) -> AwsPair:
    """The pair of the key with this id; KeyringError without a keyring.

    Where the data directory is all there is, the keyring is made: the gateway then uses it.
    """
    provide = open_keyring if settings.database_url is None else read_keyring
    try:
        keyring = provide(settings.keyring, settings.directory, settings.directory / settings.data_dir)
    except KeyringError as error:
        advice = "" if settings.database_url is None else "; set EXEAT_KEYRING to the keyring of the gateways"
        raise KeyringError(f"No pair can be derived: {error}{advice}") from error
    return make_pair(keyring, key_id)


def members_of(pair: AwsPair) -> dict[str, str]:
    """The pair as JSON has it."""
    return {"access_key_id": pair.access_key_id, "secret_access_key": pair.secret.reveal()}


def render_pair(pair: AwsPair) -> str:
    """The pair as lines that a shell, or a file of variables, takes."""
    return f"AWS_ACCESS_KEY_ID={pair.access_key_id}\nAWS_SECRET_ACCESS_KEY={pair.secret.reveal()}"


def _id_of(key: str) -> str | None:
    if key.encode().startswith(PREFIX):
        match = SHAPE.fullmatch(key.encode())
        return match[1].decode() if match and is_well_formed(key.encode()) else None
    return key if _ID.fullmatch(key) else None
