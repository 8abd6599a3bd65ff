"""Commands at a terminal: they show differences in colour, ask before they change something, and hide what is typed."""

import os
import pty
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from tests.cli.admin.place import Place
from tests.support.gateway import EXEAT, environment
from tests.support.markers import MARKERS

DOCUMENT = "upstreams: {github: {url: 'https://api.github.com'}}\n"


def talk(place: Place, *arguments: str, said: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal and answer each of its questions; its exit code, and all that was seen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*EXEAT, *arguments],
        cwd=place.folder,
        env=environment({**place.env, "TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, answers = b"", list(said)
    with suppress(OSError):  # how a terminal says that its other side is gone
        while more := os.read(ours, 65536):
            seen += more
            if answers and re.search(answers[0][0].encode() + rb" ?$", seen):
                os.write(ours, f"{answers.pop(0)[1]}\n".encode())
    os.close(ours)
    assert answers == [], seen
    return process.wait(10), seen.decode()


def test_it_asks_before_it_changes_something(place: Place) -> None:
    """A person sees the difference in colour, and says yes or no."""
    place.write("wanted.yaml", DOCUMENT)
    code, seen = talk(place, "apply", "wanted.yaml", said=[(r"\[y/N\]", "n")])
    assert (code, "Nothing was changed." in seen) == (1, True)
    assert "\x1b[32m  + url: https://api.github.com\x1b[0m" in seen
    assert place.read("export") == {}
    code, seen = talk(place, "apply", "wanted.yaml", said=[(r"\[y/N\]", "y")])
    assert (code, "1 change made: revision 1." in seen) == (0, True)
    place.do("upstream", "remove", "github")
    code, seen = talk(place, "revision", "rollback", "1", said=[(r"Go back to revision 1\? \[y/N\]", "yes")])
    assert (code, "revision 3 is as revision 1 was" in seen) == (0, True)


def test_what_is_typed_is_not_shown(place: Place) -> None:
    """A credential and a password are typed without an echo, a new password twice."""
    secret = MARKERS.make("a typed secret")
    code, seen = talk(place, "credential", "set", "github", said=[("Value of github:", secret)])
    assert (code, secret in seen) == (0, False)
    said = [("Password of ada:", secret), ("Password of ada, again:", f"{secret}!")]
    code, seen = talk(place, "admin", "create", "ada", said=said)
    assert (code, "they aren't the same" in seen, secret in seen) == (2, True, False)
    code, seen = talk(place, "admin", "create", "ada", said=[(question, secret) for question, _ in said])
    assert (code, secret in seen) == (0, False)
