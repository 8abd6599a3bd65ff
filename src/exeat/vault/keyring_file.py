"""Where the keyring comes from: the setting, the file that it names, or the file in the data directory.

Rule 1: a file is seen whole or not at all, and is on the disk before a key of it is used.
Rule 2: no key is ever lost by Exeat: what can't be read is an error and never replaced; who rotates holds the file.
Rule 3: a file that others than its owner may read isn't used.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exeat.model.secret import Secret
from exeat.vault.keyring import Keyring, KeyringError, MasterKey, parse_keyring

KEYRING_FILE = "keyring"
FILE_PREFIX = "file:"
VARIABLE = "EXEAT_KEYRING"
SIZE_LIMIT = 1 << 16
_PREFACE = """\
# The master keys of this Exeat. What it has sealed can be opened with them alone: keep a copy in a safe place.
# The first key seals, all of them open. `exeat keyring rotate` puts a new one in front.
"""


def open_keyring(setting: Secret | None, directory: Path, data_dir: Path) -> Keyring:
    """The keyring to seal with: that of EXEAT_KEYRING, else of the data directory, where it is made if there is none.

    `directory` is where a relative path of the setting begins. Processes that make it at once end with the same one.
    KeyringError if it can't be used.
    """
    if setting is None and not os.path.lexists(data_dir / KEYRING_FILE):
        _make_file(data_dir / KEYRING_FILE)
    return read_keyring(setting, directory, data_dir)


def read_keyring(setting: Secret | None, directory: Path, data_dir: Path) -> Keyring:
    """The keyring as it is: nothing is made. KeyringError if there is none, or it can't be used."""
    written = "" if setting is None else setting.reveal()
    if written and not written.startswith(FILE_PREFIX):
        return _parse(written, VARIABLE)
    file = directory / written.removeprefix(FILE_PREFIX) if written else _existing(data_dir)
    with _opened(file, os.O_RDONLY) as descriptor:
        return _parse(_read(descriptor, file), file)


def rotate_keyring(data_dir: Path) -> Keyring:
    """Put a new key in front of those in the data directory's file; the keyring with it. KeyringError if it can't be.

    The rest of the file, comments too, stays as it is.
    """
    file = _existing(data_dir).resolve()  # a link stays one
    with _held(file) as descriptor:
        text = _read(descriptor, file)
        keyring = _parse(text, file)
        key = MasterKey.make()
        with _translated(file, "written"), _written_beside(file, _put_in_front(key, text), descriptor) as new:
            new.replace(file)
            _sync_folder(file.parent)
    return Keyring(key, *keyring.keys)


def _existing(data_dir: Path) -> Path:
    """The file in the data directory; KeyringError if nothing has that name."""
    file = data_dir / KEYRING_FILE
    if not os.path.lexists(file):
        raise KeyringError(f"There is no keyring in {data_dir} yet: it is made when something is first sealed")
    return file


def _make_file(file: Path) -> None:
    """Make a file with one new key, unless another process is faster."""
    with _translated(file, "made"):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _written_beside(file, _PREFACE + _line(MasterKey.make())) as new, contextlib.suppress(FileExistsError):
            file.hardlink_to(new)  # unlike a rename, it never takes another's place
        _sync_folder(file.parent)


def _put_in_front(key: MasterKey, text: str) -> str:
    """The text of a keyring with a line for a key before the first line that holds one."""
    lines = text.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.partition("#")[0].strip(" \t\r\n,"))
    return "".join([*lines[:first], _line(key), *lines[first:]])


def _line(key: MasterKey) -> str:
    return f"{key.reveal()}  # {key.id}\n"


@contextmanager
def _written_beside(file: Path, text: str, owner: int | None = None) -> Iterator[Path]:
    """A file with this text in the same folder, on the disk, for the owner of an open file; gone in the end."""
    new = file.with_name(f".{file.name}-{os.urandom(8).hex()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            if owner is not None:
                _give(descriptor, os.fstat(owner))
            out.write(text)
            out.flush()
            os.fsync(descriptor)
        yield new
    finally:
        new.unlink(missing_ok=True)


def _give(descriptor: int, owner: os.stat_result) -> None:
    """Give a file to the owner of another: root may rotate what the gateway's user has to read."""
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (owner.st_uid, owner.st_gid):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def _held(file: Path) -> Iterator[int]:
    """The file, open, held against others who rotate it, and still the one that has its name."""
    while True:
        with _opened(file, os.O_RDWR) as descriptor:
            with _translated(file, "held"):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                is_current = os.path.samestat(os.fstat(descriptor), file.stat())
            if is_current:
                yield descriptor
                return


@contextmanager
def _opened(file: Path, flags: int) -> Iterator[int]:
    with _translated(file, "opened"):
        descriptor = os.open(file, flags | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for its other end
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, file: Path) -> str:
    """The text of an open file that is fit to hold keys."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise KeyringError(f"{file} isn't a file")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyringError(f"{file} is open to others than its owner (mode {mode:04o}); run: chmod 600 {file}")
    if found.st_size > SIZE_LIMIT:
        raise KeyringError(f"{file} is larger than {SIZE_LIMIT >> 10} KiB: it isn't a keyring")
    with _translated(file, "read"):
        octets = os.read(descriptor, SIZE_LIMIT + 1)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyringError(f"{file} isn't UTF-8 text; put it back from a copy of it") from None


def _parse(text: str, source: Path | str) -> Keyring:
    try:
        return parse_keyring(text, "line" if isinstance(source, Path) else "key")
    except KeyringError as error:
        raise KeyringError(f"{source}: {error}") from None


def _sync_folder(folder: Path) -> None:
    """See that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(file: Path, done: str) -> Iterator[None]:
    """Turn what the system refuses into a KeyringError."""
    try:
        yield
    except OSError as error:
        raise KeyringError(f"The keyring {file} can't be {done}: {os.strerror(error.errno or 0)}") from error
